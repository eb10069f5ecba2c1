"""Whether the caches of one file can belong together: tokens seen, and rows of the batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from reference_impl.files.content import BatchEntry, KeyValueEntry, SlotEntry, walk

if TYPE_CHECKING:
    from reference_impl.files.content import Content, Entry

T = TypeVar("T")
_SHOWN = 4


def disagreements(content: Content) -> Iterator[str]:
    """What the caches say differently though one run of a model made them all."""
    entries = list(walk(content))
    yield from _told("tokens seen", ((key, _seen(entry)) for key, entry in entries))
    rows = ((key, count) for key, entry in entries for count in _rows(entry))
    yield from _told("rows of the batch", rows)


def _seen(entry: Entry) -> int | None:
    """Tokens that a cache has seen. None where it is empty, or does not know after reading."""
    if isinstance(entry, BatchEntry):
        return None if entry.keys is None else entry.held
    # Layouts but the newest lose the offset of a ChunkedKVCache that has moved on.
    if isinstance(entry, KeyValueEntry) and entry.keys and entry.class_name != "ChunkedKVCache":
        return entry.offset
    return None


def _rows(entry: Entry) -> set[int]:
    if isinstance(entry, SlotEntry):
        tensors = [slot for slot in entry.slots if slot is not None and slot.size]
        tensors += [row for row in (entry.left_padding, entry.lengths) if row is not None]
    elif isinstance(entry, KeyValueEntry):
        tensors = [*entry.keys, *entry.values]
    elif isinstance(entry, BatchEntry):
        tensors = [half for half in (entry.keys, entry.values) if half is not None]
    else:
        tensors = []
    return {tensor.shape[0] for tensor in tensors if tensor.ndim}


def _told(what: str, found: Iterable[tuple[str, T | None]]) -> Iterator[str]:
    by_value: dict[T, list[str]] = {}
    for key, value in found:
        if value is not None:
            by_value.setdefault(value, []).append(key)
    if len(by_value) > 1:
        sides = (f"{value} ({_named(keys)})" for value, keys in by_value.items())
        yield f"{what}: " + ", ".join(sides)


def _named(keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"cache{'s' if len(keys) > 1 else ''} {', '.join(keys[:_SHOWN])}{more}"
