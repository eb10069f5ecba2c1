"""The JSON header of a safetensors file, read with its own small grammar and nothing more.

A general JSON reader builds whatever a file says before anybody can look at it, and keeps the last
of two equal keys. This one accepts the two forms of entry that a header has, and each key once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import NamedTuple

from reference_impl.files.errors import BadContainer, TooLarge, shown
from reference_impl.files.limits import MAX_KEYS, MAX_RANK

METADATA = "__metadata__"
_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")


class TensorInfo(NamedTuple):
    """One tensor: dtype as the file spells it, shape, and its bytes [begin, end) in the data."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """Tensors by key in the order of the header, and the metadata table."""

    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]


def parse(text: str) -> Header:
    """Read a whole header; BadContainer or TooLarge."""
    scanner = _Scanner(text)
    header = Header({}, {})
    seen_metadata = False
    for key in scanner.object("header"):
        if key == METADATA:
            if seen_metadata:
                raise BadContainer(METADATA, "stands twice")
            seen_metadata = True
            if scanner.null():  # what mlx writes where there is no metadata
                continue
            for name in scanner.object(METADATA):
                _once(header.metadata, name)
                header.metadata[name] = scanner.string(name)
        else:
            _once(header.tensors, key)
            header.tensors[key] = scanner.tensor(key)
    scanner.end()
    return header


def _once(table: dict[str, TensorInfo] | dict[str, str], key: str) -> None:
    if key in table:
        raise BadContainer(key, "stands twice")
    if len(table) >= MAX_KEYS:
        raise TooLarge("header", "MAX_KEYS", MAX_KEYS, len(table) + 1)


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._skip()

    def object(self, where: str) -> Iterator[str]:
        """Yield each key of an object; the caller reads the value before asking for the next."""
        self._expect("{", where)
        if self._take("}"):
            return
        while True:
            key = self.string(where)
            self._expect(":", key)
            yield key
            if self._take("}"):
                return
            self._expect(",", key)

    def string(self, where: str) -> str:
        self._expect('"', where, skip=False)
        value: str
        try:
            value, self._at = scanstring(self._text, self._at, True)
        except ValueError as error:
            raise BadContainer(where, f"the header has a malformed string: {error}") from None
        self._skip()
        if not value.isascii() and not _encodable(value):
            raise BadContainer(where, f"{shown(value)} is not Unicode text")
        return value

    def null(self) -> bool:
        """Whether null comes next, and past it if so."""
        if not self._text.startswith("null", self._at):
            return False
        self._at += 4
        self._skip()
        return True

    def numbers(self, where: str, limit: int) -> tuple[int, ...]:
        values: list[int] = []
        self._expect("[", where)
        if self._take("]"):
            return ()
        while True:
            match = _NUMBER.match(self._text, self._at)
            if match is None:
                raise BadContainer(where, "a number of the header is not a plain whole number")
            values.append(int(match[0]))
            if len(values) > limit:
                raise TooLarge(where, "MAX_RANK", limit, len(values))
            self._at = match.end()
            self._skip()
            if self._take("]"):
                return tuple(values)
            self._expect(",", where)

    def tensor(self, key: str) -> TensorInfo:
        dtype: str | None = None
        lists: dict[str, tuple[int, ...]] = {}
        for field in self.object(key):
            if field == "dtype" and dtype is None:
                dtype = self.string(key)
            elif field in ("shape", "data_offsets") and field not in lists:
                lists[field] = self.numbers(key, MAX_RANK)
            else:
                raise BadContainer(key, f"has the field {shown(field)} too much")
        if dtype is None or len(lists) != 2:
            raise BadContainer(key, "must have dtype, shape and data_offsets")
        if len(lists["data_offsets"]) != 2:
            raise BadContainer(key, "data_offsets must be two numbers")
        return TensorInfo(dtype, lists["shape"], *lists["data_offsets"])

    def end(self) -> None:
        if self._at != len(self._text):
            raise BadContainer("header", "goes on after its closing brace")

    def _take(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        self._skip()
        return True

    def _expect(self, character: str, where: str, skip: bool = True) -> None:
        if not self._text.startswith(character, self._at):
            raise BadContainer(where, f"the header has no {character} at character {self._at}")
        self._at += 1
        if skip:
            self._skip()

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
