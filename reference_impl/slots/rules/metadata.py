"""Metadata: which strings stand beside the state, and what assigning them to a cache does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

import mlx.core as mx

from reference_impl.errors import CapExceeded, InvariantViolation, Trap
from reference_impl.integers import I32, USIZE, IntType, parse_strict
from reference_impl.slots.cache import SlotCache
from reference_impl.slots.rules.construction import unwritten_slots

MAX_SLOT_COUNT = 1 << 20

# Reading


def no_metadata(cache: SlotCache) -> str:
    """The empty string: everything is in the state."""
    return ""


def slots_and_padding(cache: SlotCache) -> list[str]:
    """[slot count, written slots, left_padding if set], numbers joined by commas."""
    written = [index for index, slot in enumerate(cache.cache) if slot is not None]
    texts = [str(len(cache.cache)), _csv(written)]
    padding = rows_csv(cache.left_padding)
    return texts if padding is None else [*texts, padding]


def slots_padding_and_lengths(cache: SlotCache) -> list[str]:
    """As `slots_and_padding`, then lengths if set; they make an unset left_padding ""."""
    texts = slots_and_padding(cache)
    lengths = rows_csv(cache.lengths)
    if lengths is None:
        return texts
    return [*texts, *([""] if cache.left_padding is None else []), lengths]


def _csv(values: Iterable[Any]) -> str:
    return ",".join(map(str, values))


def rows_csv(rows: mx.array | None) -> str | None:
    """One number per sequence, joined by commas; None for None."""
    values: Any = None if rows is None else rows.flatten().tolist()
    return None if values is None else _csv(values)


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
    texts = only_strings(value)
    if texts in ([], [""]):
        return
    count = parse_strict(texts[0], USIZE, "ArraysCache meta_state slotCount", "usize")
    if len(texts) < 2:
        raise InvariantViolation(
            "ArraysCache::set_meta_state", "a slot count is followed by the written slots"
        )
    if count > MAX_SLOT_COUNT:
        raise CapExceeded(
            "ArraysCache::set_meta_state: slot_count", "MAX_SLOT_COUNT", MAX_SLOT_COUNT, count
        )
    written = strict_csv(texts[1], USIZE, "ArraysCache meta_state presentSlots", count)
    padding = None
    if len(texts) > 2:
        values = strict_csv(texts[2], I32, "ArraysCache meta_state leftPadding", count)
        padding = mx.array(values, dtype=mx.int32)
    slots = unwritten_slots(count)
    for array, index in zip(cache.cache, written, strict=False):
        if index < count and array is not None:
            slots[index] = array
    cache.cache, cache.left_padding = slots, padding


def only_strings(values: Iterable[Any]) -> list[str]:
    """A list of strings; a string instead of a list, or anything else in it, is a TypeError."""
    if isinstance(values, str):
        raise TypeError("meta_state is a list of strings, not a string")
    # No copy of a list: what is refused costs no memory beside the text itself.
    texts = values if isinstance(values, list) else list(values)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"meta_state takes strings, not {type(text).__name__}")
    return texts


def strict_csv(text: str, kind: IntType, context: str, max_elems: int) -> list[int]:
    """Integers joined by commas, none in an empty text; `CapExceeded` before any is parsed."""
    if not text:
        return []
    # Counted, not split: a text that is refused costs no memory.
    observed = text.count(",") + 1
    if observed > max_elems:
        raise CapExceeded(context, "max_elems", max_elems, observed)
    input_kind = f"CSV<{kind.name}>"
    return [parse_strict(item, kind, context, input_kind) for item in text.split(",")]
