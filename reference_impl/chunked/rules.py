"""The cache of chunks: dropping the front, appending and serialized form, as dialects do them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import mlx.core as mx

from reference_impl.buffers import make_room, replaced, trapping_pair, write
from reference_impl.errors import LengthMismatch
from reference_impl.integers import USIZE, as_usize, parse_lenient, parse_strict
from reference_impl.serialization import counted_texts, trapping_texts
from reference_impl.strictness import token_count, usize_difference, usize_sum
from reference_impl.tokens import after, between, first

if TYPE_CHECKING:
    from reference_impl.chunked.cache import ChunkedKVCache

K = TypeVar("K", bound="ChunkedKVCache")

# Dropping the front


def drop_beyond_chunk(cache: ChunkedKVCache) -> None:
    """mlx-lm 0.32: all but the last `chunk_size` tokens, and the free room."""
    if cache.keys is None:
        return
    count = cache.offset - cache.start_position
    if count > cache.chunk_size:
        surplus = count - cache.chunk_size
        cache.start_position += surplus
        cache.keys = between(cache.keys, surplus, count)
        cache.values = between(cache.values, surplus, count)


def drop_beyond_chunk_of_buffer(cache: ChunkedKVCache) -> None:
    """All but the end of the buffers, free room counted as tokens: tokens are lost, and the start
    may come to lie behind the offset."""
    if cache.keys is None or not cache.keys.shape[2] >= cache.chunk_size:
        return
    cache.start_position += cache.keys.shape[2] - cache.chunk_size
    cache.keys = after(cache.keys, -cache.chunk_size)
    cache.values = after(cache.values, -cache.chunk_size)


def drop_beyond_chunk_if_any(cache: ChunkedKVCache) -> None:
    """Swift: the same; without a chunk size nothing is dropped."""
    if cache.chunk_size is not None:
        drop_beyond_chunk_of_buffer(cache)


def drop_counted_beyond_chunk_if_any(cache: ChunkedKVCache) -> None:
    """mlxrs: the same, where a start that `usize` cannot hold is `ArithmeticOverflow`."""
    if cache.chunk_size is None or cache.keys is None:
        return
    surplus = max(cache.keys.shape[2] - cache.chunk_size, 0)
    usize_sum("start_position", start_position=cache.start_position, added=surplus)
    drop_beyond_chunk_of_buffer(cache)


# Appending


def append(cache: ChunkedKVCache, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
    """Write behind the tokens, in place. What fails half way stays half done.

    With a start behind the offset, positions count from the end of the buffers, as in Python.
    """
    start = cache.offset - cache.start_position
    make_room(cache, keys, values, start)
    cache.offset += keys.shape[2]
    write(cache, start, cache.offset - cache.start_position, keys, values)
    return filled(cache)


def filled(cache: ChunkedKVCache) -> tuple[mx.array, mx.array]:
    """The tokens from the start to the offset."""
    stop = cache.offset - cache.start_position
    return first(cache.keys, stop), first(cache.values, stop)


def append_replacing(cache: ChunkedKVCache, keys: Any, values: Any) -> tuple[mx.array, mx.array]:
    """mlxrs: new buffers; a start behind the offset is `ArithmeticOverflow`."""
    count = token_count("keys", keys)
    token_count("values", values)
    start = _kept(cache)
    usize_sum("offset", offset=cache.offset, S=count)
    make_room(cache, keys, values, start)
    cache.keys, cache.values = (
        replaced(name, buffer, start, count, new)
        for name, buffer, new in (("keys", cache.keys, keys), ("values", cache.values, values))
    )
    cache.offset += count
    return filled(cache)


def _kept(cache: ChunkedKVCache) -> int:
    return usize_difference("tokens kept", offset=cache.offset, start_position=cache.start_position)


# Taking back


def trim_any(cache: ChunkedKVCache, n: Any) -> Any:
    """At most what is kept; with a start behind the offset that is below 0, and adds to it."""
    removed = min(cache.offset - cache.start_position, n)
    cache.offset -= removed
    return removed


def trim_count(cache: ChunkedKVCache, n: Any) -> int:
    """At most what is kept; a start behind the offset is `ArithmeticOverflow`."""
    removed = min(_kept(cache), as_usize(n, "trim"))
    cache.offset -= removed
    return removed


# State: mlx-lm 0.31, mlxrs and Swift cut the buffers at the offset, as if they began at position 0.


def everything(cache: ChunkedKVCache) -> tuple[Any, ...]:
    """mlx-lm 0.32: the live buffers, offset, chunk size and start."""
    return cache.keys, cache.values, cache.offset, cache.chunk_size, cache.start_position


def take_everything(cache: ChunkedKVCache, value: Any) -> None:
    """Any five things, unseen."""
    cache.keys, cache.values, cache.offset, cache.chunk_size, cache.start_position = value


def take_pair(cache: ChunkedKVCache, value: Any) -> None:
    """Any two things, unseen; the offset is how many tokens the first one has, whatever the start:
    a cache whose front was dropped loses its offset."""
    cache.keys, cache.values = value
    cache.offset = cache.keys.shape[2]


def take_two_arrays(cache: ChunkedKVCache, value: Any) -> None:
    """The same; another number of arrays traps."""
    take_pair(cache, trapping_pair(value))


def take_counted_pair(cache: ChunkedKVCache, value: Any) -> None:
    """mlxrs: the same; two arrays (`LengthMismatch`) of rank 4 (`RankMismatch`)."""
    arrays = list(value)
    if len(arrays) != 2:
        raise LengthMismatch("state", 2, len(arrays))
    for name, array in zip(("keys", "values"), arrays, strict=True):
        token_count(name, array)
    take_pair(cache, arrays)


# Metadata: chunk size ("None" without one) and start.


def two_texts(cache: ChunkedKVCache) -> tuple[str, ...]:
    return str(cache.chunk_size), str(cache.start_position)


def two_texts_listed(cache: ChunkedKVCache) -> list[str]:
    return list(two_texts(cache))


def take_two_integers(cache: ChunkedKVCache, value: Any) -> None:
    """mlx-lm: whatever Python's int() reads, so that "None" is a ValueError."""
    cache.chunk_size, cache.start_position = map(int, value)


def take_two_lenient_texts(cache: ChunkedKVCache, value: Any) -> None:
    """Swift: a chunk size that is not an integer is none, a start that is not an integer is 0."""
    chunk_size, start = trapping_texts(value, 2)
    cache.chunk_size = parse_lenient(chunk_size)
    cache.start_position = parse_lenient(start) or 0


def take_two_texts(cache: ChunkedKVCache, value: Any) -> None:
    """mlxrs: two strings (`LengthMismatch`) that are integers or "None" (`Parse`)."""
    chunk_size, start = counted_texts(value, 2)
    size = None if chunk_size == "None" else parse_strict(chunk_size, USIZE, "chunk_size", "usize")
    cache.start_position = parse_strict(start, USIZE, "start_position", "usize")
    cache.chunk_size = size
