"""`replay`: the calls of a transcript once more, on any backend, beside the reference."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance import values
from conformance.engine.dialect import dialect_named
from conformance.fixtures.dialects import read_dialects
from conformance.kinds import KINDS
from conformance.properties import transcript
from conformance.properties.comparison import Comparison
from conformance.properties.run import replayed
from conformance.transport import connect
from conformance.transport.restarting import RestartingBackend

_DIFFERENT = 1

DESCRIPTION = (
    "Give a backend the calls of a transcript that --properties saved, and compare its answers "
    "with the reference's. Exit code 0 if they agree, 1 if not."
)
OPENS = ("backend",)  # backends that are opened in this process


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a .jsonl file that a failed property names")
    parser.add_argument("--backend", default="reference")
    parser.add_argument("--dialect", help="by which rules; default: the one of the transcript")


def run(options: argparse.Namespace) -> int:
    head, calls = transcript.read(options.file)
    name = options.dialect or head.dialect
    dialect = dialect_named(name, read_dialects())
    session = RestartingBackend(lambda: connect(options.backend, name, problem=KINDS.problem))
    try:
        with connect("reference", name) as model:
            drawn, got, at = replayed(Comparison(model, session, dialect, KINDS), calls)
    finally:
        session.close()
    for index, (call, ours) in enumerate(zip(drawn.calls, drawn.replies, strict=True)):
        if at is not None and index > at:
            break
        print(f"{index:3} {values.call(call.op, call.arguments)}")
        if index != at:
            print(f"      {values.reply(ours)}")
            continue
        theirs = values.reply(got.replies[at]) if at < len(got.replies) else f"{got.trouble}"
        print(f"      expected: {values.reply(ours)}")
        print(f"      got:      {theirs}")
    who = session.handshake.implementation
    verdict = "answers alike" if at is None else f"differs at call {at}"
    print(f"{who.name} {who.version} as {name}: {verdict}, {len(drawn.calls)} calls")
    return 0 if at is None else _DIFFERENT
