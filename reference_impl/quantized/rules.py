"""The quantized cache: appending, taking back and serialized form, as dialects do them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import mlx.core as mx

from reference_impl.errors import InvariantViolation, OutOfRange, ShapePairMismatch, Trap
from reference_impl.integers import I32, USIZE, as_usize, parse_lenient, parse_strict
from reference_impl.kv.rules import fitting_group
from reference_impl.serialization import (
    restore_blank,
    texts,
    trapping_integer,
    trapping_texts,
)
from reference_impl.strictness import token_count, usize_sum
from reference_impl.tokens import first, joined, own, whole_steps

if TYPE_CHECKING:
    from reference_impl.quantized.cache import QuantizedKVCache

Q = TypeVar("Q", bound="QuantizedKVCache")

WIDTHS = (2, 3, 4, 5, 6, 8)


# Construction


def checked_parameters(group_size: Any, bits: Any) -> None:
    """mlxrs: a group of at least 1, and a width that mlx knows; else `OutOfRange`."""
    if group_size <= 0:
        raise OutOfRange("group_size", "must be above 0", str(group_size))
    if bits not in WIDTHS:
        raise OutOfRange("bits", f"must be one of {WIDTHS}", str(bits))


# Parts


def each(change: Callable[[mx.array], mx.array], parts: Any) -> Any:
    """The same parts, changed."""
    return type(parts)(change(part) for part in parts)


def filled(cache: QuantizedKVCache) -> tuple[Any, Any]:
    """The tokens up to the offset, keys and values as three arrays each."""
    keys, values = (each(lambda part: first(part, cache.offset), parts) for parts in _both(cache))
    return keys, values


def filled_or_buffers(cache: QuantizedKVCache) -> tuple[Any, Any]:
    """The same, but buffers without free room themselves; before the first update a TypeError."""
    return _both(cache) if cache.offset == cache.keys[0].shape[2] else filled(cache)


def _both(cache: QuantizedKVCache) -> tuple[Any, Any]:
    return cache.keys, cache.values


# Appending


def append(cache: QuantizedKVCache, keys: mx.array, values: mx.array) -> tuple[Any, Any]:
    """Write behind the offset, in place. What fails half way stays half done.

    An error of the group size comes after the offset has counted the tokens.
    """
    _, _, count, _ = keys.shape
    return _append(cache, keys, values, count, _word_wise_zeros)


def append_and_look(cache: QuantizedKVCache, keys: mx.array, values: mx.array) -> Any:
    """The same, but buffers without free room are handed out themselves."""
    append(cache, keys, values)
    return filled_or_buffers(cache)


def append_in_groups_of_this_size(
    cache: QuantizedKVCache, keys: mx.array, values: mx.array
) -> tuple[Any, Any]:
    """The same, in buffers as wide as mlx packs integers."""
    return _append(cache, keys, values, keys.shape[2], _quantized_zeros)


def append_in_fitting_groups(
    cache: QuantizedKVCache, keys: mx.array, values: mx.array
) -> tuple[Any, Any]:
    """The same; an empty cache takes the nearest group size that the head dimensions allow."""
    group_size = fitting_group(cache.group_size, keys.shape[3], values.shape[3])
    if cache.keys is None and cache.offset == 0:
        cache.group_size = group_size
    return append_in_groups_of_this_size(cache, keys, values)


Zeros: TypeAlias = "Callable[[QuantizedKVCache, tuple[int, ...], mx.Dtype], Any]"


def _word_wise_zeros(cache: QuantizedKVCache, shape: tuple[int, ...], dtype: mx.Dtype) -> Any:
    """Room for 32 // bits integers in a word.

    For 3, 5 and 6 bits that is not always what mlx packs (6 bits, head dimension 128): then what
    is to be written does not fit.
    """
    *leading, dimension = shape
    in_word, groups = 32 // cache.bits, dimension // cache.group_size
    return (
        mx.zeros((*leading, dimension // in_word), mx.uint32),
        mx.zeros((*leading, groups), dtype),
        mx.zeros((*leading, groups), dtype),
    )


def _quantized_zeros(cache: QuantizedKVCache, shape: tuple[int, ...], dtype: mx.Dtype) -> Any:
    return _quantize(cache, mx.zeros(shape, dtype))


def _quantize(cache: QuantizedKVCache, array: mx.array) -> tuple[mx.array, ...]:
    if not array.size:  # MLX 0.32.4 divides by zero there on CUDA, which ends the process
        return _nothing(cache, array)
    return tuple(mx.quantize(array, group_size=cache.group_size, bits=cache.bits))


def _nothing(cache: QuantizedKVCache, array: mx.array) -> tuple[mx.array, ...]:
    """What no numbers quantize to: parts as wide as those of one row, and the errors of one."""
    *leading, dimension = array.shape
    row = mx.zeros((1, dimension or cache.group_size), array.dtype)
    parts = mx.quantize(row, group_size=cache.group_size, bits=cache.bits)
    widths = [part.shape[-1] if dimension else 0 for part in parts]
    return tuple(
        mx.zeros((*leading, width), part.dtype) for width, part in zip(widths, parts, strict=True)
    )


def _append(
    cache: QuantizedKVCache, keys: mx.array, values: mx.array, count: int, zeros: Zeros
) -> tuple[Any, Any]:
    dimensions = keys.shape[-1], values.shape[-1]
    start = cache.offset
    if cache.keys is None or start + count > cache.keys[0].shape[-2]:
        shape = (*keys.shape[:2], whole_steps(count, cache.step))
        if cache.keys is None:
            cache.keys, cache.values = (
                zeros(cache, (*shape, dimension), keys.dtype) for dimension in dimensions
            )
        else:
            if start % cache.step != 0:
                cache.keys, cache.values = filled(cache)
            cache.keys, cache.values = (each(partial(_longer, shape), p) for p in _both(cache))
    cache.offset += count
    parts = _quantize(cache, keys), _quantize(cache, values)
    for index in range(len(cache.keys)):
        for stored, new in zip(_both(cache), parts, strict=True):
            stored[index][..., start : cache.offset, :] = new[index]
    return filled(cache)


def _longer(shape: tuple[int, ...], part: mx.array) -> mx.array:
    return joined(part, mx.zeros((*shape, part.shape[-1]), part.dtype))


def append_joining(cache: QuantizedKVCache, keys: Any, values: Any) -> tuple[Any, Any]:
    """mlxrs: new arrays of what there was and what comes."""
    count = token_count("keys", keys)
    token_count("values", values)
    offset = usize_sum("offset", offset=cache.offset, S=count)
    parts = _quantize(cache, keys), _quantize(cache, values)
    if cache.keys is not None:
        parts = (_joined(cache.keys, parts[0]), _joined(cache.values, parts[1]))
    cache.keys, cache.values = parts
    cache.offset = offset
    return parts


def _joined(stored: Any, new: Any) -> tuple[mx.array, ...]:
    if len(stored) != len(new):
        raise InvariantViolation("biases", "must be there in all parts or in none")
    return tuple(joined(a, b) for a, b in zip(stored, new, strict=True))


def append_and_dequantize(cache: QuantizedKVCache, keys: Any, values: Any) -> list[mx.array]:
    """mlxrs: all keys and values, as near to what was given as the bits allow."""
    parameters = {"group_size": cache.group_size, "bits": cache.bits}
    return [mx.dequantize(*parts, **parameters) for parts in append_joining(cache, keys, values)]


def trap_plain_update(cache: QuantizedKVCache, keys: Any, values: Any) -> NoReturn:
    """Swift: the operation for caches that are not quantized ends the program."""
    raise Trap("a quantized cache has an update of its own")


# Taking back


def trim_and_cut(cache: QuantizedKVCache, n: Any) -> int:
    """mlxrs: at most the offset; what was taken back is gone. A negative count is `OutOfRange`."""
    removed: int = min(cache.offset, as_usize(n, "trim"))
    if removed:
        cache.offset -= removed
        if cache.keys is not None:
            cache.keys, cache.values = filled(cache)
    return removed


# State


def everything(cache: QuantizedKVCache) -> tuple[Any, ...]:
    """mlx-lm 0.32: the live buffers, free room included, offset, group size and bits."""
    return cache.keys, cache.values, cache.offset, cache.group_size, cache.bits


def take_everything(cache: QuantizedKVCache, value: Any) -> None:
    """Any five things, unseen."""
    cache.keys, cache.values, cache.offset, cache.group_size, cache.bits = value


def take_pair(cache: QuantizedKVCache, value: Any) -> None:
    """Any two things, unseen."""
    cache.keys, cache.values = value


def flat_or_nothing(cache: QuantizedKVCache) -> list[mx.array]:
    """Packed integers, scales and biases of the keys, then of the values; biases may be missing."""
    if cache.keys is None:
        return []
    keys, values = filled(cache) if cache.offset < cache.keys[0].shape[2] else _both(cache)
    return [*keys, *values]


def own_flat_or_nothing(cache: QuantizedKVCache) -> list[mx.array]:
    """The same, in arrays that no later update reaches."""
    return list(own(flat_or_nothing(cache)))


def take_flat(cache: QuantizedKVCache, value: Any) -> None:
    """Swift: four arrays or six; another number of them traps."""
    arrays = list(value)
    if len(arrays) not in (4, 6):
        raise Trap("the state of this cache is four or six arrays")
    cache.keys, cache.values = _halves(arrays)


def take_flat_or_nothing(cache: QuantizedKVCache, value: Any) -> None:
    """mlxrs: four arrays, six, or none (`OutOfRange`).

    Each is of rank 4 (`RankMismatch`), and part by part keys and values agree in batch, heads and
    tokens (`ShapePairMismatch`).
    """
    arrays = list(value)
    if len(arrays) not in (0, 4, 6):
        raise OutOfRange("state", "must be 0, 4 or 6 arrays", str(len(arrays)))
    if not arrays:
        cache.keys, cache.values, cache.offset = None, None, 0
        return
    keys, values = _halves(arrays)
    for name, of_keys, of_values in zip(("w", "scales", "biases"), keys, values, strict=False):
        token_count(name, of_keys)
        token_count(name, of_values)
        if of_keys.shape[:3] != of_values.shape[:3]:
            raise ShapePairMismatch(name, of_keys.shape[:3], of_values.shape[:3])
    cache.keys, cache.values = keys, values


def _halves(arrays: list[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    half = len(arrays) // 2
    return tuple(arrays[:half]), tuple(arrays[half:])


# Bytes


def bytes_of_buffers(cache: QuantizedKVCache) -> int:
    """mlx-lm: free room included; an AttributeError before the first update."""
    parts = [cache.keys, cache.values] if cache.keys is None else [*cache.keys, *cache.values]
    return sum(part.nbytes for part in parts)


def bytes_by_a_missing_name(cache: QuantizedKVCache) -> int:
    """Before mlx-lm 0.31.3: a NameError, with tokens or without."""
    raise NameError("name 'tree_reduce' is not defined")


# Metadata


def three_texts(cache: QuantizedKVCache) -> tuple[str, ...]:
    """offset, group size, bits."""
    return tuple(map(str, (cache.offset, cache.group_size, cache.bits)))


def three_texts_listed(cache: QuantizedKVCache) -> list[str]:
    return list(three_texts(cache))


def four_texts(cache: QuantizedKVCache) -> list[str]:
    """Swift: step, offset, group size, bits."""
    return [str(cache.step), *three_texts(cache)]


def take_three_integers(cache: QuantizedKVCache, value: Any) -> None:
    """mlx-lm: whatever Python's int() reads, three of them (ValueError); none is looked at."""
    cache.offset, cache.group_size, cache.bits = map(int, value)


