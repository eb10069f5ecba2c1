"""Buffers of keys and values that grow in steps, and are filled up to an offset."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.errors import OutOfRange, ShapePairMismatch, Trap
from reference_impl.strictness import token_count, usize_sum
from reference_impl.tokens import after, first, joined, own, pads, whole_steps

# Filling


def make_room(cache: Any, keys: mx.array, values: mx.array, start: int) -> None:
    """Buffers that hold what is to come at `start`: as many whole steps more as `keys` needs.

    What is behind `start` goes, unless a step begins there.
    """
    if cache.keys is not None and start + keys.shape[2] <= cache.keys.shape[2]:
        return
    _, _, count, _ = keys.shape
    more_keys, more_values = pads(keys, values, whole_steps(count, cache.step))
    if cache.keys is None:
        cache.keys, cache.values = more_keys, more_values
        return
    if start % cache.step != 0:
        cache.keys = first(cache.keys, start)
        cache.values = first(cache.values, start)
    cache.keys = joined(cache.keys, more_keys)
    cache.values = joined(cache.values, more_values)


def write(cache: Any, start: int, stop: int, keys: mx.array, values: mx.array) -> None:
    """Into the buffers in place, for everybody who holds them; their dtype stays."""
    cache.keys[..., start:stop, :] = keys
    cache.values[..., start:stop, :] = values


# The state of caches that keep two arrays


def filled(cache: Any) -> tuple[mx.array, mx.array]:
    """The tokens up to the offset; buffers that have no more than these themselves.

    Before the first update an AttributeError.
    """
    if cache.offset < cache.keys.shape[2]:
        return first(cache.keys, cache.offset), first(cache.values, cache.offset)
    return cache.keys, cache.values


def cut_at_offset(cache: Any) -> tuple[mx.array, mx.array]:
    """The same tokens; buffers that have just these themselves, and parts of others."""
    if cache.offset == cache.keys.shape[2]:
        return cache.keys, cache.values
    return first(cache.keys, cache.offset), first(cache.values, cache.offset)


def filled_or_nothing(cache: Any) -> list[mx.array]:
    """As `filled`, in a list that is empty before the first update."""
    return [] if cache.keys is None else list(filled(cache))


def cut_at_offset_or_nothing(cache: Any) -> list[mx.array]:
    """As `cut_at_offset`, in a list that is empty before the first update."""
    return [] if cache.keys is None else list(cut_at_offset(cache))


def own_filled_or_nothing(cache: Any) -> list[mx.array]:
    """As `filled_or_nothing`, in arrays that no later update reaches."""
    return list(own(filled_or_nothing(cache)))


def trapping_pair(value: Any) -> list[Any]:
    """Swift: two arrays; another number of them traps."""
    arrays = list(value)
    if len(arrays) != 2:
        raise Trap("the state of this cache is two arrays")
    return arrays


def pair_or_nothing(value: Any) -> list[Any]:
    """mlxrs: two arrays of rank 4 (`RankMismatch`), or none; else `OutOfRange`."""
    arrays = list(value)
    if len(arrays) not in (0, 2):
        raise OutOfRange("state", "must be 0 or 2 arrays", str(len(arrays)))
    for name, array in zip(("keys", "values"), arrays, strict=False):
        token_count(name, array)
    return arrays


# New buffers instead of writing in place


def replaced(name: str, buffer: mx.array, start: int, count: int, new: mx.array) -> mx.array:
    """The buffer with `count` tokens from `start` on replaced; its dtype may change.

    Beyond the end is `OutOfRange`; what does not stretch to the buffer is `ShapePairMismatch`.
    """
    stop = usize_sum(f"end of the {name}", start=start, S=count)
    if stop > buffer.shape[2]:
        raise OutOfRange(name, "must end within the buffer", f"{stop} of {buffer.shape[2]}")
    middle = _stretched(name, new, buffer, count)
    return joined_parts(first(buffer, start), middle, after(buffer, stop))


def _stretched(name: str, new: mx.array, buffer: mx.array, count: int) -> mx.array:
    """An axis of `new` fits the buffer, or has length 1."""
    wanted = (*buffer.shape[:2], count, buffer.shape[3])
    if any(got not in (1, length) for got, length in zip(new.shape, wanted, strict=True)):
        raise ShapePairMismatch(name, wanted, new.shape)
    return mx.broadcast_to(new, wanted)


def joined_parts(*parts: mx.array) -> mx.array:
    """As `joined`, but parts without tokens have no say in dtype and shape."""
    filled = [part for part in parts if part.shape[2]]
    return joined(*filled) if len(filled) > 1 else [*filled, *parts][0]
