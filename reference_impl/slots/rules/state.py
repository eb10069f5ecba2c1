"""State: what a cache hands out as its tensors, and what assigning it back means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mlx.core as mx

from reference_impl.slots.cache import SlotCache


def arrays_only(values: Iterable[Any]) -> list[mx.array]:
    """A list of arrays; anything else in it is a TypeError."""
    arrays = list(values)
    for value in arrays:
        if not isinstance(value, mx.array):
            raise TypeError(f"state takes mx.array values, not {type(value).__name__}")
    return arrays


def compacted(cache: SlotCache) -> list[mx.array]:
    """The written slots in order, the very objects; holes are left out."""
    return [slot for slot in cache.cache if slot is not None]


def compacted_handles(cache: SlotCache) -> list[mx.array]:
    """The written slots in order, as new handles that in-place writes do not reach through."""
    return [slot[...] for slot in compacted(cache)]


def all_slots(cache: SlotCache) -> Any:
    """The live slot list itself, holes included."""
    return cache.cache


def slots_and_rows(cache: SlotCache) -> tuple[Any, Any, Any]:
    """(live slot list, left_padding, lengths)."""
    return cache.cache, cache.left_padding, cache.lengths


def take_arrays(cache: SlotCache, value: Any) -> None:
    """As many slots as arrays, all written; nothing else changes."""
    cache.cache = list(arrays_only(value))


def take_anything(cache: SlotCache, value: Any) -> None:
    """The value becomes the slots, unseen."""
    cache.cache = value


def take_three(cache: SlotCache, value: Any) -> None:
    """Any three things become slots, left_padding and lengths, unseen; else a ValueError."""
    cache.cache, cache.left_padding, cache.lengths = value
