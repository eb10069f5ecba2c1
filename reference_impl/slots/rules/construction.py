"""Construction: how many slots a size asks for, and which left padding is taken."""

from __future__ import annotations

import operator
from typing import Any

import mlx.core as mx

from reference_impl.errors import OutOfMemory, Trap
from reference_impl.integers import as_usize, rust_i32_array, swift_int32_array
from reference_impl.slots.cache import SlotCache, Slots

# Rust's constructor and all of Swift accept any count that memory allows, up to tens of GiB of
# empty slots. The reference stops here instead, at 128 MiB: far above the counts at which the
# dialects differ, low enough for any machine that runs it.
MAX_RESIDENT_SLOTS = 1 << 24
# 8-byte references that fill a 47-bit user address space: no allocation of this size succeeds.
_UNADDRESSABLE_SLOTS = 1 << 44


def construct_in_python(cache: SlotCache, size: Any, left_padding: Any = None) -> None:
    """Slots as in `[None] * size`: a negative size gives none, a float is a TypeError.

    left_padding is whatever `mx.array` takes, with its dtype; anything falsy is None.
    """
    cache.cache = [None] * size
    cache.left_padding = mx.array(left_padding) if left_padding else None
    cache.lengths = None


def construct_in_rust(cache: SlotCache, size: Any, left_padding: Any = None) -> None:
    """A size that usize cannot hold is `OutOfRange`; so is padding that i32 cannot hold.

    left_padding is int32 [B], or None for None and for no values.
    """
    cache.cache = unwritten_slots(as_usize(size, "slot count"))
    padding = None if left_padding is None else rust_i32_array(left_padding, "left padding")
    cache.left_padding = padding if padding is not None and padding.size else None
    cache.lengths = None


def construct_in_swift(cache: SlotCache, size: Any, left_padding: Any = None) -> None:
    """Traps as `swift_slots` does. left_padding is int32 [B], also for no values, or None."""
    cache.cache = swift_slots(size)
    cache.left_padding = None if left_padding is None else swift_int32_array(left_padding)
    cache.lengths = None


def swift_slots(size: Any) -> Slots:
    """Traps on a negative count and on one that no address space can hold."""
    count = operator.index(size)
    if count < 0:
        raise Trap("negative slot count")
    if count >= _UNADDRESSABLE_SLOTS:
        raise Trap("slot count beyond the address space")
    return unwritten_slots(count)


def unwritten_slots(count: int) -> Slots:
    """`count` unwritten slots; `OutOfMemory` above the reference's own limit of 2^24."""
    if count > MAX_RESIDENT_SLOTS:
        raise OutOfMemory
    return [None] * count
