"""Where an answer is not what was expected: a place, and data on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from conformance import values
from conformance.tensor import Deviation, Tensor, deviation
from conformance.values import Data


class Difference(msgspec.Struct, frozen=True):
    """One place, empty for the whole answer, and what should be there and is.

    A side is a plain value, a `Tensor`, a `Refused`, a list of these, or one of the `Data` that
    stand for something else. `why` is where two tensors part.
    """

    place: str
    expected: Any
    got: Any
    why: Deviation | None = None

    def words(self) -> tuple[str, str]:
        """Both sides as a reader sees them."""
        why = "" if self.why is None else f": {self.why.words()}"
        return values.words(self.expected), f"{values.words(self.got)}{why}"


class Marker(Data, frozen=True):
    """What is no value, such as that nothing is there."""

    text: str

    def words(self) -> str:
        return self.text


SUCCESS = Marker("success")


class Items(Data, frozen=True):
    """A list by its length, with its items where they are to be seen."""

    count: int
    items: Any = None

    def words(self) -> str:
        shown = "" if self.items is None else f": {values.words(self.items)}"
        return f"{self.count} items{shown}"


class Quoted(Data, frozen=True):
    """A text as Python writes it."""

    text: str

    def words(self) -> str:
        return repr(self.text)


def tree(place: str, expected: Any, got: Any) -> Iterator[Difference]:
    """Where two values differ, lists of tensors item by item."""
    if isinstance(expected, Tensor) and isinstance(got, Tensor):
        why = deviation(expected, got)
        if why is not None:
            yield Difference(place, expected, got, why)
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield Difference(place, Items(len(expected)), Items(len(got), got))
        for index, (left, right) in enumerate(zip(expected, got, strict=False)):
            yield from tree(f"{place}[{index}]", left, right)
    elif not values.same(expected, got):
        yield Difference(place, expected, got)
