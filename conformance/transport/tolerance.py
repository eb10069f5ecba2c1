"""What is taken as it is meant, though the protocol has it otherwise.

Each of these is what some JSON library writes by default. A run takes them; the doctor has a word
for them.
"""

from __future__ import annotations

from typing import Any

from conformance.transport.causes import Oddity

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_TEXTS = ("version", "homepage", "issues", "mlx", "device")  # which may be unknown


def without_mark(line: bytes) -> tuple[bytes, frozenset[Oddity]]:
    """A line without a byte order mark, which a program may write before its first one."""
    if not line.startswith(BYTE_ORDER_MARK):
        return line, frozenset()
    return line[len(BYTE_ORDER_MARK) :], frozenset({Oddity.BYTE_ORDER_MARK})


def as_meant(message: Any) -> tuple[Any, frozenset[Oddity]]:
    """A response, or a list of them, without nulls in place of what may be left out."""
    if isinstance(message, list):
        each = [as_meant(one) for one in message]
        return [one for one, _ in each], frozenset().union(*(odd for _, odd in each))
    if not isinstance(message, dict):
        return message, frozenset()
    if message.get("error", ...) is None and "result" in message:
        bare = {key: value for key, value in message.items() if key != "error"}
        return bare, frozenset({Oddity.ERROR_NULL})
    error = message.get("error")
    data = error.get("data") if isinstance(error, dict) else None
    if isinstance(error, dict) and isinstance(data, dict) and data.get("payload", ...) is None:
        data = {key: value for key, value in data.items() if key != "payload"}
        return {**message, "error": {**error, "data": data}}, frozenset({Oddity.PAYLOAD_NULL})
    return message, frozenset()


def handshake_as_meant(value: Any) -> tuple[Any, frozenset[Oddity]]:
    """The result of `initialize` with an empty text for each text that it gives as null."""
    if not isinstance(value, dict):
        return value, frozenset()
    who = value.get("implementation")
    said = value
    if isinstance(who, dict):
        said = {**said, "implementation": {**who, **_emptied(who, _TEXTS)}}
    said = {**said, **_emptied(said, ("dialect",))}
    return said, frozenset() if said == value else frozenset({Oddity.TEXT_NULL})


def _emptied(table: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {name: "" for name in names if table.get(name, ...) is None}
