"""Batch: what filtering and joining batches do with unwritten slots, left_padding and lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import mlx.core as mx

from .integers import swift_int32_array

if TYPE_CHECKING:
    from ..cache import SlotCache

C = TypeVar("C", bound="SlotCache")


def _pick(rows: Any, indices: Any) -> Any:
    return None if rows is None else rows[indices]


def filter_all(cache: SlotCache, indices: Any) -> None:
    """The rows of every written slot, of left_padding and of lengths, in the given order."""
    cache.cache = [_pick(slot, indices) for slot in cache.cache]
    cache.left_padding = _pick(cache.left_padding, indices)
    cache.lengths = _pick(cache.lengths, indices)


def filter_all_by_int32(cache: SlotCache, indices: Any) -> None:
    filter_all(cache, swift_int32_array(indices))


def filter_dropping_padding(cache: SlotCache, indices: Any) -> None:
    """The rows of every written slot; left_padding is forgotten."""
    rows = swift_int32_array(indices)
    cache.cache = [_pick(slot, rows) for slot in cache.cache]
    cache.left_padding = None


def extend_zero_filled(cache: SlotCache, other: SlotCache) -> None:
    """Join the rows; a side that lacks a slot or a row vector contributes zeros for its batch.

    Slots beyond the shorter cache disappear. If joining left_padding or lengths fails, the slots
    are already joined.
    """
    ours, theirs = cache.batch_size, other.batch_size

    def join(a: Any, b: Any) -> Any:
        kinds = [(side.shape[1:], side.dtype) for side in (a, b) if side is not None]
        if not kinds:
            return None
        tail, dtype = kinds[-1]
        a = mx.zeros((ours, *tail), dtype=dtype) if a is None else a
        b = mx.zeros((theirs, *tail), dtype=dtype) if b is None else b
        return mx.concatenate([a, b])

    cache.cache = [join(a, b) for a, b in zip(cache.cache, other.cache, strict=False)]
    cache.left_padding = join(cache.left_padding, other.left_padding)
    cache.lengths = join(cache.lengths, other.lengths)


def extend_dropping_padding(cache: SlotCache, other: SlotCache) -> None:
    """Join the rows; a slot that one side lacks is the other side's; left_padding is forgotten."""
    cache.cache = [
        mx.concatenate([a, b]) if a is not None and b is not None else a if b is None else b
        for a, b in zip(cache.cache, other.cache, strict=False)
    ]
    cache.left_padding = None


def extract_row(cache: C, index: Any) -> C:
    """A new cache with one row of every slot; an unwritten slot is a TypeError."""
    single = type(cache)(len(cache.cache))
    slots: list[Any] = [*cache.cache]
    single.cache = [slot[index : index + 1] for slot in slots]
    return single


def merge_single_rows(cls: type[C], caches: Any) -> C:
    """One row per cache, zeros where a cache lacks the slot; the first dtype wins.

    If slot 0 is unwritten everywhere the result has no slots written at all and zero
    left_padding; if another slot is, StopIteration.
    """
    count, batch = len(caches[0].cache), len(caches)
    merged = cls(count)
    if all(cache.empty() for cache in caches):
        merged.left_padding = mx.array([0] * batch)
        return merged
    for slot in range(count):
        model = next(cache[slot] for cache in caches if cache[slot] is not None)
        shape = list(model.shape)
        shape[0] = batch
        rows = mx.zeros(shape, model.dtype)
        merged[slot] = rows
        for row, cache in enumerate(caches):
            if cache[slot] is not None:
                rows[row : row + 1] = cache[slot]
    return merged
