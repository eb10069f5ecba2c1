"""The plain cache: appending, taking back, state and conversion, as dialects do them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from reference_impl.buffers import filled, make_room, pair_or_nothing, trapping_pair, write
from reference_impl.errors import InvariantViolation, Trap
from reference_impl.integers import as_usize
from reference_impl.strictness import token_count, usize_sum
from reference_impl.tokens import first, own

if TYPE_CHECKING:
    from reference_impl.kv.cache import KVCache
    from reference_impl.token_cache import TokenCache

# Appending


def append(cache: KVCache, keys: mx.array, values: mx.array) -> tuple[mx.array, mx.array]:
    """Write behind the offset. What fails half way (a shape that does not fit) stays half done."""
    start = cache.offset
    make_room(cache, keys, values, start)
    cache.offset += keys.shape[2]
    write(cache, start, cache.offset, keys, values)
    return first(cache.keys, cache.offset), first(cache.values, cache.offset)


def append_and_look(cache: KVCache, keys: mx.array, values: mx.array) -> Any:
    """The same, but buffers without free room are handed out themselves."""
    append(cache, keys, values)
    return filled(cache)


def append_pair(cache: KVCache, keys: Any, values: Any) -> tuple[mx.array, mx.array]:
    """Write behind the offset what is a pair; the buffers' dtype stays when they grow."""
    count = paired_token_count(keys, values)
    start = cache.offset
    stop = usize_sum("offset", offset=start, S=count)
    if cache.keys is None:
        make_room(cache, keys, values, start)
    elif stop > cache.keys.shape[2]:
        make_room(cache, *_like_buffers(cache, count), start)
    cache.offset = stop
    write(cache, start, stop, keys, values)
    return first(cache.keys, stop), first(cache.values, stop)


def _like_buffers(cache: KVCache, count: int) -> tuple[mx.array, mx.array]:
    keys, values = (
        mx.zeros((*array.shape[:2], count, array.shape[3]), array.dtype)
        for array in (cache.keys, cache.values)
    )
    return keys, values


def paired_token_count(keys: Any, values: Any) -> int:
    """Tokens of keys and values; they agree in batch, heads and tokens (`InvariantViolation`)."""
    count = token_count("keys", keys)
    token_count("values", values)
    if keys.shape[:3] != values.shape[:3]:
        raise InvariantViolation("keys and values", "must have equal batch, heads and tokens")
    return count


# Taking back


def trim_any(cache: TokenCache, n: Any) -> Any:
    """At most the offset; a negative count adds to it, and what is there again is undefined."""
    removed = min(cache.offset, n)
    cache.offset -= removed
    return removed


def trim_count(cache: TokenCache, n: Any) -> int:
    """At most the offset; a negative count is `OutOfRange`."""
    removed: int = min(cache.offset, as_usize(n, "trim"))
    cache.offset -= removed
    return removed


# State


def buffers_and_offset(cache: KVCache) -> tuple[Any, Any, Any]:
    """The live buffers, free room included, and the offset."""
    return cache.keys, cache.values, cache.offset


def take_pair(cache: KVCache, value: Any) -> None:
    """Any two things, unseen; the offset is how many tokens the first one has."""
    cache.keys, cache.values = value
    cache.offset = cache.keys.shape[2]


def take_buffers_and_offset(cache: KVCache, value: Any) -> None:
    """Any three things, unseen."""
    cache.keys, cache.values, cache.offset = value


def take_two_arrays(cache: KVCache, value: Any) -> None:
    """As `take_pair`; another number of arrays traps."""
    take_pair(cache, trapping_pair(value))


def take_pair_or_nothing(cache: KVCache, value: Any) -> None:
    """Two arrays that are a pair, or none: an empty cache."""
    arrays = pair_or_nothing(value)
    count = paired_token_count(*arrays) if arrays else 0
    cache.keys, cache.values = arrays or (None, None)
    cache.offset = count


# Conversion and copies


def quantize_buffers(cache: KVCache, group_size: Any = 64, bits: Any = 4) -> Any:
    """The whole buffers, free room included."""
    quantized = cache.classes["QuantizedKVCache"](group_size=group_size, bits=bits)
    quantized.offset = cache.offset
    if cache.keys is not None:
        quantized.keys = mx.quantize(cache.keys, group_size=group_size, bits=bits)
        quantized.values = mx.quantize(cache.values, group_size=group_size, bits=bits)
    return quantized


def quantize_filled(cache: KVCache, group_size: Any = 64, bits: Any = 4) -> Any:
    """The tokens up to the offset, in groups of just this size."""
    quantized = cache.classes["QuantizedKVCache"](group_size, bits)
    quantized.offset = cache.offset
    if cache.keys is not None:
        quantized.keys, quantized.values = (
            mx.quantize(first(array, cache.offset), group_size=group_size, bits=bits)
            for array in (cache.keys, cache.values)
        )
    return quantized


def quantize_filled_in_fitting_groups(cache: KVCache, group_size: Any = 64, bits: Any = 4) -> Any:
    """The same, in groups of the nearest size that the head dimensions allow; else a trap."""
    if cache.keys is not None:
        group_size = fitting_group(group_size, cache.keys.shape[3], cache.values.shape[3])
    return quantize_filled(cache, group_size, bits)


def fitting_group(wanted: int, key_dimension: int, value_dimension: int) -> int:
    """Of 32, 64 and 128, those that divide both dimensions, the nearest; the smaller of two."""
    sizes = [
        size for size in (32, 64, 128) if key_dimension % size == 0 and value_dimension % size == 0
    ]
    if not sizes:
        raise Trap("head dimensions are divisible by none of 32, 64 and 128")
    return min(sizes, key=lambda size: (abs(size - max(wanted, 1)), size))


def merge_as_batch(cls: type[KVCache], caches: Any) -> Any:
    """What the batch cache of the dialect makes of them."""
    return cls.classes["BatchKVCache"].merge(caches)


def copy_filled(cache: KVCache) -> Any:
    """A new cache from the state; free room is not copied."""
    twin = type(cache)()
    twin.step = cache.step
    if state := cache.state:
        twin.state = own(state)
    return twin
