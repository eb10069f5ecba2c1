"""Construction: what exists before `__init__`, how many slots there are, what padding may be."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from reference_impl.errors import OutOfMemory, Trap
from reference_impl.integers import as_usize, rust_i32_array, swift_int32_array

if TYPE_CHECKING:
    from reference_impl.slots.dialect import Slots

# Rust's constructor and all of Swift accept any count that memory allows, up to tens of GiB of
# empty slots. The reference stops here instead, at 128 MiB: far above the counts at which the
# dialects differ, low enough for any machine that runs it.
MAX_RESIDENT_SLOTS = 1 << 24
# 8-byte references that fill a 47-bit user address space: no allocation of this size succeeds.
_UNADDRESSABLE_SLOTS = 1 << 44


def allocate(count: int) -> Slots:
    """`count` unset slots; `OutOfMemory` above the reference's own limit of 2^24."""
    if count > MAX_RESIDENT_SLOTS:
        raise OutOfMemory
    return [None] * count


# A Python list of None: negative sizes are 0, a float is a TypeError.
_ONE_UNSET: Slots = [None]
python_slots: Callable[[Any], Slots] = _ONE_UNSET.__mul__


def rust_slots(size: Any) -> Slots:
    return allocate(as_usize(size, "slot count"))


def swift_slots(size: Any) -> Slots:
    """Traps on a negative count and on one that no address space can hold."""
    count = operator.index(size)
    if count < 0:
        raise Trap("negative slot count")
    if count >= _UNADDRESSABLE_SLOTS:
        raise Trap("slot count beyond the address space")
    return allocate(count)


def python_padding(values: Any) -> mx.array | None:
    """Whatever `mx.array` takes, with its dtype; anything falsy is None."""
    return mx.array(values) if values else None


def rust_padding(values: Any) -> mx.array | None:
    """int32 [B], or None for None and for no values."""
    if values is None:
        return None
    padding = rust_i32_array(values, "left padding")
    return padding if padding.size else None


def swift_padding(values: Any) -> mx.array | None:
    """int32 [B], also for no values; None only for nil."""
    return None if values is None else swift_int32_array(values)


# What an instance has before `__init__` runs, or without it.
ROWS_UNSET: Mapping[str, None] = {"left_padding": None, "lengths": None}
NOTHING: Mapping[str, None] = {}
