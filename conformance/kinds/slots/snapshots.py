"""What the snapshot of a slot cache shows: class, slots by index, left padding and lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from conformance import values
from conformance.engine.literals import Ints, Slot, Strict, TensorRef, Tensors, spelled
from conformance.outcomes.difference import Difference
from conformance.outcomes.snapshots import ExpectedCache, Snapshots, WholeCache, fields
from conformance.tensor import Tensor, WireTensor
from conformance.values import Name

MANY_SLOTS = 16  # more are written sparsely
ROWS = ("left_padding", "lengths")


class WireSnapshot(msgspec.Struct, frozen=True):
    """The result of `snapshot`: only slots that are set are listed, by index."""

    class_name: str
    slot_count: int | None
    slots: dict[str, Any]
    left_padding: WireTensor | None
    lengths: WireTensor | None


def problem(result: Any) -> str | None:
    """Left out is not unset: a snapshot that forgets a key would pass for a cache without it."""
    if not isinstance(result, dict):
        return "the result is not an object"
    missing = [key for key in WireSnapshot.__struct_fields__ if key not in result]
    if missing:
        return f"the result has no {', '.join(missing)}"
    slots = result["slots"]
    if not isinstance(slots, dict) or not all(key.isascii() and key.isdecimal() for key in slots):
        return 'slots is not an object of the form {"0": tensor}'
    return None


# --------------------------------------------------------------------------- expected


class ExpectedSlots(ExpectedCache, frozen=True):
    """A whole slot cache; without `class_name` it may be any."""

    slot_count: int
    slots: dict[str, Tensor]
    left_padding: Tensor | None = None
    lengths: Tensor | None = None
    class_name: str | None = None
    sparse: bool = False  # as it was spelled

    explains: ClassVar[tuple[str, ...]] = ("sparse",)

    def differences(self, got: dict[str, Any]) -> Iterator[Difference]:
        expected = {key: getattr(self, key) for key in self.__struct_fields__}
        yield from fields(expected, got, ("slot_count", "slots", *ROWS))
        if self.class_name is not None and got.get("class_name") != self.class_name:
            yield Difference("class_name", Name(self.class_name), got.get("class_name"))

    def words(self) -> str:
        if self.sparse:
            slots = f"{self.slot_count} slots, {len(self.slots)} of them set"
        else:
            listed = (self.slots.get(str(index)) for index in range(self.slot_count))
            slots = f"slots [{'; '.join(map(values.whole, listed))}]"
        rows = [(row, getattr(self, row)) for row in ROWS]
        parts = [f"{row} {values.whole(held)}" for row, held in rows if held is not None]
        named = [] if self.class_name is None else [self.class_name]
        return values.clipped(", ".join([slots, *parts, *named]))


class SparseSlots(Strict, frozen=True):
    """Slots of a cache too large to list: `count` of them, all unset but those in `present`."""

    count: int
    present: dict[str, TensorRef] = msgspec.field(default_factory=dict)


class CacheState(WholeCache, frozen=True):
    """A whole cache as `snapshot` shows it. Left out means unset, or free for `class_name`."""

    slots: list[Slot] | SparseSlots | UnsetType = UNSET
    left_padding: Ints = None
    lengths: Ints = None
    class_name: str | UnsetType = UNSET

    def decoded(self, tensors: Tensors) -> ExpectedSlots:
        slots = self.slots
        if isinstance(slots, UnsetType):
            raise ValueError("`cache` needs `slots`")
        if isinstance(slots, SparseSlots):
            for index in slots.present:
                if not (index.isascii() and index.isdecimal() and int(index) < slots.count):
                    raise ValueError(
                        f"slots.present: {index!r} is not an index below {slots.count}"
                    )
            count, refs = slots.count, slots.present
        else:
            count = len(slots)
            refs = {str(i): ref for i, ref in enumerate(slots) if ref is not None}
        return ExpectedSlots(
            count,
            {index: tensors(ref) for index, ref in refs.items()},
            tensors.ints(self.left_padding),
            tensors.ints(self.lengths),
            None if isinstance(self.class_name, UnsetType) else self.class_name,
            isinstance(slots, SparseSlots),
        )


def spell(shown: dict[str, Any]) -> dict[str, Any] | None:
    """A snapshot as a case spells it; None where it shows no number of slots."""
    count, slots = shown["slot_count"], spelled(shown["slots"])
    if count is None:
        return None
    sparse = {"count": count, "present": slots}
    listed = [slots.get(str(index)) for index in range(min(count, MANY_SLOTS))]
    state = {"slots": sparse if count > MANY_SLOTS else listed}
    state |= {row: spelled(shown[row]) for row in ROWS if shown[row] is not None}
    return {**state, "class_name": shown["class_name"]}


SNAPSHOTS = Snapshots(WireSnapshot.__struct_fields__, CacheState, spell)
