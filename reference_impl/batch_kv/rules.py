"""The batch cache: appending, padding, taking back and serialized form, as dialects do them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from reference_impl.attention import causal, counted_positions, optional_usize
from reference_impl.buffers import make_room, write
from reference_impl.errors import (
    DtypeMismatch,
    LengthMismatch,
    OutOfRange,
    RankMismatch,
    ShapePairMismatch,
)
from reference_impl.integers import as_usize, rust_i32_array
from reference_impl.strictness import token_count, usize_sum
from reference_impl.tokens import AXIS, first, joined, own

if TYPE_CHECKING:
    from reference_impl.batch_kv.cache import BatchKVCache

# Counting. mlx-lm 0.31 changes the offsets in place, so that those read before change too.


def count_in_place(cache: Any, tokens: Any) -> None:
    """Python's `+=`: the array object changes, for everybody who holds it."""
    cache.offset += tokens


def count_back_in_place(cache: Any, tokens: Any) -> None:
    """Python's `-=`, likewise."""
    cache.offset -= tokens


def count_anew(cache: Any, tokens: Any) -> None:
    """A new array; offsets that were read before stay."""
    cache.offset = cache.offset + tokens


def count_back_anew(cache: Any, tokens: Any) -> None:
    cache.offset = cache.offset - tokens


# Appending


