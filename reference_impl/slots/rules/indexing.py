"""Slots: what an index may be, and what the slots say about the whole cache."""

from __future__ import annotations

import operator
from typing import Any

import mlx.core as mx

from reference_impl.errors import OutOfRange, RankMismatch, Trap
from reference_impl.integers import as_usize
from reference_impl.slots.cache import SlotCache


def list_get(cache: SlotCache, index: Any) -> Any:
    """Python list rules: negative indices and slices work, out of range is an IndexError."""
    return cache.cache[index]


def list_set(cache: SlotCache, index: Any, value: Any) -> None:
    """Python list rules; the value is not looked at."""
    cache.cache[index] = value


def get_or_none(cache: SlotCache, index: Any) -> mx.array | None:
    """None for an unwritten slot and beyond the end; a negative index is `OutOfRange`."""
    position = as_usize(index, "slot index")
    return cache.cache[position] if position < len(cache.cache) else None


def checked_set(cache: SlotCache, index: Any, value: Any) -> None:
    """`OutOfRange` beyond either end; a value that is not an array (None too) is a TypeError."""
    position = as_usize(index, "slot index")
    if not isinstance(value, mx.array):
        raise TypeError(f"a slot takes an mx.array, not {type(value).__name__}")
    if position >= len(cache.cache):
        raise OutOfRange(
            "ArraysCache::set: slot index (must be < cache size)",
            "must be < cache size",
            f"idx={position}, size={len(cache.cache)}",
        )
    cache.cache[position] = value


def trapping_get(cache: SlotCache, index: Any) -> mx.array | None:
    return cache.cache[_within(cache, index)]


def trapping_set(cache: SlotCache, index: Any, value: Any) -> None:
    """None un-writes the slot."""
    if value is not None and not isinstance(value, mx.array):
        raise TypeError(f"a slot takes an mx.array or None, not {type(value).__name__}")
    cache.cache[_within(cache, index)] = value


def _within(cache: SlotCache, index: Any) -> int:
    position = operator.index(index)
    if not 0 <= position < len(cache.cache):
        raise Trap("slot index out of range")
    return position


def inferred_batch_size(cache: SlotCache) -> int:
    """Leading axis of the first written slot, else how many paddings, else lengths, else 1."""
    for slot in cache.cache:
        if slot is not None:
            return slot.shape[0]
    if cache.left_padding is not None:
        return cache.left_padding.size
    return 1 if cache.lengths is None else cache.lengths.size


def ranked_batch_size(cache: SlotCache) -> int:
    """The same, with `RankMismatch` where the first written slot has no axis."""
    first = next((slot for slot in cache.cache if slot is not None), None)
    if first is not None and first.ndim == 0:
        raise RankMismatch("ArraysCache::batch_size: a slot without an axis", 0, first.shape)
    return inferred_batch_size(cache)


def first_slot_unset(cache: SlotCache) -> bool:
    """Only slot 0 counts; a cache without slots is an IndexError."""
    return cache.cache[0] is None


def first_slot_unset_or_missing(cache: SlotCache) -> bool:
    """Only slot 0 counts; a cache without slots is empty."""
    return not cache.cache or cache.cache[0] is None
