"""What the snapshot of a list of caches shows: its class, and each child as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from conformance import values
from conformance.engine.literals import Ints, Slot, Strict, Tensors, spelled
from conformance.kinds.tokens.snapshots import TokenState
from conformance.outcomes.difference import Difference, Items, tree
from conformance.outcomes.snapshots import ExpectedCache, Snapshots, WholeCache
from conformance.tensor import Tensor
from conformance.values import Name

CHILDREN = "caches"


class WireList(msgspec.Struct, frozen=True):
    """The result of `snapshot`: the children in order.

    A list is `{class_name, caches}`, a cache of keys and values a WireTokens, and a slot cache
    `{class_name, slots, left_padding, lengths}` with a tensor or null for each slot.
    """

    class_name: str
    caches: list[Any]


def problem(result: Any) -> str | None:
    """Left out is not empty."""
    if not isinstance(result, dict):
        return "the result is not an object"
    missing = [key for key in WireList.__struct_fields__ if key not in result]
    if missing:
        return f"the result has no {', '.join(missing)}"
    if not all(isinstance(child, dict) for child in result[CHILDREN]):
        return f"{CHILDREN} is not a list of objects"
    return None


# --------------------------------------------------------------------------- expected


class ExpectedRows(ExpectedCache, frozen=True):
    """A slot cache in a list."""

    slots: list[Tensor | None]
    left_padding: Tensor | None = None
    lengths: Tensor | None = None
    class_name: str | None = None

    def differences(self, got: dict[str, Any]) -> Iterator[Difference]:
        for key in ("slots", "left_padding", "lengths"):
            yield from tree(key, getattr(self, key), got.get(key))
        yield from _misnamed(self.class_name, got)

    def words(self) -> str:
        return f"slots [{'; '.join(map(values.whole, self.slots))}]"


class ExpectedList(ExpectedCache, frozen=True):
    """A whole list; without `class_name` it may be any."""

    caches: list[ExpectedCache]
    class_name: str | None = None

    def differences(self, got: dict[str, Any]) -> Iterator[Difference]:
        found = got.get(CHILDREN)
        if not isinstance(found, list) or len(found) != len(self.caches):
            count = len(found) if isinstance(found, list) else 0
            yield Difference(CHILDREN, Items(len(self.caches)), Items(count, found))
            return
        for index, (child, shown) in enumerate(zip(self.caches, found, strict=True)):
            for each in child.differences(shown):
                place = f"{CHILDREN}[{index}].{each.place}"
                yield Difference(place, each.expected, each.got, each.why)
        yield from _misnamed(self.class_name, got)

    def words(self) -> str:
        children = "; ".join(child.words() for child in self.caches)
        return values.clipped(f"caches [{children}]")


def _misnamed(wanted: str | None, got: dict[str, Any]) -> Iterator[Difference]:
    if wanted is not None and got.get("class_name") != wanted:
        yield Difference("class_name", Name(wanted), got.get("class_name"))


# --------------------------------------------------------------------------- as it is spelled


class RowsState(Strict, frozen=True):
    """A slot cache in a list. Left out means unset, or free for `class_name`."""

    slots: list[Slot]
    left_padding: Ints = None
    lengths: Ints = None
    class_name: str | None = None

    def decoded(self, tensors: Tensors) -> ExpectedRows:
        return ExpectedRows(
            [tensors.slot(slot) for slot in self.slots],
            tensors.ints(self.left_padding),
            tensors.ints(self.lengths),
            self.class_name,
        )


class ListState(WholeCache, frozen=True):
    """A list of caches as `snapshot` shows it.

    Of its children one with `caches` is a list, one with `slots` a slot cache, and any other one a
    cache of keys and values. `class_name` is free where it is left out.
    """

    caches: list[dict[str, Any]] = msgspec.field(default_factory=list)
    class_name: str | UnsetType = UNSET

    def decoded(self, tensors: Tensors) -> ExpectedList:
        children = [_child(child).decoded(tensors) for child in self.caches]
        return ExpectedList(
            children, None if isinstance(self.class_name, UnsetType) else self.class_name
        )


def _child(spelling: dict[str, Any]) -> Any:
    """The grammar of a child; ValueError where it has none."""
    form = (
        ListState if CHILDREN in spelling else RowsState if "slots" in spelling else TokenState
    )
    return msgspec.convert(spelling, form)


def spell(shown: dict[str, Any]) -> dict[str, Any]:
    """A snapshot as a case spells it."""
    return {key: spelled(shown[key]) for key in WireList.__struct_fields__}


SNAPSHOTS = Snapshots(WireList.__struct_fields__, ListState, spell)
