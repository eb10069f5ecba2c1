"""The cache with a window: masks, placing, taking back and serialized form, as dialects do them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, TypeVar

import mlx.core as mx

from reference_impl.attention import (
    CAUSAL,
    causal,
    counted_positions,
    optional_usize,
    swift_causal,
)
from reference_impl.buffers import pair_or_nothing, replaced, trapping_pair
from reference_impl.errors import (
    InvariantViolation,
    KVCacheError,
)
from reference_impl.integers import as_usize, parse_lenient
from reference_impl.serialization import (
    counted_texts,
    restore_blank,
    strict_integers,
    texts,
    trapping_integer,
    trapping_texts,
)
from reference_impl.strictness import token_count, usize_sum
from reference_impl.tokens import rolled

if TYPE_CHECKING:
    from reference_impl.rotating.cache import RotatingKVCache

R = TypeVar("R", bound="RotatingKVCache")

# Masks. The window of the mask may be narrower than that of the cache.


def mask(
    cache: RotatingKVCache, N: Any, window_size: Any = None, return_array: Any = False
) -> mx.array | str | None:
    """mlx-lm: for several tokens as if the buffer were in order of time, for one as it lies.

    Window 0 is that of the cache for several tokens; for one it hides everything.
    """
    if N > 1:
        window = window_size or cache.max_size
        offset = min(cache.max_size - 1, cache.offset)
        if offset + N > window or return_array:
            return causal(N, offset, window)
        return CAUSAL
    return _mask_for_one(cache, window_size)


def mask_with_kept(
    cache: RotatingKVCache, N: Any, window_size: Any = None, return_array: Any = False
) -> mx.array | str | None:
    """mlx-vlm: as `mask`, but several tokens see what is kept, and that much less before them."""
    found = mask(cache, N, window_size, return_array)
    window = window_size or cache.max_size
    if N <= 1 or not cache.keep or window != cache.max_size or found is CAUSAL:
        return found
    offset = min(cache.max_size - 1, cache.offset)
    columns = mx.arange(offset + N)[None]
    rows = mx.arange(offset, offset + N)[:, None]
    recent = rows < columns + window - cache.keep
    kept: mx.array = (rows >= columns) & ((columns < cache.keep) | recent)
    return kept


def counted_mask(
    cache: RotatingKVCache, N: Any, *, window_size: Any, return_array: Any
) -> mx.array | str | None:
    """mlxrs: the same, with more than 2^24 positions refused (`OutOfRange`)."""
    count, window = as_usize(N, "mask length"), optional_usize(window_size, "window size")
    if count > 1:
        window = window or cache.max_size
        offset = min(max(cache.max_size - 1, 0), cache.offset)
        if usize_sum("mask length", offset=offset, N=count) > window or return_array:
            counted_positions(count, offset)
            return causal(count, offset, window)
        return CAUSAL
    if window is not None and cache.offset >= window and cache.max_size > window:
        counted_positions(0, _seen_by_one(cache))
    return _mask_for_one(cache, window)


def swift_mask(
    cache: RotatingKVCache, N: Any, *, window_size: Any, return_array: Any
) -> mx.array | str | None:
    """Swift: the same, but window 0 hides everything from several tokens too."""
    count = operator.index(N)
    if count > 1:
        window = cache.max_size if window_size is None else operator.index(window_size)
        offset = min(cache.max_size - 1, cache.offset)
        if offset + count > window or return_array:
            return swift_causal(count, offset, window)
        return CAUSAL
    return _mask_for_one(cache, window_size)


def _seen_by_one(cache: RotatingKVCache) -> int:
    return cache.offset + 1 if cache.offset < cache.max_size else int(cache.max_size)


def _mask_for_one(cache: RotatingKVCache, window: Any) -> mx.array | None:
    """bool [tokens], turned as the buffer will be; None where the window hides nothing.

    It is turned as if nothing were kept: with `keep` > 0 the token goes to another place.
    """
    if window is None or not (cache.offset >= window and cache.max_size > window):
        return None
    index = 0 if cache.index >= cache.max_size else cache.index
    count = _seen_by_one(cache)
    return rolled(mx.arange(count) >= (count - window), index + 1, 0)


# Appending


def checked_tokens(cache: RotatingKVCache, keys: Any, values: Any) -> None:
    """mlxrs: keys and values of rank 4, and an offset that `usize` can hold."""
    count = token_count("keys", keys)
    token_count("values", values)
    usize_sum("offset", offset=cache.offset, S=count)


def room_or_none(cache: RotatingKVCache, missing: int) -> int:
    """mlxrs: never fewer than 0."""
    return min(cache.step, max(missing, 0))


def replace_token(cache: RotatingKVCache, keys: mx.array, values: mx.array) -> None:
    """mlxrs: new buffers; beyond the end of the old ones is `OutOfRange`."""
    cache.keys, cache.values = (
        replaced(name, buffer, cache.index, 1, array)
        for name, buffer, array in (("keys", cache.keys, keys), ("values", cache.values, values))
    )


# Taking back


def trim_count(cache: RotatingKVCache, n: Any) -> int:
    """mlxrs: at most the offset, and the index stops at 0; a negative count is `OutOfRange`."""
    removed: int = min(cache.offset, as_usize(n, "trim"))
    cache.offset -= removed
    cache.index = max(cache.index - removed, 0)
    return removed


# State. The numbers are not in it, except in mlx-lm 0.32.


def everything(cache: RotatingKVCache) -> tuple[Any, ...]:
    """The live buffers, free room included, and the four numbers."""
    return cache.keys, cache.values, cache.offset, cache.keep, cache.max_size, cache.index


def take_everything(cache: RotatingKVCache, value: Any) -> None:
    """Any six things, unseen."""
    cache.keys, cache.values, cache.offset, cache.keep, cache.max_size, cache.index = value


def take_pair(cache: RotatingKVCache, value: Any) -> None:
    """Any two things, unseen."""
    cache.keys, cache.values = value


def take_two_arrays(cache: RotatingKVCache, value: Any) -> None:
    """Two arrays; another number of them traps."""
    cache.keys, cache.values = trapping_pair(value)


def take_pair_or_nothing(cache: RotatingKVCache, value: Any) -> None:
    """Two arrays, or none: a cache without buffers."""
    cache.keys, cache.values = pair_or_nothing(value) or (None, None)


# Metadata


def four_texts(cache: RotatingKVCache) -> tuple[str, ...]:
    """keep, max_size, offset, index."""
    keep, max_size, offset, index = map(str, _numbers(cache))
    return keep, max_size, offset, index


def four_texts_listed(cache: RotatingKVCache) -> list[str]:
    return list(four_texts(cache))


def five_texts(cache: RotatingKVCache) -> list[str]:
    """Swift: keep, max_size, step, offset, index."""
    keep, max_size, offset, index = four_texts(cache)
    return [keep, max_size, str(cache.step), offset, index]


def _numbers(cache: RotatingKVCache) -> tuple[Any, ...]:
    return cache.keep, cache.max_size, cache.offset, cache.index


def take_four_integers(cache: RotatingKVCache, value: Any) -> None:
    """mlx-lm: whatever Python's int() reads, four of them (ValueError); none is looked at."""
    cache.keep, cache.max_size, cache.offset, cache.index = map(int, value)


