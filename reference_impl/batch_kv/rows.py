"""The rows of a batch: which stay, which join, and how one leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from reference_impl.tokens import first

if TYPE_CHECKING:
    from reference_impl.batch_kv.cache import BatchKVCache

# Leaving and joining


def keep_rows(cache: BatchKVCache, batch_indices: Any) -> None:
    """The rows, and less padding on the left where all of them have some.

    Right padding that is still to be turned stays that of all rows. Before the first update the
    index falls below 0. No rows at all are a ValueError, after everything has changed.
    """
    pick_rows(cache, batch_indices)
    _drop(cache, min(cache.left_padding.tolist()))


def keep_rows_of_everything(cache: BatchKVCache, batch_indices: Any) -> None:
    """mlx-vlm: the same with their right padding, and the index stays at 0 or above."""
    pick_rows(cache, batch_indices)
    if cache.right_padding is not None:
        cache.right_padding = cache.right_padding[batch_indices]
    _drop(cache, min(*cache.left_padding.tolist(), cache.index))


def keep_rows_of_buffers(cache: BatchKVCache, batch_indices: Any) -> None:
    """Before mlx-lm 0.31.2: the same, and a TypeError before the first update."""
    pick_rows_of_buffers(cache, batch_indices)
    _drop(cache, min(cache.left_padding.tolist()))


def pick_rows_of_buffers(cache: Any, batch_indices: Any) -> None:
    """The rows of everything; a TypeError before the first update."""
    if cache.keys is None:
        raise TypeError("a batch without tokens has no rows to choose from")
    pick_rows(cache, batch_indices)


def join_rows_of_buffers(cache: Any, other: Any) -> None:
    """Before mlx-lm 0.31.2: as `join_rows`, and an AttributeError where a side has no buffers."""
    need_buffers(cache, other)
    join_rows(cache, other)


def need_buffers(cache: Any, other: Any) -> None:
    """An AttributeError where a side has no buffers."""
    if cache.keys is None or other.keys is None:
        raise AttributeError("a batch without tokens has no shape")


def size_unknown(cache: Any) -> int:
    """Before mlx-lm 0.31.2: 0, however many tokens there are."""
    return 0


def merge_rows_with_tokens(cls: type[BatchKVCache], caches: Any) -> Any:
    """Before mlx-lm 0.31.2: as `merge_rows`, and a ValueError where nobody has tokens."""
    if max(cache.size() for cache in caches) == 0:
        raise ValueError("no cache has tokens")
    return merge_rows(cls, caches)


def _drop(cache: BatchKVCache, spare: Any) -> None:
    """Less padding on the left of all rows."""
    if spare > 0:
        if cache.keys is not None:
            cache.keys = cache.keys[..., spare:, :]
            cache.values = cache.values[..., spare:, :]
        cache.index -= spare
        cache.left_padding -= spare


def pick_rows(cache: Any, batch_indices: Any) -> None:
    """The rows of everything that has rows."""
    if cache.keys is not None:
        cache.keys = cache.keys[batch_indices]
        cache.values = cache.values[batch_indices]
    cache.offset = cache.offset[batch_indices]
    cache.left_padding = cache.left_padding[batch_indices]


def join_rows(cache: Any, other: Any) -> None:
    """Both buffers with their last tokens at the same place, and zeros around the shorter ones.

    A side without buffers counts as zeros. Right padding that is still to be turned is not joined.
    """
    if cache.keys is None and other.keys is None:
        cache.left_padding = mx.concatenate([cache.left_padding, other.left_padding])
        cache.offset = mx.concatenate([cache.offset, other.offset])
        return
    index = max(cache.index, other.index)
    shapes = [
        (side.keys.shape, side.values.shape[3]) for side in (cache, other) if side.keys is not None
    ]
    length = max(keys[2] for keys, _ in shapes)
    (rows_with_buffers, heads, _, key_dimension), value_dimension = shapes[-1]
    dtype = cache.dtype_without_buffers(other)

    def placed(side: Any) -> tuple[mx.array, ...]:
        left = index - side.index
        keys, values = side.keys, side.values
        if keys is None:
            rows = side.rows_without_buffers(rows_with_buffers)
            keys = mx.zeros((rows, heads, 0, key_dimension), dtype)
            values = mx.zeros((rows, heads, 0, value_dimension), dtype)
        right = length - keys.shape[2] - left
        keys, values = (_padded(array, left, right) for array in (keys, values))
        return keys, values, side.offset, side.left_padding + left

    cache.keys, cache.values, cache.offset, cache.left_padding = (
        mx.concatenate([ours, theirs])
        for ours, theirs in zip(placed(cache), placed(other), strict=True)
    )
    cache.index = index


def _padded(array: mx.array, left: int, right: int) -> mx.array:
    """With zeros on both sides; a negative number of them on the right cuts."""
    if right < 0:
        array, right = first(array, right), 0
    if left or right:
        array = mx.pad(array, [(0, 0), (0, 0), (left, right), (0, 0)])
    return array


def own_rows_without_buffers(side: Any, others: int) -> Any:
    """From mlx-lm 0.31.3 on: a side without buffers has a row for each of its offsets."""
    return side.offset.shape[0]


def other_rows_without_buffers(side: Any, others: int) -> int:
    """Before mlx-lm 0.31.3: a side without buffers has as many rows as the other side."""
    return others


def float32_without_buffers(cache: Any, other: Any) -> mx.Dtype:
    """mlx-lm 0.31: a side without buffers makes float32 of both."""
    return mx.float32


def dtype_of_keys_without_buffers(cache: Any, other: Any) -> Any:
    """mlx-lm 0.32: a side without buffers takes the dtype of the other side's keys."""
    return (other if cache.keys is None else cache).keys.dtype


