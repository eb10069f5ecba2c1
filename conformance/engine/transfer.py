"""A verdict as text, for its way from the pytest process that judged to the one that reports."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from conformance.calls import Refused
from conformance.engine.plan import NOT_APPLICABLE
from conformance.engine.verdict import Choice, Mismatch, Status, Verdict
from conformance.outcomes.difference import Difference
from conformance.outcomes.registry import OUTCOMES
from conformance.tensor import Deviation, Tensor
from conformance.values import Data

_TYPE, _OF = "is", "of"  # the keys of everything that JSON has no form for
_INTEGERS = range(-(2**63), 2**63)


def dumped(verdict: Verdict) -> str:
    """The text of a verdict."""
    return msgspec.json.encode(_plain(verdict)).decode()


def loaded(text: str) -> Verdict:
    """The verdict of a text."""
    verdict = _READER.value(msgspec.json.decode(text))
    assert isinstance(verdict, Verdict)
    return verdict


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        fields = {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        return {_TYPE: type(value).__name__, _OF: fields}
    if isinstance(value, Status):
        return {_TYPE: Status.__name__, _OF: value.value}
    if isinstance(value, dict):
        entries = [[_plain(key), _plain(item)] for key, item in value.items()]
        return {_TYPE: dict.__name__, _OF: entries}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return {_TYPE: tuple.__name__, _OF: [_plain(item) for item in value]}
    if isinstance(value, bytes):
        return {_TYPE: bytes.__name__, _OF: value.hex()}
    if isinstance(value, float) and not math.isfinite(value):
        return {_TYPE: float.__name__, _OF: repr(value)}
    if isinstance(value, bool) or value is None or isinstance(value, (str, float)):
        return value if not isinstance(value, str) else _text(value)
    if isinstance(value, int):
        small = value in _INTEGERS
        return value if small else {_TYPE: int.__name__, _OF: hex(value)}
    return {_TYPE: Foreign.__name__, _OF: {"shown": repr(value)}}


def _text(value: str) -> Any:
    """A text; one that is no Unicode, as a surrogate alone, by its code points."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return {_TYPE: str.__name__, _OF: [ord(character) for character in value]}
    return value


class Foreign(Data, frozen=True):
    """A value of a type that does not travel, by its representation."""

    shown: str

    def words(self) -> str:
        return self.shown


def travelling() -> Iterator[type[msgspec.Struct]]:
    """The structs that a verdict can hold; their names must differ."""
    yield from (Verdict, Mismatch, Choice, Difference, Refused, Tensor, Deviation)
    known: tuple[type[Data], ...] = (*OUTCOMES, *NOT_APPLICABLE, *_subclasses(Data))
    yield from dict.fromkeys(known)


class _Reader:
    def __init__(self) -> None:
        self._structs: dict[str, type[msgspec.Struct]] = {}

    def value(self, plain: Any) -> Any:
        if isinstance(plain, list):
            return [self.value(item) for item in plain]
        if not isinstance(plain, dict):
            return plain
        kind, of = plain[_TYPE], plain[_OF]
        other = getattr(self, f"_{kind.lower()}", None)
        if other is not None:
            return other(of)
        if kind not in self._structs:  # of a module that was imported since
            self._structs = {one.__name__: one for one in travelling()}
        fields = {name: self.value(item) for name, item in of.items()}
        return self._structs[kind](**fields)

    def _status(self, of: str) -> Status:
        return Status(of)

    def _dict(self, of: list[Any]) -> dict[Any, Any]:
        return {self.value(key): self.value(item) for key, item in of}

    def _tuple(self, of: list[Any]) -> tuple[Any, ...]:
        return tuple(self.value(item) for item in of)

    def _bytes(self, of: str) -> bytes:
        return bytes.fromhex(of)

    def _float(self, of: str) -> float:
        return float(of)

    def _int(self, of: str) -> int:
        return int(of, 16)

    def _str(self, of: list[int]) -> str:
        return "".join(map(chr, of))


_READER = _Reader()


def _subclasses(base: type[Any]) -> Iterator[type[Any]]:
    for one in base.__subclasses__():
        yield one
        yield from _subclasses(one)