def take_four_texts(cache: RotatingKVCache, value: Any) -> None:
    """mlxrs: four strings (`LengthMismatch`) that are integers (`Parse`); none is looked at."""
    names = ("keep", "max_size", "offset", "idx")
    found = strict_integers(counted_texts(value, len(names)), names)
    cache.keep, cache.max_size, cache.offset, cache.index = found


def take_five_texts(cache: RotatingKVCache, value: Any) -> None:
    """Swift: five strings that are integers, or a trap; none is looked at."""
    found = [trapping_integer(text) for text in trapping_texts(value, 5)]
    cache.keep, cache.max_size, cache.step, cache.offset, cache.index = found


# Making a cache again


def restore_in_order(cls: type[R], state: Any, meta_state: Any) -> R:
    """mlxrs: a cache without tokens has offset and index 0 (`InvariantViolation`)."""
    cache = restore_blank(cls, state, meta_state)
    if cache.keys is None and (cache.offset or cache.index):
        raise InvariantViolation("state", "without arrays, offset and index are 0")
    return cache


def restore_five_texts(cls: type[R], state: Any, meta_state: Any) -> R:
    """Swift: fewer than five strings, and a max_size that is not an integer, are thrown."""
    found = texts(meta_state)
    if len(found) < 5 or parse_lenient(found[1]) is None:
        raise KVCacheError("metaState is keep, maxSize, step, offset and idx")
    return restore_blank(cls, state, found)
