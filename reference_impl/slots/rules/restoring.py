"""Restoring: how a cache is rebuilt from its state and metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from reference_impl.errors import Trap
from reference_impl.integers import lenient_csv, parse_lenient, swift_int32_array
from reference_impl.slots.cache import SlotCache
from reference_impl.slots.rules.construction import swift_slots
from reference_impl.slots.rules.metadata import only_strings
from reference_impl.slots.rules.state import arrays_only


def from_state_alone(cls: type[SlotCache], state: Any) -> SlotCache:
    """Assign state to an instance that `__init__` has not seen."""
    cache = cls.__new__(cls)
    cache.state = state
    return cache


def from_state_and_meta_unseen(cls: type[SlotCache], state: Any, meta_state: Any) -> SlotCache:
    """Assign state, then meta_state; left_padding and lengths are not there, not even as None."""
    cache = from_state_alone(cls, state)
    cache.meta_state = meta_state
    return cache


def from_state_and_meta(cls: type[SlotCache], state: Any, meta_state: Any) -> SlotCache:
    """Assign state, then meta_state, to a cache without left_padding and lengths."""
    cache = cls.__new__(cls)
    cache.left_padding = cache.lengths = None
    cache.state = state
    cache.meta_state = meta_state
    return cache


def replace_content(cache: SlotCache, state: Any, meta_state: Any) -> None:
    """Everything but the class label becomes that of a restored cache; an error changes nothing."""
    restored = from_state_and_meta(type(cache), state, meta_state)
    cache.cache, cache.left_padding = restored.cache, restored.left_padding
    cache.lengths = None


def leniently_with_padding(cls: type[SlotCache], state: Any, meta_state: Any) -> SlotCache:
    """The third text is left_padding, and an empty one is the padding of no sequences.

    Texts that do not read as metadata are legacy, and the state stands as it is. Traps: a negative
    slot count, a negative written slot that has an array, a padding outside Int32. There is no cap;
    above 2^24 slots the reference says `OutOfMemory`.
    """
    return restored_leniently(cls, state, meta_state, _rows, _no_rows)


def leniently_with_padding_and_lengths(
    cls: type[SlotCache], state: Any, meta_state: Any
) -> SlotCache:
    """As `leniently_with_padding`, with lengths fourth; an empty text is None for either."""
    return restored_leniently(cls, state, meta_state, _rows_unless_empty, _rows_unless_empty)


ReadRows = Callable[[list[str], int], "mx.array | None"]


def restored_leniently(
    cls: type[SlotCache], state: Any, meta_state: Any, padding: ReadRows, lengths: ReadRows
) -> SlotCache:
    """The slots by `state` and the first two texts; `padding` and `lengths` read one text each."""
    arrays, texts = arrays_only(state), only_strings(meta_state)
    count = parse_lenient(texts[0]) if len(texts) >= 2 else None
    cache = cls.__new__(cls)
    cache.left_padding = cache.lengths = None
    if count is None:
        cache.cache = list(arrays)
        return cache
    slots = swift_slots(count)
    for array, index in zip(arrays, lenient_csv(texts[1]), strict=False):
        if index < 0:
            raise Trap("slot index out of range")
        if index < count:
            slots[index] = array
    cache.cache = slots
    cache.left_padding = padding(texts, 2)
    cache.lengths = lengths(texts, 3)
    return cache


def _rows(texts: list[str], position: int) -> mx.array | None:
    return swift_int32_array(lenient_csv(texts[position])) if position < len(texts) else None


def _rows_unless_empty(texts: list[str], position: int) -> mx.array | None:
    return None if texts[position : position + 1] == [""] else _rows(texts, position)


def _no_rows(texts: list[str], position: int) -> None:
    """The metadata has no such element."""
