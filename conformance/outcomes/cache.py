"""`cache`: a whole cache, slot by slot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from conformance import values
from conformance.calls import Refused, Reply, Returned
from conformance.engine.literals import Ints, Slot, Strict, TensorRef, Tensors, spelled
from conformance.outcomes import snapshots
from conformance.outcomes.difference import Difference, Marker
from conformance.outcomes.outcome import Answer, Fields, Outcome
from conformance.tensor import Tensor
from conformance.values import Name, same

MANY_SLOTS = 16  # more are written sparsely


class SparseSlots(Strict, frozen=True):
    """Slots of a cache too large to list: `count` of them, all unset but those in `present`."""

    count: int
    present: dict[str, TensorRef] = msgspec.field(default_factory=dict)


class CacheState(Strict, frozen=True):
    """A whole cache as `snapshot` shows it. Left out means unset, or free for `class_name`."""

    slots: list[Slot] | SparseSlots | UnsetType = UNSET
    left_padding: Ints = None
    lengths: Ints = None
    class_name: str | UnsetType = UNSET


class CacheOutcome(Outcome, frozen=True):
    """This whole snapshot."""

    key: ClassVar[str] = "cache"
    spelling: ClassVar[Any] = CacheState | UnsetType

    count: int
    present: dict[str, Tensor]
    left_padding: Tensor | None = None
    lengths: Tensor | None = None
    class_name: str | None = None  # any
    sparse: bool = False

    explains: ClassVar[tuple[str, ...]] = ("sparse",)

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> CacheOutcome:
        state: CacheState = fields[cls.key]
        slots = state.slots
        if isinstance(slots, UnsetType):
            raise ValueError("`cache` needs `slots`")
        if isinstance(slots, SparseSlots):
            for index in slots.present:
                if not (index.isascii() and index.isdecimal() and int(index) < slots.count):
                    raise ValueError(f"slots.present: {index!r} is no index below {slots.count}")
            count, refs = slots.count, slots.present
        else:
            count = len(slots)
            refs = {str(i): ref for i, ref in enumerate(slots) if ref is not None}
        return cls(
            count,
            {index: tensors(ref) for index, ref in refs.items()},
            tensors.ints(state.left_padding),
            tensors.ints(state.lengths),
            None if isinstance(state.class_name, UnsetType) else state.class_name,
            isinstance(slots, SparseSlots),
        )

    @classmethod
    def spelled(cls, reply: Reply) -> Fields | None:
        shown = None if isinstance(reply, Refused) else reply.value
        if not isinstance(shown, dict) or shown.get("slot_count") is None:
            return None
        count, slots = shown["slot_count"], spelled(shown["slots"])
        state: dict[str, Any] = {
            "slots": {"count": count, "present": slots}
            if count > MANY_SLOTS
            else [slots.get(str(index)) for index in range(count)]
        }
        state |= {rows: spelled(shown[rows]) for rows in snapshots.ROWS if shown[rows] is not None}
        return {cls.key: {**state, "class_name": shown["class_name"]}}

    def compared(self, reply: Returned, answer: Answer) -> Iterator[Difference]:
        got = reply.value
        if not isinstance(got, dict):
            yield Difference("", Marker("a snapshot"), got)
            return
        if not same(self.count, got.get("slot_count")):
            yield Difference("slot_count", self.count, got.get("slot_count"))
        yield from snapshots.slots(self.present, got.get("slots"))
        yield from snapshots.rows({row: getattr(self, row) for row in snapshots.ROWS}, got)
        if self.class_name is not None and not same(self.class_name, got.get("class_name")):
            yield Difference("class_name", Name(self.class_name), got.get("class_name"))

    def words(self) -> str:
        if self.sparse:
            slots = f"{self.count} slots, {len(self.present)} of them set"
        else:
            listed = (self.present.get(str(index)) for index in range(self.count))
            slots = f"slots [{'; '.join(map(values.whole, listed))}]"
        rows = [(row, getattr(self, row)) for row in snapshots.ROWS]
        parts = [f"{row} {values.whole(held)}" for row, held in rows if held is not None]
        named = [] if self.class_name is None else [self.class_name]
        return values.clipped(", ".join([slots, *parts, *named]))
