"""One trial of a law of slot caches: drawn content, and helpers for tensors of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from conformance.properties.law import Trial
from conformance.tensor import Tensor, tensor

PARTS = ("class_name", "slot_count", "slots", "left_padding", "lengths")
Ints = list[int] | None
NEEDS_SLOTS = "filter-needs-every-slot"

_dtype = st.sampled_from(("float32", "float16", "bfloat16", "int32", "uint8"))
_small = st.integers(0, 9)
_few = st.integers(1, 3)
_slots = st.integers(0, 4)
_padding = st.integers(-2, 6)
_yes = st.booleans()


@dataclass(frozen=True)
class Content:
    """What a cache is built of; `lengths` as `prepare` takes them."""

    slots: tuple[Tensor | None, ...]
    left_padding: Ints = None
    lengths: Ints = None

    @property
    def rows(self) -> int:
        """The batch size that follows from it."""
        first = next((slot for slot in self.slots if slot is not None), None)
        if first is not None:
            return first.shape[0]
        known = self.left_padding if self.left_padding is not None else self.lengths
        return 1 if known is None else len(known)


class SlotTrial(Trial):
    """A trial with slot caches."""

    def build(self, cache: str, content: Content) -> None:
        """Make a cache of this content, by new, set and prepare."""
        padding = content.left_padding
        self.call("new", cache=cache, size=len(content.slots), left_padding=padding)
        for index, slot in enumerate(content.slots):
            if slot is not None:
                self.call("set", cache=cache, slot=index, value=slot)
        if content.lengths is not None:
            self.call("prepare", cache=cache, lengths=content.lengths)

    # ------------------------------------------------------------------ drawing

    def tensor(self, rows: int, dtype: str | None = None, columns: int | None = None) -> Tensor:
        """A tensor of different elements, exact in any dtype."""
        width = self.draw(_few) if columns is None else columns
        start = 10 * self.draw(_small)
        kind = self.draw(_dtype) if dtype is None else dtype
        return tensor(kind, [rows, width], range(start, start + rows * width))

    def like(self, slot: Tensor, rows: int) -> Tensor:
        """Another tensor of this dtype and width, with so many rows."""
        return self.tensor(rows, slot.dtype, slot.shape[1])

    def content(
        self, rows: int | None = None, full: bool = False, padding: bool = True,
        lengths: bool = True,
    ) -> Content:  # fmt: skip
        """Slots of `rows` rows, all set if `full`; left padding and lengths where they may be."""
        count = self.draw(_few) if rows is None else rows
        slots = tuple(
            self.tensor(count) if full or self.draw(_yes) else None
            for _ in range(self.draw(_few if full else _slots))
        )
        return Content(
            slots,
            self.ints(count) if padding and self.draw(_yes) else None,
            self.ints(count) if lengths and self.has("prepare") and self.draw(_yes) else None,
        )

    def ints(self, count: int) -> list[int]:
        """Left padding or lengths of `count` sequences."""
        return [self.draw(_padding) for _ in range(count)]

    # ------------------------------------------------------------------ comparing

    def alike(
        self, what: str, expected: dict[str, Any], got: dict[str, Any], parts: Iterable[str] = PARTS
    ) -> None:
        super().alike(what, expected, got, parts)


def int32(values: Ints) -> Tensor | None:
    """Left padding or lengths as a snapshot shows them."""
    return None if values is None else tensor("int32", [len(values)], values)


def picked(slot: Tensor, indices: Sequence[int]) -> Tensor:
    """Rows of a tensor, by plain slicing of its bytes."""
    width = len(slot.data) // slot.shape[0]
    parts = [slot.data[width * (i % slot.shape[0]) :][:width] for i in indices]
    return Tensor(slot.dtype, (len(indices), *slot.shape[1:]), b"".join(parts))


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Tensors of one dtype and width behind each other."""
    rows = sum(part.shape[0] for part in parts)
    return Tensor(parts[0].dtype, (rows, *parts[0].shape[1:]), b"".join(p.data for p in parts))


def zeros(slot: Tensor, rows: int) -> Tensor:
    """Rows of zeros of this dtype and width."""
    width = len(slot.data) // slot.shape[0]
    return Tensor(slot.dtype, (rows, *slot.shape[1:]), bytes(width * rows))
