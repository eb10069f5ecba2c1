"""The loaders of mlx-swift-lm: of the tags 3.31.3 and 3.31.4, and of revision 14414441.

They were run on Linux. Swift's dictionaries have no order; where two keys of a file mean the same
place, the later one of the file wins here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import mlx.core as mx

from reference_impl.dialects import from_state
from reference_impl.errors import CacheError, OutOfMemory, Trap
from reference_impl.files.building import CAPACITY_ORIGINS
from reference_impl.files.content import (
    STEP,
    Content,
    Entry,
    Flat,
    KeyValueEntry,
    ListEntry,
    SlotEntry,
)
from reference_impl.files.limits import MAX_FILE_SLOTS
from reference_impl.files.readers.objects import Children, KeyValues, granted
from reference_impl.integers import parse_lenient

_KEY_VALUE_RANK = 4


class KVCacheError(CacheError, ValueError):
    """The error that the loader throws."""

    fields = ("reason",)
    template = "{reason}"


def load_14414441(flat: Flat, dialect: str) -> tuple[list[Any], Any]:
    """The count of caches comes from the metadata; tensors must be dense, counts must fit."""
    info, user, labels = _metadata(flat)
    if len(info) != len(labels):
        raise KVCacheError("the counts of metadata and classes differ")
    if any(label.startswith("__mlx_lm_state_v1__:") for label in labels):
        raise KVCacheError("model state is marked, but there is none")
    found: dict[int, dict[int, mx.array]] = {}
    for key, array in flat.tensors.items():
        parts = [parse_lenient(part) for part in _split(key)]
        if len(parts) != 2 or parts[0] is None or parts[1] is None:
            raise KVCacheError("a tensor key is not of the form i.j")
        if not 0 <= parts[0] < len(labels) or parts[1] < 0:
            raise KVCacheError("a tensor key names no cache")
        found.setdefault(parts[0], {})[parts[1]] = array
    caches: list[Any] = []
    for i, label in enumerate(labels):
        arrays = found.get(i, {})
        if sorted(arrays) != list(range(len(arrays))):
            raise KVCacheError("tensor keys have gaps")
        state = [arrays[j] for j in range(len(arrays))]
        caches = granted([*caches, _restore_later(label, state, info[i], dialect)])
    return caches, user


def load_tag(flat: Flat, dialect: str) -> tuple[list[Any], Any]:
    """The tags 3.31.3 and 3.31.4: there are as many caches as tensors, metadata and classes."""
    data = _arrays(flat)
    info, user, labels = _metadata(flat)
    if not len(data) == len(info) == len(labels):
        raise KVCacheError("the counts of tensors, metadata and classes differ")
    caches: list[Any] = []
    for label, state, texts in zip(labels, data, info, strict=True):
        caches = granted([*caches, _restore_tag(label, state, texts, dialect)])
    return caches, user


def _split(key: str) -> list[str]:
    return [part for part in key.split(".") if part]


def _arrays(flat: Flat) -> list[list[mx.array]]:
    found: dict[int, dict[int, mx.array]] = {}
    for key, array in flat.tensors.items():
        parts = [parse_lenient(part) for part in _split(key)[:2]]
        if len(parts) == 2 and parts[0] is not None and parts[1] is not None:
            found.setdefault(parts[0], {})[parts[1]] = array
    last = max(found, default=-1)
    if last < 0 or any(max(inner) < 0 for inner in found.values()):
        raise Trap("a range to -1: there are no arrays")
    _bounded(last)
    lists = []
    for i in range(last + 1):
        inner = found.get(i, {})
        lists.append([inner[j] for j in sorted(inner) if j >= 0])
    return lists


def _metadata(flat: Flat) -> tuple[list[list[str]], dict[str, str], list[str]]:
    info: list[list[str]] = []
    user: dict[str, str] = {}
    labels: list[str] = []
    for key, value in flat.metadata.items():
        parts = _split(key)
        if len(parts) >= 3 and parts[0] == "0":
            i, j = parse_lenient(parts[1]), parse_lenient(parts[2])
            if i is not None and j is not None:
                _grow(info, i, list)
                _grow(info[i], j, str)
                info[i][j] = value
        elif len(parts) >= 2 and parts[0] == "1":
            user[".".join(parts[1:])] = value
        elif len(parts) >= 2 and parts[0] == "2" and (i := parse_lenient(parts[1])) is not None:
            _grow(labels, i, str)
            labels[i] = value
    return info, user, labels


def _grow(items: list[Any], last: int, empty: Any) -> None:
    if last < 0:
        raise Trap("a negative index")
    _bounded(last)
    items += [empty() for _ in range(last + 1 - len(items))]


def _bounded(last: int) -> None:
    if last > MAX_FILE_SLOTS:
        raise OutOfMemory


def _restore_tag(label: str, state: list[mx.array], texts: list[str], dialect: str) -> Any:
    if label in ("KVCache", "KVCacheSimple"):
        keys, values = _halves(state, (2,))
        if texts != [""]:
            raise Trap("this cache has no metadata")
        return KeyValues("KVCache", keys, values, offset=_length(keys))
    if label == "RotatingKVCache":
        if len(texts) < 5 or parse_lenient(texts[1]) is None:
            raise KVCacheError("RotatingKVCache has 5 texts, the second of them a number")
        keys, values = _halves(state, (2,))
        if len(texts) != 5:
            raise Trap("RotatingKVCache has 5 texts")
        keep, max_size, _, offset, idx = (_or_trap(text) for text in texts)
        return KeyValues(label, keys, values, offset=offset, keep=keep, max_size=max_size, _idx=idx)
    if label == "QuantizedKVCache":
        keys, values = _halves(state, (4, 6))
        if len(texts) != 4:
            raise Trap("QuantizedKVCache has 4 texts")
        if dialect == "mlx-swift-lm-3.31.3":
            # Group size and bits are not restored: they stay those of a new cache.
            offset, size, bits = parse_lenient(texts[1]) or 0, 64, 8
        else:
            # Nobody looks at the step, which is the first text.
            offset, size, bits = (_or_trap(text) for text in texts[1:])
        return KeyValues(label, keys, values, offset=offset, group_size=size, bits=bits)
    if label == "ChunkedKVCache":
        keys, values = _halves(state, (2,))
        if len(texts) != 2:
            raise Trap("ChunkedKVCache has 2 texts")
        return _chunked(keys, values, texts)
    if label in ("ArraysCache", "MambaCache"):
        return from_state(label, state, texts, dialect)
    if label == "CacheList":
        return _children(state, texts, partial(_restore_tag, dialect=dialect))
    raise KVCacheError("unknown cache class")


def _restore_later(label: str, state: list[mx.array], texts: list[str], dialect: str) -> Any:
    if label in ("KVCache", "KVCacheSimple"):
        _validate(state, (0, 2), texts, (1,))
        if texts != [""]:
            raise KVCacheError("KVCacheSimple has a single empty text")
        keys, values = _halves(state, (0, 2))
        return KeyValues("KVCache", keys, values, offset=_length(keys) if state else 0)
    if label == "RotatingKVCache":
        _validate(state, (0, 2), texts, (5, 6))
        keep, max_size, _, offset, idx = (_or_error(text) for text in texts[:5])
        if len(texts) == 6 and texts[5] not in CAPACITY_ORIGINS:
            raise KVCacheError("unknown capacity origin")
        keys, values = _halves(state, (0, 2))
        return KeyValues(label, keys, values, offset=offset, keep=keep, max_size=max_size, _idx=idx)
    if label == "QuantizedKVCache":
        _validate(state, (0, 4, 6), texts, (4,))
        _, offset, group_size, bits = (_or_error(text) for text in texts)
        keys, values = _halves(state, (0, 4, 6))
        return KeyValues(label, keys, values, offset=offset, group_size=group_size, bits=bits)
    if label == "ChunkedKVCache":
        _validate(state, (0, 2), texts, (2,))
        for text in texts[texts[0] == "None" :]:
            _or_error(text)
        return _chunked(*_halves(state, (0, 2)), texts)
    if label in ("ArraysCache", "MambaCache"):
        return from_state(label, state, texts, dialect)
    if label == "CacheList":
        return _children(state, texts, partial(_restore_later, dialect=dialect))
    raise KVCacheError("unknown cache class")


def _validate(
    state: Sequence[mx.array], counts: Sequence[int], texts: Sequence[str], sizes: Sequence[int]
) -> None:
    ranks = all(array.ndim == _KEY_VALUE_RANK for array in state)
    if len(state) not in counts or len(texts) not in sizes or not ranks:
        raise KVCacheError("a cache has a wrong number of tensors, axes or texts")


def _children(state: list[mx.array], texts: list[str], restore: Any) -> Children:
    count = parse_lenient(texts[0]) if texts else None
    if count is None:
        raise KVCacheError("a CacheList begins with its child count")
    if count < 0:
        raise Trap("a range to a negative count")
    children: list[Any] = []
    at, taken = 1, 0
    for _ in range(count):
        if at + 2 >= len(texts):
            raise KVCacheError("the metadata of a CacheList ends early")
        states, metas = parse_lenient(texts[at + 1]), parse_lenient(texts[at + 2])
        if states is None or metas is None:
            raise KVCacheError("a child has no count")
        at += 3
        ends = min(at + metas, len(texts)), min(taken + states, len(state))
        if ends[0] < at or ends[1] < taken:
            raise Trap("a range that ends before it begins")
        child = restore(texts[at - 3], state[taken : ends[1]], texts[at : ends[0]])
        children = granted([*children, child])
        at, taken = at + metas, taken + states
    return Children(children)


def _halves(state: Sequence[mx.array], counts: Sequence[int]) -> tuple[Any, Any]:
    if len(state) not in counts:
        raise Trap("a wrong number of arrays")
    half = len(state) // 2
    if half <= 1:
        return (state[0], state[1]) if half else (None, None)
    return list(state[:half]), list(state[half:])


def _length(keys: mx.array) -> int:
    if keys.ndim < 3:
        raise Trap("an axis out of range")
    return keys.shape[2]


def _chunked(keys: Any, values: Any, texts: Sequence[str]) -> KeyValues:
    size = parse_lenient(texts[0])  # none for the text None, and for any other
    start = parse_lenient(texts[1]) or 0
    offset = _length(keys) if keys is not None else 0
    return KeyValues(
        "ChunkedKVCache", keys, values, offset=offset, chunk_size=size, start_position=start
    )


def _or_trap(text: str) -> int:
    value = parse_lenient(text)
    if value is None:
        raise Trap("a text is not an integer")
    return value


def _or_error(text: str) -> int:
    value = parse_lenient(text)
    if value is None:
        raise KVCacheError("a text is not an integer")
    return value


def without_lengths(content: Content) -> Content:
    """The content as 3.31.3 knows it."""
    return _mapped(
        content,
        lambda entry: replace(entry, lengths=None) if isinstance(entry, SlotEntry) else entry,
    )


def with_capacity_origin(content: Content) -> Content:
    """The content as 14414441 writes it for caches that no plan asked for."""

    def marked(entry: Entry) -> Entry:
        if isinstance(entry, KeyValueEntry) and entry.class_name == "RotatingKVCache":
            return replace(entry, extra={"step": str(STEP), "capacity_origin": "modelNative"})
        return entry

    return _mapped(content, marked)


def _mapped(content: Content, change: Callable[[Entry], Entry]) -> Content:
    def changed(entry: Entry) -> Entry:
        if isinstance(entry, ListEntry):
            return ListEntry(tuple(changed(child) for child in entry.children))
        return change(entry)

    return Content(tuple(changed(entry) for entry in content.entries), content.user_metadata)
