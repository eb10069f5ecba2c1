"""Batch: what filtering and joining batches do with unwritten slots, left_padding and lengths."""

from __future__ import annotations

from typing import Any, TypeVar

import mlx.core as mx

from reference_impl.integers import swift_int32_array
from reference_impl.slots.cache import SlotCache

C = TypeVar("C", bound="SlotCache")


def pick_rows(rows: Any, indices: Any) -> Any:
    """The given rows, in the given order; None for None."""
    return None if rows is None else rows[indices]


def filter_all(cache: SlotCache, batch_indices: Any) -> None:
    """The rows of every written slot, of left_padding and of lengths, in the given order."""
    cache.cache = [pick_rows(slot, batch_indices) for slot in cache.cache]
    cache.left_padding = pick_rows(cache.left_padding, batch_indices)
    cache.lengths = pick_rows(cache.lengths, batch_indices)


def filter_all_by_int32(cache: SlotCache, batch_indices: Any) -> None:
    filter_all(cache, swift_int32_array(batch_indices))


def filter_keeping_padding(cache: SlotCache, batch_indices: Any) -> None:
    """The rows of every written slot and of lengths; left_padding stays that of all rows."""
    cache.cache = [pick_rows(slot, batch_indices) for slot in cache.cache]
    cache.lengths = pick_rows(cache.lengths, batch_indices)


def filter_slots(cache: SlotCache, batch_indices: Any) -> None:
    """The rows of every slot (a TypeError if one is unwritten); all else stays."""
    slots: list[Any] = cache.cache
    cache.cache = [slot[batch_indices] for slot in slots]


def filter_slots_dropping_padding(cache: SlotCache, batch_indices: Any) -> None:
    """As `filter_slots`; left_padding is forgotten."""
    filter_slots(cache, batch_indices)
    cache.left_padding = None


def filter_dropping_padding(cache: SlotCache, batch_indices: Any) -> None:
    """The rows of every written slot; left_padding is forgotten."""
    rows = swift_int32_array(batch_indices)
    cache.cache = [pick_rows(slot, rows) for slot in cache.cache]
    cache.left_padding = None


def extend_zero_filled(cache: SlotCache, other: SlotCache) -> None:
    """Join the rows; a side that lacks a slot or a row vector contributes zeros for its batch.

    Slots beyond the shorter cache disappear. If joining left_padding or lengths fails, the slots
    are already joined.
    """
    ours, theirs = cache.batch_size, other.batch_size

    def join(a: Any, b: Any) -> Any:
        if a is None and b is None:
            return None
        like = a if b is None else b
        a = mx.zeros((ours, *like.shape[1:]), like.dtype) if a is None else a
        b = mx.zeros((theirs, *like.shape[1:]), like.dtype) if b is None else b
        return mx.concatenate([a, b])

    cache.cache = [join(a, b) for a, b in zip(cache.cache, other.cache, strict=False)]
    cache.left_padding = join(cache.left_padding, other.left_padding)
    cache.lengths = join(cache.lengths, other.lengths)


def extend_slots(cache: SlotCache, other: SlotCache) -> None:
    """Join the rows; a slot that one side lacks is the other side's, and all else stays."""
    cache.cache = [
        mx.concatenate([a, b]) if a is not None and b is not None else a if b is None else b
        for a, b in zip(cache.cache, other.cache, strict=False)
    ]


def extend_written_slots(cache: SlotCache, other: SlotCache) -> None:
    """Join the rows of every slot (a TypeError if a side lacks it); all else stays."""
    pairs = zip(cache.cache, other.cache, strict=False)
    cache.cache = [mx.concatenate([a, b]) for a, b in pairs]  # type: ignore[list-item] # refused


def extend_written_slots_dropping_padding(cache: SlotCache, other: SlotCache) -> None:
    """As `extend_written_slots`; left_padding is forgotten."""
    extend_written_slots(cache, other)
    cache.left_padding = None


def extend_dropping_padding(cache: SlotCache, other: SlotCache) -> None:
    """Join the rows; a slot that one side lacks is the other side's; left_padding is forgotten."""
    extend_slots(cache, other)
    cache.left_padding = None


def extract_row(cache: C, idx: Any) -> C:
    """A new cache with one row of every slot; an unwritten slot is a TypeError.

    The rows are copied, and at once: a view, or a copy still to be made, keeps the whole batch.
    A slot that is a list, as after restoring the state of another version, gives its item.
    """
    single = type(cache)(len(cache.cache))
    slots: list[Any] = cache.cache
    rows = [slot[idx : idx + 1] for slot in slots]
    single.cache = [_own_row(*pair) for pair in zip(rows, slots, strict=True)]
    mx.eval(single.cache)
    return single


def _own_row(row: Any, slot: Any) -> Any:
    if not isinstance(row, mx.array) or row.size in (0, slot.size):
        return row  # there are no other rows that it could keep
    return mx.take(row, mx.array([0]), axis=0)  # a gather copies, and row by row as memory does


def merge_without_padding(cls: type[SlotCache], caches: Any) -> SlotCache:
    """As `merge_single_rows`, but without left_padding in any case."""
    merged = merge_single_rows(cls, caches)
    merged.left_padding = None
    return merged


def merge_single_rows(cls: type[SlotCache], caches: Any) -> SlotCache:
    """One row per cache, zeros where a cache lacks the slot; the first dtype wins.

    If slot 0 is unwritten everywhere the result has no slots written at all and zero
    left_padding; if another slot is, StopIteration.
    """
    count = len(caches[0].cache)
    merged = cls(count)
    if all(cache.empty() for cache in caches):
        merged.left_padding = mx.array([0] * len(caches))
        return merged
    return merge_written_slots(cls, caches)


def merge_written_slots(cls: type[SlotCache], caches: Any) -> SlotCache:
    """As `merge_single_rows`, with a StopIteration also where no cache has written any slot."""
    count = len(caches[0].cache)
    merged = cls(count)
    for slot in range(count):
        model = next(cache[slot] for cache in caches if cache[slot] is not None)
        shape = list(model.shape)
        shape[0] = 1
        rows = [_fitted(cache[slot], shape, model.dtype) for cache in caches]
        merged[slot] = mx.concatenate(rows) if len(rows) > 1 else rows[0][...]  # never the same
    return merged


def _fitted(state: Any, shape: list[int], dtype: mx.Dtype) -> mx.array:
    """A state as one row: zeros if it is unwritten, else converted and stretched, or refused."""
    is_array = isinstance(state, mx.array)  # after another version's state it may be a list
    if is_array and state.shape == tuple(shape) and state.dtype == dtype:
        row: mx.array = state
        return row
    row = mx.zeros(shape, dtype)
    if state is not None:
        row[0:1] = state  # with [...] the dtype would be that of the state
    return row
