"""The batch cache with a window: padding, rows, masks and serialized form, as dialects do them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import mlx.core as mx

from reference_impl.attention import causal, counted_positions, optional_usize
from reference_impl.batch_kv.rows import join_rows, need_buffers, pick_rows, room_for_rows
from reference_impl.batch_kv.rules import checked_four, pad_left, paired_token_count
from reference_impl.buffers import joined_parts
from reference_impl.errors import (
    InvariantViolation,
    LengthMismatch,
    OutOfRange,
    UnknownEnumValue,
)
from reference_impl.integers import as_usize, rust_i32_array
from reference_impl.serialization import counted_texts, restore_blank, strict_integers
from reference_impl.strictness import usize_sum
from reference_impl.tokens import AXIS, after, first, own, rolled

if TYPE_CHECKING:
    from reference_impl.batch_rotating.cache import BatchRotatingKVCache

B = TypeVar("B", bound="BatchRotatingKVCache")

# Appending


def checked_tokens(cache: BatchRotatingKVCache, keys: Any, values: Any) -> None:
    """mlxrs: a window of at least 1 (`InvariantViolation`), and keys and values that are a pair.

    A single token comes after finalize (`InvariantViolation`).
    """
    if cache.max_size == 0:
        raise InvariantViolation("max_size", "must be at least 1")
    count = paired_token_count(keys, values)
    if count == 1 and cache.lengths is not None:
        raise InvariantViolation("update", "finalize comes before single tokens")
    usize_sum("offset", offset=cache.written, S=count)


def replace_token(cache: BatchRotatingKVCache, keys: mx.array, values: mx.array) -> None:
    """mlxrs: new buffers; beyond the end the token is appended, and the dtype may change."""
    cache.keys, cache.values = (
        joined_parts(first(buffer, cache.index), new, after(buffer, cache.index + 1))
        for buffer, new in ((cache.keys, keys), (cache.values, values))
    )


# Padding


def prepare(
    cache: BatchRotatingKVCache,
    *,
    left_padding: Any = None,
    lengths: Any = None,
    right_padding: Any = None,
) -> None:
    """mlx-lm: left padding only before the first update (ValueError).

    Lengths, of the tokens to come, are looked at only where a row has right padding.
    """
    if left_padding is not None:
        pad_left(cache, left_padding)
    if right_padding is not None and max(right_padding) > 0:
        cache.lengths = mx.array(lengths) + cache.offset


def prepare_right(cache: BatchRotatingKVCache, *, lengths: Any, right_padding: Any) -> None:
    """mlxrs: lengths and right padding, as int32."""
    rust_i32_array(right_padding, "right padding")
    ends = rust_i32_array(lengths, "lengths")
    if any(number > 0 for number in right_padding):
        cache.lengths = ends + cache.offset


def finalize_even_empty(cache: BatchRotatingKVCache) -> None:
    """mlxrs: an empty cache has no rows to turn, but counts as if it had."""
    if cache.keys is None and cache.lengths is not None:
        shifts = mx.maximum(0, cache.offset - cache.lengths)
        cache.left_padding = cache.left_padding + shifts
        cache.offset = cache.offset - shifts
        cache.lengths = None
    elif cache.lengths is not None:
        cache.turn_ended_rows()
        cache.lengths = None


# Masks


def mask(
    cache: BatchRotatingKVCache, N: Any, window_size: Any = None, return_array: Any = False
) -> mx.array:
    """mlx-lm: always an array, bool [batch, 1, N, tokens]; window 0 is that of the cache.

    For one token it is turned as the buffer will be.
    """
    window = window_size or cache.max_size
    return _mask(cache, N, window, min(cache.max_size - 1, cache.written), N == 1)


def mask_by_lengths(
    cache: BatchRotatingKVCache, N: Any, window_size: Any = None, return_array: Any = False
) -> mx.array:
    """mlx-vlm: the same; before finalize a single token is a chunk."""
    window = window_size or cache.max_size
    alone = N == 1 and cache.lengths is None
    return _mask(cache, N, window, min(cache.max_size - 1, cache.written), alone)


def update_by_lengths(cache: BatchRotatingKVCache, keys: Any, values: Any) -> Any:
    """mlx-vlm: before finalize a single token is a chunk."""
    alone = keys.shape[2] == 1 and cache.lengths is None
    return cache.add_one(keys, values) if alone else cache.add_many(keys, values)


def keep_rows_of_everything(cache: BatchRotatingKVCache, batch_indices: Any) -> None:
    """mlx-vlm: the rows, with the lengths of those that stay."""
    pick_rows(cache, batch_indices)
    if cache.lengths is not None:
        cache.lengths = cache.lengths[batch_indices]


def counted_mask(
    cache: BatchRotatingKVCache, N: Any, *, window_size: Any, return_array: Any
) -> mx.array:
    """mlxrs: the same, with more than 2^24 positions refused (`OutOfRange`)."""
    count, window = as_usize(N, "mask length"), optional_usize(window_size, "window size")
    if cache.max_size == 0:
        raise InvariantViolation("max_size", "must be at least 1")
    offset = min(cache.max_size - 1, cache.written)
    counted_positions(count, offset)
    counted_positions(0, max(cache.index + int(count > 1) - cache.max_size, 0))
    return _mask(cache, count, window or cache.max_size, offset, count == 1)


def _mask(
    cache: BatchRotatingKVCache, count: Any, window: Any, offset: Any, alone: bool
) -> mx.array:
    """`alone`: a single token, which will take the place of the oldest one."""
    padding = cache.left_padding
    surplus = cache.index - cache.max_size + int(not alone and count > 0)
    if surplus > 0:
        padding = padding - surplus
    turns = alone and (cache.rotated or cache.index >= cache.max_size)
    if turns:
        padding = padding - 1
    found = causal(count, offset, window, padding)
    if not turns:
        return found
    index = 0 if cache.index >= cache.max_size else cache.index
    return rolled(found, index + 1, -1)


# Taking back


def trim_count(cache: BatchRotatingKVCache, n: Any) -> int:
    """mlxrs: at most what was written, and the index stops at 0; negative is `OutOfRange`."""
    removed: int = min(cache.written, as_usize(n, "trim"))
    if removed:
        cache.written -= removed
        cache.index = max(cache.index - removed, 0)
        cache.count_back(removed)
    return removed


# Rows


def join_in_order_of_time(cache: BatchRotatingKVCache, other: BatchRotatingKVCache) -> None:
    """As in `BatchKVCache`, after both are in order of time, unless they lie alike."""
    if cache.keys is None and other.keys is None:
        join_rows(cache, other)
        return
    if cache.rotated != other.rotated or cache.index != other.index:
        cache.sort_by_time()
        other.sort_by_time()
    join_rows(cache, other)
    cache.written = max(cache.written, other.written)


def join_buffers_in_order_of_time(cache: BatchRotatingKVCache, other: BatchRotatingKVCache) -> None:
    """Before mlx-lm 0.31.2: the same, and an AttributeError where a side has no buffers."""
    need_buffers(cache, other)
    join_in_order_of_time(cache, other)


def extract_row(cache: BatchRotatingKVCache, idx: Any) -> Any:
    """The tokens of a row behind its padding, in order of time; right padding counts as tokens."""
    padding = max(0, cache.left_padding.tolist()[idx])
    return _extracted(cache, idx, padding, cache.offset.tolist()[idx])


def extract_row_from_padding(cache: BatchRotatingKVCache, idx: Any) -> Any:
    """Before mlx-lm 0.31.2: the same, but a padding below 0 counts from the last token."""
    return _extracted(cache, idx, cache.left_padding[idx].item(), cache.offset[idx].item())


def extract_row_from_padding_above_zero(cache: BatchRotatingKVCache, idx: Any) -> Any:
    """Up to mlx-lm 0.30.2: without padding the row keeps its free room, as tokens."""
    padding = cache.left_padding[idx].item()
    stop = None if padding > 0 else cache.keys.shape[AXIS]
    return _extracted(cache, idx, max(padding, 0), cache.offset[idx].item(), stop)


def _extracted(
    cache: BatchRotatingKVCache, idx: Any, padding: Any, offset: Any, stop: int | None = None
) -> Any:
    single = cache.classes["RotatingKVCache"](cache.max_size)
    rows = [array[idx : idx + 1] for array in (cache.keys, cache.values)]
    end = cache.index
    if cache.rotated:
        rows = [rolled(row, -cache.index, AXIS) for row in rows]
        end = cache.max_size
    single.keys, single.values = (
        mx.contiguous(row[:, :, padding : end if stop is None else stop]) for row in rows
    )
    single.offset = offset
    single.index = single.keys.shape[2]
    return single


def merge_rows(cls: type[B], caches: Any) -> B:
    """One row from each, in order of time and right-justified; else as in `BatchKVCache`.

    Windows of different sizes are a ValueError.
    """
    size = caches[0].max_size
    if any(cache.max_size != size for cache in caches):
        raise ValueError("the caches have windows of different sizes")
    lengths = [cache.size() for cache in caches]
    if max(lengths) == 0:
        return cls(size, [0] * len(caches))
    return _merged(cls, caches, lengths)


def merge_buffers(cls: type[B], caches: Any) -> B:
    """Before mlx-lm 0.31.2: the same, and a ValueError where nobody has tokens or a window that
    has turned over is not where it began.
    """
    if any(cache.keys is not None and cache.index < cache.size() for cache in caches):
        raise ValueError("a window that has turned over does not fit")
    if all(cache.size() == 0 for cache in caches):
        raise ValueError("no cache has tokens")
    return merge_rows(cls, caches)


def _merged(cls: type[B], caches: Any, lengths: list[Any]) -> B:
    size, longest = caches[0].max_size, max(lengths)
    offsets = [cache.offset for cache in caches]
    padding = [longest - length for length in lengths]
    keys, values = room_for_rows(caches, longest)
    for row, (start, length, cache) in enumerate(zip(padding, lengths, caches, strict=True)):
        if cache.keys is not None:
            stop = start + length
            for buffer, array in ((keys, cache.keys), (values, cache.values)):
                buffer[row : row + 1, :, start:stop] = after(cache.in_order_of_time(array), -length)
    merged = cls(size, padding)
    merged.keys, merged.values = keys, values
    merged.offset = mx.array(offsets)
    merged.index = longest
    merged.written = longest
    return merged


# State


def filled(cache: BatchRotatingKVCache) -> tuple[mx.array, mx.array]:
    """The tokens written, as they lie; buffers without free room themselves.

    Before the first update an AttributeError.
    """
    if cache.written < cache.keys.shape[2]:
        return first(cache.keys, cache.written), first(cache.values, cache.written)
    return cache.keys, cache.values


def four_arrays(cache: BatchRotatingKVCache) -> tuple[Any, ...]:
    """mlx-lm 0.31: the same, with the live offset and left padding."""
    return *filled(cache), cache.offset, cache.left_padding


def take_four(cache: BatchRotatingKVCache, value: Any) -> None:
    """mlx-lm 0.31: any four things, unseen."""
    cache.keys, cache.values, cache.offset, cache.left_padding = value


def everything(cache: BatchRotatingKVCache) -> tuple[Any, ...]:
    """mlx-lm 0.32: the live buffers, offset, left padding and the four numbers."""
    arrays = cache.keys, cache.values, cache.offset, cache.left_padding
    return *arrays, cache.max_size, cache.written, cache.index, cache.rotated


def take_everything(cache: BatchRotatingKVCache, value: Any) -> None:
    """mlx-lm 0.32: any eight things, unseen."""
    (
        cache.keys,
        cache.values,
        cache.offset,
        cache.left_padding,
        cache.max_size,
        cache.written,
        cache.index,
        cache.rotated,
    ) = value


def own_four_or_nothing(cache: BatchRotatingKVCache) -> list[mx.array]:
    """mlxrs: keys, values, offset and left padding; nothing before the first update."""
    return [] if cache.keys is None else list(own(four_arrays(cache)))


def take_four_or_nothing(cache: BatchRotatingKVCache, value: Any) -> None:
    """mlxrs: four arrays that fit each other, or none: an empty cache with the same padding."""
    if arrays := checked_four(value):
        cache.keys, cache.values, cache.offset, cache.left_padding = arrays
    else:
        cache.keys, cache.values = None, None
        cache.offset = -cache.left_padding
        cache.index, cache.written, cache.rotated = 0, 0, False
    cache.lengths = None


# Metadata: max_size, written, index, rotated


def four_texts(cache: BatchRotatingKVCache) -> tuple[str, ...]:
    numbers = cache.max_size, cache.written, cache.index, cache.rotated
    return tuple(map(str, numbers))


def four_texts_in_lower_case(cache: BatchRotatingKVCache) -> list[str]:
    """mlxrs: `rotated` is true or false."""
    return [text.lower() for text in four_texts(cache)]


def take_four_unread(cache: BatchRotatingKVCache, value: Any) -> None:
    """mlx-lm 0.31: three that Python's int() reads, and any text but an empty one for `rotated`:
    "False" means that it is."""
    cache.max_size, cache.written, cache.index = map(int, value[:3])
    cache.rotated = bool(value[3])


def take_four_texts(cache: BatchRotatingKVCache, value: Any) -> None:
    """mlxrs: four strings (`LengthMismatch`), integers (`Parse`) and true or false in any case
    (`UnknownEnumValue`)."""
    names = ("max_size", "_offset", "_idx")
    *numbers, rotated = counted_texts(value, 4)
    found = strict_integers(numbers, names)
    spelled = "".join(c.lower() if c.isascii() else c for c in rotated)
    if spelled not in ("true", "false"):
        raise UnknownEnumValue("rotated", spelled, ["true", "false"])
    cache.max_size, cache.written, cache.index = found
    cache.rotated = spelled == "true"


def restore_checked(cls: type[B], state: Any, meta_state: Any) -> B:
    """mlxrs: numbers that a cache of this many tokens can have.

    Without arrays all of them are 0 (`OutOfRange`). Else the window is at least 1
    (`InvariantViolation`), the index within the buffer and the buffer not longer than what was
    written (`OutOfRange`), and one that has been written around is full (`LengthMismatch`).
    """
    cache = restore_blank(cls, state, meta_state)
    numbers = f"_offset={cache.written}, _idx={cache.index}, rotated={cache.rotated}"
    if cache.keys is None:
        if cache.written or cache.index or cache.rotated:
            raise OutOfRange("meta_state", "of an empty cache is 0, 0 and false", numbers)
        return cache
    length = cache.keys.shape[2]
    if cache.max_size == 0:
        raise InvariantViolation("max_size", "must be at least 1")
    if cache.index > length:
        raise OutOfRange("_idx", f"must be at most {length}", numbers)
    if cache.rotated and length != cache.max_size:
        raise LengthMismatch("buffer written around", cache.max_size, length)
    if length > cache.written:
        raise OutOfRange("_offset", f"must be at least {length}", numbers)
    return cache