def append(cache: BatchKVCache, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
    """Write behind the index, in place. What fails half way stays half done."""
    start = cache.index
    make_room(cache, keys, values, start)
    cache.count(keys.shape[2])
    cache.index += keys.shape[2]
    write(cache, start, cache.index, keys, values)
    return filled(cache)


def filled(cache: BatchKVCache) -> tuple[mx.array, mx.array]:
    """The tokens up to the index."""
    return first(cache.keys, cache.index), first(cache.values, cache.index)


def append_joining(cache: BatchKVCache, keys: Any, values: Any) -> tuple[mx.array, mx.array]:
    """mlxrs: new arrays of what there was and what comes; it has no free room."""
    count = paired_token_count(keys, values)
    if cache.keys is not None:
        keys, values = joined(cache.keys, keys), joined(cache.values, values)
    index = usize_sum("index", index=cache.index, S=count)
    cache.count(count)
    cache.keys, cache.values, cache.index = keys, values, index
    return keys, values


def paired_token_count(keys: Any, values: Any) -> int:
    """mlxrs: tokens of both; they agree in batch, heads and tokens (`ShapePairMismatch`)."""
    count = token_count("keys", keys)
    token_count("values", values)
    if keys.shape[:3] != values.shape[:3]:
        raise ShapePairMismatch("values", keys.shape[:3], values.shape[:3])
    return count


# Padding


def prepare(
    cache: BatchKVCache, *, left_padding: Any = None, lengths: Any = None, right_padding: Any = None
) -> None:
    """mlx-lm: left padding only before the first update (ValueError); lengths are not looked at.

    Right padding counts only where a row has some.
    """
    if left_padding is not None:
        pad_left(cache, left_padding)
    if right_padding is not None and max(right_padding) > 0:
        cache.right_padding = mx.array(right_padding)


def pad_left(cache: Any, left_padding: Any) -> None:
    """More padding for each row; after the first update a ValueError."""
    if cache.keys is not None:
        raise ValueError("left padding comes before the first update")
    more = mx.array(left_padding)
    cache.left_padding += more
    cache.count_back(more)


def prepare_right(cache: BatchKVCache, *, right_padding: Any) -> None:
    """mlxrs: right padding alone, as int32."""
    padding = rust_i32_array(right_padding, "right padding")
    if any(number > 0 for number in right_padding):
        cache.right_padding = padding


def finalize(cache: BatchKVCache) -> None:
    """mlx-lm: the whole buffers turn, free room too, so that it comes to the left of each row."""
    padding = cache.right_padding
    if padding is None:
        return
    cache.keys = turned(cache.keys, padding)
    cache.values = turned(cache.values, padding)
    cache.count_back(padding)
    cache.left_padding += padding
    cache.right_padding = None


def finalize_checked(cache: BatchKVCache) -> None:
    """mlxrs: one padding for each row, or for all (`LengthMismatch`); it has no free room, so that
    the padding itself comes to the left."""
    padding = cache.right_padding
    if padding is None:
        return
    rows = cache.left_padding.size
    if padding.size not in (rows, 1):
        raise LengthMismatch("right padding", rows, padding.size)
    if cache.keys is not None:
        cache.keys = turned(cache.keys, padding)
        cache.values = turned(cache.values, padding)
    cache.count_back(padding)
    cache.left_padding = cache.left_padding + padding
    cache.right_padding = None


def turned(array: mx.array, shifts: mx.array) -> mx.array:
    """Each row turned to the right by its own shift: what leaves at the end comes to the front."""
    count = array.shape[AXIS]
    behind = [1] * (array.ndim - AXIS - 1)
    places = (mx.arange(count).reshape(-1, *behind) - shifts.reshape(-1, 1, 1, *behind)) % count
    return mx.take_along_axis(array, places, axis=AXIS)


# Masks


def mask(
    cache: BatchKVCache,
    N: Any,
    return_array: Any = False,
    *,
    window_size: Any = None,
    right_padding: Any = None,
) -> mx.array:
    """mlx-lm: always an array, bool [batch, 1, N, index + N]."""
    return causal(N, cache.index, window_size, cache.left_padding, right_padding)


def counted_mask(cache: BatchKVCache, N: Any, *, return_array: Any, window_size: Any) -> mx.array:
    """mlxrs: the same, with more than 2^24 positions refused (`OutOfRange`)."""
    count, window = as_usize(N, "mask length"), optional_usize(window_size, "window size")
    counted_positions(count, cache.index)
    return causal(count, cache.index, window, cache.left_padding)


# Taking back


def trim_any(cache: BatchKVCache, n: Any) -> Any:
    """The same number of every row, at most the index; a negative count adds to it."""
    removed = min(cache.index, n)
    cache.index -= removed
    cache.count_back(removed)
    return removed


def trim_and_cut(cache: BatchKVCache, n: Any) -> int:
    """mlxrs: at most the index; what was taken back is gone. A negative count is `OutOfRange`."""
    removed: int = min(cache.index, as_usize(n, "trim"))
    if removed:
        cache.index -= removed
        cache.count_back(removed)
        if cache.keys is not None:
            cache.keys, cache.values = (
                first(array, cache.index) for array in (cache.keys, cache.values)
            )
    return removed


# State


def four_arrays(cache: BatchKVCache) -> tuple[Any, ...]:
    """mlx-lm 0.31: keys and values up to the index, the live offset and left padding.

    Before the first update an AttributeError.
    """
    keys, values = cache.keys, cache.values
    if cache.index < keys.shape[2]:
        keys, values = first(keys, cache.index), first(values, cache.index)
    return keys, values, cache.offset, cache.left_padding


def take_four(cache: BatchKVCache, value: Any) -> None:
    """mlx-lm 0.31: any four things, unseen; the index is how many tokens the first one has."""
    cache.keys, cache.values, cache.offset, cache.left_padding = value
    cache.index = cache.keys.shape[2]


def everything(cache: BatchKVCache) -> tuple[Any, ...]:
    """mlx-lm 0.32: the live buffers, free room included, offset, left padding and index."""
    return cache.keys, cache.values, cache.offset, cache.left_padding, cache.index


def take_everything(cache: BatchKVCache, value: Any) -> None:
    """mlx-lm 0.32: any five things, unseen."""
    cache.keys, cache.values, cache.offset, cache.left_padding, cache.index = value


def own_four_or_nothing(cache: BatchKVCache) -> list[mx.array]:
    """mlxrs: keys, values, offset and left padding; nothing before the first update."""
    if cache.keys is None:
        return []
    keys, values = first(cache.keys, cache.index), first(cache.values, cache.index)
    return list(own((keys, values, cache.offset, cache.left_padding)))


def take_four_or_nothing(cache: BatchKVCache, value: Any) -> None:
    """mlxrs: four arrays that fit each other, or none: an empty cache with the same padding."""
    if arrays := checked_four(value):
        cache.keys, cache.values, cache.offset, cache.left_padding = arrays
        cache.index = cache.keys.shape[2]
    else:
        cache.keys, cache.values, cache.index = None, None, 0
        cache.offset = -cache.left_padding
    cache.right_padding = None


def checked_four(value: Any) -> list[Any]:
    """mlxrs: none, or keys and values of rank 4, any offset, and an int32 left padding per row.

    `OutOfRange` for their number, `RankMismatch`, `LengthMismatch` or `DtypeMismatch` for the rest.
    """
    arrays = list(value)
    if len(arrays) not in (0, 4):
        raise OutOfRange("state", "must be 0 or 4 arrays", str(len(arrays)))
    if not arrays:
        return arrays
    keys, values, _, left_padding = arrays
    token_count("keys", keys)
    token_count("values", values)
    if left_padding.ndim != 1:
        raise RankMismatch("left padding", left_padding.ndim, left_padding.shape)
    if left_padding.shape[0] != keys.shape[0]:
        raise LengthMismatch("left padding", keys.shape[0], left_padding.shape[0])
    if left_padding.dtype != mx.int32:
        raise DtypeMismatch("int32", str(left_padding.dtype).removeprefix("mlx.core."))
    return arrays
