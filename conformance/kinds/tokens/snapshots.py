"""What the snapshot of a cache of keys and values shows: class, keys, values and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from conformance import values
from conformance.engine.literals import TensorRef, Tensors, spelled
from conformance.outcomes.difference import Difference, tree
from conformance.outcomes.snapshots import ExpectedCache, Snapshots, WholeCache
from conformance.tensor import Tensor
from conformance.values import Name

Number = bool | int | None | list[int] | TensorRef
NUMBERS = "numbers"


class WireTokens(msgspec.Struct, frozen=True):
    """The result of `snapshot`: what is stored, as the buffers have it, without free room.

    `keys` and `values` are lists of tensors: none before the first update, one, or weights, scales
    and biases where they are quantized. `numbers` are integers, booleans, nulls and int32 tensors
    by name (offset, max_size, idx, left_padding, ...), as many as the kind has.
    """

    class_name: str
    keys: list[Any]
    values: list[Any]
    numbers: dict[str, Any]


def problem(result: Any) -> str | None:
    """Left out is not empty: a snapshot that forgets a key would pass for one without tokens."""
    if not isinstance(result, dict):
        return "the result is not an object"
    missing = [key for key in WireTokens.__struct_fields__ if key not in result]
    if missing:
        return f"the result has no {', '.join(missing)}"
    for key, form in (("keys", list), ("values", list), (NUMBERS, dict)):
        if not isinstance(result[key], form):
            return f"{key} is not {'an object' if form is dict else 'a list'}"
    return None if "offset" in result[NUMBERS] else "numbers has no offset"


class ExpectedTokens(ExpectedCache, frozen=True):
    """A whole cache with at least these numbers; without `class_name` it may be any."""

    keys: list[Tensor]
    values: list[Tensor]
    numbers: dict[str, Any]
    class_name: str | None = None

    def differences(self, got: dict[str, Any]) -> Iterator[Difference]:
        yield from tree("keys", self.keys, got.get("keys"))
        yield from tree("values", self.values, got.get("values"))
        found = got.get(NUMBERS)
        for name, number in self.numbers.items():
            yield from tree(name, number, found.get(name) if isinstance(found, dict) else None)
        if self.class_name is not None and got.get("class_name") != self.class_name:
            yield Difference("class_name", Name(self.class_name), got.get("class_name"))

    def words(self) -> str:
        parts = [
            f"keys {values.whole(self.keys)}",
            f"values {values.whole(self.values)}",
            *(f"{name} {values.whole(number)}" for name, number in self.numbers.items()),
        ]
        return values.clipped(", ".join([*parts, *filter(None, [self.class_name])]))


class TokenState(WholeCache, frozen=True):
    """A cache of keys and values as `snapshot` shows it.

    `keys` and `values` are no tensors, one, or the three of a quantized cache. `numbers` are those
    that are compared; a string is the name of a tensor, a list int32 of that length. `class_name`
    is free where it is left out.
    """

    keys: list[TensorRef] = msgspec.field(default_factory=list)
    values: list[TensorRef] = msgspec.field(default_factory=list)
    numbers: dict[str, Number] = msgspec.field(default_factory=dict)
    class_name: str | UnsetType = UNSET

    def decoded(self, tensors: Tensors) -> ExpectedTokens:
        return ExpectedTokens(
            [tensors(ref) for ref in self.keys],
            [tensors(ref) for ref in self.values],
            {name: _number(number, tensors) for name, number in self.numbers.items()},
            None if isinstance(self.class_name, UnsetType) else self.class_name,
        )


def _number(number: Number, tensors: Tensors) -> Any:
    if isinstance(number, bool | int):
        return number
    return tensors.ints(number)


def spell(shown: dict[str, Any]) -> dict[str, Any]:
    """A snapshot as a case spells it."""
    return {key: spelled(shown[key]) for key in WireTokens.__struct_fields__}


SNAPSHOTS = Snapshots(WireTokens.__struct_fields__, TokenState, spell)