def extract_row(cache: BatchKVCache, idx: Any) -> Any:
    """The tokens of a row from its padding to the index; right padding counts as tokens."""
    single = cache.classes["KVCache"]()
    padding = cache.padding_of(idx)
    single.keys, single.values = (
        mx.contiguous(array[idx : idx + 1, :, padding : cache.index])
        for array in (cache.keys, cache.values)
    )
    single.offset = single.keys.shape[2]
    return single


def padding_by_array_index(cache: BatchKVCache, idx: Any) -> Any:
    """mlx-lm 0.31: an index out of range reads what lies elsewhere in memory."""
    return cache.left_padding[idx].item()


def padding_by_list_index(cache: BatchKVCache, idx: Any) -> Any:
    """mlx-lm 0.32: an index out of range is an IndexError."""
    return cache.left_padding.tolist()[idx]


def merge_rows(cls: type[BatchKVCache], caches: Any) -> Any:
    """One row from each, right-justified; rows without tokens are padding alone.

    The widest heads and head dimensions and the dtype of the first keys are those of all, so that
    values are converted to the dtype of the keys. Where nobody has tokens, neither has the batch.
    """
    lengths = [cache.size() for cache in caches]
    longest = max(lengths)
    if longest == 0:
        return cls.classes["BatchKVCache"]([0] * len(caches))
    padding = [longest - length for length in lengths]
    keys, values = room_for_rows(caches, longest)
    for row, (start, cache) in enumerate(zip(padding, caches, strict=True)):
        if cache.keys is not None:
            stop = start + cache.offset
            keys[row : row + 1, :, start:stop] = first(cache.keys, cache.offset)
            values[row : row + 1, :, start:stop] = first(cache.values, cache.offset)
    merged = cls(padding)
    merged.keys, merged.values = keys, values
    merged.offset += longest
    merged.index = longest
    return merged


def room_for_rows(caches: Any, length: int) -> tuple[mx.array, mx.array]:
    """Zeros for a row of each cache, as wide as the widest, in the dtype of the first keys."""
    written = [cache for cache in caches if cache.keys is not None]
    heads = max(cache.keys.shape[1] for cache in written)
    key_dimension = max(cache.keys.shape[3] for cache in written)
    value_dimension = max(cache.values.shape[3] for cache in written)
    dtype = written[0].keys.dtype
    return (
        mx.zeros((len(caches), heads, length, key_dimension), dtype),
        mx.zeros((len(caches), heads, length, value_dimension), dtype),
    )
