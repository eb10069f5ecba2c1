"""A difference as a file of JSON lines: one about it, then one for each call with both answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from conformance.calls import Call, Refused, Reply
from conformance.fixtures.userfile import FixtureError
from conformance.transport.backend import ProtocolViolation, from_wire, to_wire

FORMAT = 1
MAX_BYTES = 64 * 1024 * 1024


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. `case` is its YAML; `verdict` what it came to when it was found."""

    transcript: int
    dialect: str
    backend: str
    origin: str
    verdict: str
    case: str


class _Line(msgspec.Struct, frozen=True):
    method: str
    params: dict[str, Any]
    reference: dict[str, Any]
    backend: dict[str, Any] | None = None


def write(
    path: Path,
    head: Head,
    calls: Sequence[Call],
    ours: Sequence[Reply],
    theirs: Sequence[Reply],
) -> None:
    """Write a transcript; `theirs` may end early, where the backend did."""
    lines = [msgspec.to_builtins(head)]
    for index, call in enumerate(calls):
        got = _reply(theirs[index]) if index < len(theirs) else None
        lines.append({"method": call.op, "params": to_wire(call.arguments),
                      "reference": _reply(ours[index]), "backend": got})  # fmt: skip
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise FixtureError(f"{path}: cannot be written: {error.strerror}") from None


def read(path: Path) -> tuple[Head, list[Call]]:
    """What was asked, and about whom. FixtureError names file, line and what is wrong."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise FixtureError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise FixtureError(f"{path}: a transcript has at most {MAX_BYTES} bytes")
    lines = raw.splitlines()
    if not lines:
        raise FixtureError(f"{path}:1: the file is empty; a transcript is written by --properties")
    head = _decode(path, 1, lines[0], Head)
    if head.transcript != FORMAT:
        raise FixtureError(f"{path}:1: transcript format {head.transcript}; this reads {FORMAT}")
    calls = []
    for number, line in enumerate(lines[1:], start=2):
        row = _decode(path, number, line, _Line)
        try:
            calls.append(Call(row.method, from_wire(row.params)))
        except ProtocolViolation as error:
            raise FixtureError(f"{path}:{number}: {error}") from None
    if not calls:
        raise FixtureError(f"{path}: holds no call")
    return head, calls


def _decode(path: Path, number: int, line: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FixtureError(f"{path}:{number}: not a line of a transcript: {error}") from None


def _reply(reply: Reply) -> dict[str, Any]:
    if isinstance(reply, Refused):
        data = {"kind": reply.kind, "payload": reply.payload}
        return {"error": {"message": reply.message, "data": data}}
    return {"result": to_wire(reply.value)}
