"""Copies: what a deep copy keeps."""

from __future__ import annotations

from copy import copy
from typing import TypeVar

from reference_impl.slots.cache import SlotCache
from reference_impl.slots.rules.state import compacted_handles

C = TypeVar("C", bound="SlotCache")


def copy_everything(cache: C) -> C:
    """Slots in their places, left_padding, lengths, class label, offset.

    `array[...]` is a new handle: in-place writes to either side do not show in the other.
    """
    twin = copy(cache)
    twin.cache = [None if slot is None else slot[...] for slot in cache.cache]
    twin.left_padding = None if cache.left_padding is None else cache.left_padding[...]
    twin.lengths = None if cache.lengths is None else cache.lengths[...]
    return twin


def copy_compacting(cache: C) -> C:
    """As `copy_everything`, but written slots move to the front and holes are lost.

    Without any written slot, the slot count stays (a MambaCache starts again with 2).
    """
    twin = copy_everything(cache)
    twin.cache = [*compacted_handles(cache)]
    if not twin.cache:
        twin.cache = [None] * (2 if cache.is_mamba else len(cache.cache))
    return twin
