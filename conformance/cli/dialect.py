"""`dialect capture`: a new dialect from what a release answers."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from conformance.capture.answers import captured
from conformance.capture.rules import listed, rules
from conformance.capture.writing import Writer
from conformance.cli.options import TIMEOUT
from conformance.cli.progress import along
from conformance.engine.runner import Run, Terms, select
from conformance.fixtures.read import checked, read_suite
from conformance.patience import checked as seconds

DESCRIPTION = (
    "Run all cases on a release as the dialect that a new one extends, twice, and write what it "
    "answers otherwise into the fixtures. Where the two runs differ, it names the cases and writes "
    "nothing."
)
OPENS = ("backend",)
_ID = re.compile(r"^[a-z0-9]+(-[a-z0-9.]+)+$")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["capture"])
    parser.add_argument("--backend", required=True, help="as in run")
    parser.add_argument("--extends", metavar="DIALECT", help="the nearest one, of a new dialect")
    parser.add_argument(
        "--id", required=True, help="of the new dialect, or of one that lacks newer cases"
    )
    parser.add_argument(
        "--leave", action="append", default=[], metavar="CASE",
        help="write nothing of this case, a person does (* matches)",
    )  # fmt: skip
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="default: those that ship")
    parser.add_argument(f"--{TIMEOUT.name}", **TIMEOUT.settings)


def run(options: argparse.Namespace) -> int:
    suite = checked(read_suite(options.fixtures))
    known = options.id in suite.dialects
    if known and options.extends:
        raise ValueError(f"there is a dialect {options.id} already; leave --extends out")
    if not known and not options.extends:
        raise ValueError(f"--extends: say which dialect {options.id} is nearest to, see identify")
    if not _ID.match(options.id):
        raise ValueError(f"--id {options.id}: write it like mlx-lm-0.33")
    left = [case.id for case in select(suite, options.leave)] if options.leave else []
    terms = Terms(timeout=seconds("--timeout", options.start_timeout))
    parent = options.extends or options.id
    opened = Run(suite, options.backend, parent, terms)
    try:
        answers = captured(opened, options.id, leave=left, along=along)
    finally:
        opened.close()
    writer = Writer(suite, answers)
    writer.collect(options.backend, opened.handshake.implementation)
    written = writer.save()
    for path in written:
        print(f"written: {path}")
    cases = {each.case.id for each in answers.changed}
    print(f"{len(cases)} cases have other answers, {len(answers.unable)} cannot be carried out")
    for op, why in answers.gone.items():
        print(f"not there: {op} ({why})")
    for op in answers.back:
        print(f"there, unlike in {parent}: {op}")
    found = rules(suite, answers.dialect, answers.changed)
    if found:
        from conformance.transport import reference_rules

        where = reference_rules.rules(parent, [each.operation for each in found])
        print(f"rules that must follow, in a module of the reference for {options.id}:")
        for line in listed(suite, found, where):
            print(f"  {line}")
    for name, why in answers.left.items():
        print(f"left to you: {name}: {why}")
    print("`lint` counts what is marked `captured`; take a mark off when you have looked at it")
    return 0