def take_three_or_four_texts(cache: QuantizedKVCache, value: Any) -> None:
    """mlxrs: offset, group size and bits, with or without a step before them that is not read.

    Another number of strings is `OutOfRange`; what is not an integer is `Parse`.
    """
    found = texts(value)
    if len(found) not in (3, 4):
        raise OutOfRange("meta_state", "must be 3 or 4 strings", str(len(found)))
    names = (("offset", USIZE), ("group_size", I32), ("bits", I32))
    cache.offset, cache.group_size, cache.bits = (
        parse_strict(text, kind, name, kind.name)
        for text, (name, kind) in zip(found[-3:], names, strict=True)
    )


def take_offset_of_four_texts(cache: QuantizedKVCache, value: Any) -> None:
    """Swift 3.31.3: four strings, or a trap; only the offset is read, 0 if not an integer."""
    cache.offset = parse_lenient(trapping_texts(value, 4)[1]) or 0


def take_four_texts(cache: QuantizedKVCache, value: Any) -> None:
    """Swift 3.31.4: four strings, of which all but the step are integers; else a trap."""
    found = [trapping_integer(text) for text in trapping_texts(value, 4)[1:]]
    cache.offset, cache.group_size, cache.bits = found


# Making a cache again


def restore_cut(cls: type[Q], state: Any, meta_state: Any) -> Q:
    """mlxrs: the offset is at most what all parts have, and what is behind it goes.

    A cache without arrays has offset 0 (`InvariantViolation`).
    """
    cache = restore_blank(cls, state, meta_state)
    if cache.keys is None:
        if cache.offset:
            raise InvariantViolation("state", "without arrays, the offset is 0")
        return cache
    cache.offset = min(cache.offset, *(part.shape[2] for part in (*cache.keys, *cache.values)))
    cache.keys, cache.values = filled(cache)
    return cache


def copy_with_parameters(cache: Q) -> Q:
    """Swift: a new cache of the same group size and bits; free room is not copied."""
    twin = type(cache)(cache.group_size, cache.bits)
    if state := cache.state:
        twin.state = own(state)
    twin.meta_state = cache.meta_state
    return twin
