"""Metadata: the strings beside the state, and how a cache is rebuilt from the two."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from itertools import compress, repeat
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import mlx.core as mx

from reference_impl.errors import CapExceeded, InvariantViolation, Trap
from reference_impl.integers import (
    I32,
    SAFE_DIGITS,
    USIZE,
    IntType,
    lenient_csv,
    parse_lenient,
    parse_strict,
    swift_int32_array,
)
from reference_impl.slots.rules.construction import allocate, swift_slots
from reference_impl.slots.rules.state import arrays_only

if TYPE_CHECKING:
    from reference_impl.slots.cache import SlotCache

C = TypeVar("C", bound="SlotCache")

MAX_SLOT_COUNT = 1 << 20


def _texts(values: Iterable[Any]) -> list[str]:
    if isinstance(values, str):
        raise TypeError("meta_state is a list of strings, not a string")
    texts = values if type(values) is list else list(values)  # a copy would cost as much again
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"meta_state takes strings, not {type(text).__name__}")
    return texts


def _csv(values: Iterable[Any]) -> str:
    return ",".join(map(str, values))


def _rows_csv(rows: mx.array | None) -> str | None:
    values: Any = None if rows is None else rows.flatten().tolist()
    return None if values is None else _csv(values)


# Writing


def no_metadata(cache: SlotCache) -> str:
    """The empty string: everything is in the state."""
    return ""


def slots_and_padding(cache: SlotCache) -> list[str]:
    """[slot count, written slots, left_padding if set], numbers joined by commas."""
    is_written = map(operator.is_not, cache.cache, repeat(None))
    written = _csv(compress(range(len(cache.cache)), is_written))
    padding = _rows_csv(cache.left_padding)
    return [str(len(cache.cache)), written, *([] if padding is None else [padding])]


def slots_padding_and_lengths(cache: SlotCache) -> list[str]:
    """As `slots_and_padding`, then lengths if set; they make an unset left_padding ""."""
    texts = slots_and_padding(cache)
    lengths = _rows_csv(cache.lengths)
    if lengths is None:
        return texts
    return [*texts, *([""] if cache.left_padding is None else []), lengths]


# Assigning to an existing cache


def refuse_truthy(cache: SlotCache, value: Any) -> None:
    """Anything but None and falsy values is a ValueError."""
    if value is not None and value:
        raise ValueError("this cache keeps no meta_state, but one was assigned")


def trap_on_assignment(cache: SlotCache, value: Any) -> NoReturn:
    """Assertion of a debug build (a release build ignores the assignment)."""
    raise Trap("meta_state is restored together with the state, not assigned")


def place_strictly(cache: SlotCache, value: Any) -> None:
    """Move the slots to where the metadata says; on any error the cache is as before.

    [] and [""] change nothing. Otherwise, in this order: the slot count must parse, a second
    element must exist, the count is capped, and each list is capped by that count before its
    items are parsed. Elements after the third are ignored, and so are slots and arrays beyond the
    end. The slots are taken for a compact list in the order of the written slots: applying the
    metadata of a sparse cache to that same cache loses arrays.
    """
    texts = _texts(value)
    if texts in ([], [""]):
        return
    count = parse_strict(texts[0], USIZE, "meta_state slot count", "usize")
    if len(texts) < 2:
        raise InvariantViolation("meta_state", "a slot count is followed by the written slots")
    if count > MAX_SLOT_COUNT:
        raise CapExceeded("meta_state slot count", "MAX_SLOT_COUNT", MAX_SLOT_COUNT, count)
    written = _strict_csv(texts[1], USIZE, "meta_state present slots", count)
    padding = None
    if len(texts) > 2:
        values = _strict_csv(texts[2], I32, "meta_state left padding", count)
        padding = mx.array(values, dtype=mx.int32)
    slots = allocate(count)
    for array, index in zip(cache.cache, written, strict=False):
        if index < count and array is not None:
            slots[index] = array
    cache.cache, cache.left_padding = slots, padding


def _strict_csv(text: str, kind: IntType, context: str, max_elems: int) -> list[int]:
    if not text:
        return []
    # Counted, not split: a text that is refused costs no memory.
    observed = text.count(",") + 1
    if observed > max_elems:
        raise CapExceeded(context, "max_elems", max_elems, observed)
    items = text.split(",")
    if text.isascii() and all(map(str.isdigit, items)) and max(map(len, items)) <= SAFE_DIGITS:
        return list(map(int, items))  # nothing in it that could be refused
    input_kind = f"CSV<{kind.name}>"
    return [parse_strict(item, kind, context, input_kind) for item in items]


# Rebuilding a cache


def from_state_and_meta(cls: type[C], state: Any, meta_state: Any) -> C:
    """Assign state, then meta_state, to an instance that `__init__` has not seen."""
    cache = cls.__new__(cls)
    cache.state = state
    cache.meta_state = meta_state
    return cache


def from_state_alone(cls: type[C], state: Any) -> C:
    """Assign state to an instance that `__init__` has not seen."""
    cache = cls.__new__(cls)
    cache.state = state
    return cache


Column = Callable[[list[str], int], "mx.array | None"]


def column(texts: list[str], position: int) -> mx.array | None:
    """int32 [B] from one element of the metadata, int32 [0] from an empty one; None if missing."""
    return swift_int32_array(lenient_csv(texts[position])) if position < len(texts) else None


def filled_column(texts: list[str], position: int) -> mx.array | None:
    """The same, with None for an empty one."""
    return None if texts[position : position + 1] == [""] else column(texts, position)


def absent_column(texts: list[str], position: int) -> None:
    """The metadata has no such element."""


def restore_leniently(
    cls: type[C], state: Any, meta_state: Any, *, padding: Column, lengths: Column
) -> C:
    """Swift's rebuilding: what does not read as metadata is legacy, and the state stands as it is.

    `padding` and `lengths` read the elements after the written slots. Traps: a negative slot count,
    a negative written slot that has an array, a padding or length outside Int32. There is no cap;
    above 2^24 slots the reference says `OutOfMemory`.
    """
    arrays, texts = arrays_only(state), _texts(meta_state)
    count = parse_lenient(texts[0]) if len(texts) >= 2 else None
    cache = cls.__new__(cls)
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
