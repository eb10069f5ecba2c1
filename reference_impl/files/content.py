"""What a prompt-cache file holds, whatever its layout: a list of caches and the user's metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import mlx.core as mx

SLOT_CLASSES = ("ArraysCache", "MambaCache")
LIST_CLASS = "CacheList"
# Class of the key/value family -> the numbers that it keeps beside its tensors.
NUMBERS: dict[str, tuple[str, ...]] = {
    "KVCache": ("offset",),
    "RotatingKVCache": ("offset", "keep", "max_size", "idx"),
    "QuantizedKVCache": ("offset", "group_size", "bits"),
    "ChunkedKVCache": ("offset", "chunk_size", "start_position"),
    "ConcatenateKVCache": ("offset",),
}
# Class of the batch family -> the same; its offset and left padding are tensors of one a row.
BATCH_NUMBERS: dict[str, tuple[str, ...]] = {
    "BatchKVCache": ("idx",),
    "BatchRotatingKVCache": ("max_size", "seen", "idx", "rotated"),
}
CLASSES = (*SLOT_CLASSES, *NUMBERS, *BATCH_NUMBERS, LIST_CLASS)
# What every implementation uses; only mlx-swift-lm writes it down.
STEP = 256

Rows: TypeAlias = "mx.array | None"


@dataclass(frozen=True)
class SlotEntry:
    """ArraysCache or MambaCache: tensors of any dtype by slot (None: unset), and its rows."""

    class_name: str
    slots: tuple[mx.array | None, ...]
    left_padding: Rows = None
    lengths: Rows = None


@dataclass(frozen=True)
class KeyValueEntry:
    """A cache of the key/value family.

    `keys` and `values` have one tensor [B, heads, S, dim] each, or (weights, scales[, biases]) for
    QuantizedKVCache, or none while it is empty. S may exceed the offset: a writer may keep its
    spare room. `numbers` are those of `NUMBERS`; only chunk_size may be None. `extra` has what a
    single layout knows, as text.
    """

    class_name: str
    keys: tuple[mx.array, ...]
    values: tuple[mx.array, ...]
    numbers: Mapping[str, int | None]
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def offset(self) -> int:
        """Tokens seen."""
        return self.numbers["offset"] or 0


@dataclass(frozen=True)
class BatchEntry:
    """BatchKVCache or BatchRotatingKVCache.

    `keys` and `values` are [B, heads, S, dim], or None while it is empty; `offset` and
    `left_padding` are [B]. `numbers` are those of `BATCH_NUMBERS`. S may exceed what is `held`.
    """

    class_name: str
    keys: mx.array | None
    values: mx.array | None
    offset: mx.array
    left_padding: mx.array
    numbers: Mapping[str, int]

    @property
    def held(self) -> int:
        """Positions of the tensors that count; whatever is behind them is spare room."""
        return self.numbers["idx" if self.class_name == "BatchKVCache" else "seen"]


@dataclass(frozen=True)
class ListEntry:
    """CacheList: several caches of one layer."""

    children: tuple[Entry, ...]
    class_name: str = LIST_CLASS


Entry: TypeAlias = "SlotEntry | KeyValueEntry | BatchEntry | ListEntry"


@dataclass(frozen=True)
class Content:
    """The caches in the order of the layers; user metadata with its keys as written."""

    entries: tuple[Entry, ...]
    user_metadata: Mapping[str, str] = field(default_factory=dict)


def walk(content: Content) -> Iterator[tuple[str, Entry]]:
    """Every cache with its place, children of lists after their list: `0`, `0.1`, `0.1.0`."""
    waiting = [(str(i), entry) for i, entry in enumerate(content.entries)][::-1]
    while waiting:
        key, entry = waiting.pop()
        yield key, entry
        if isinstance(entry, ListEntry):
            children = [(f"{key}.{i}", child) for i, child in enumerate(entry.children)]
            waiting += children[::-1]


@dataclass(frozen=True)
class Flat:
    """A safetensors file: tensors by key, and the metadata table."""

    tensors: Mapping[str, mx.array]
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Loss:
    """Something that a layout cannot hold. `final`: it has no place, not even a lossy one."""

    key: str
    reason: str
    final: bool = False


@dataclass(frozen=True)
class Written:
    """The outcome of writing in a layout, and what was lost."""

    flat: Flat
    losses: tuple[Loss, ...] = ()


def trimmed(entry: KeyValueEntry) -> KeyValueEntry:
    """The same cache without spare room: tensors of at most `offset` positions."""
    return KeyValueEntry(
        entry.class_name,
        tuple(_first(tensor, entry.offset) for tensor in entry.keys),
        tuple(_first(tensor, entry.offset) for tensor in entry.values),
        entry.numbers,
        entry.extra,
    )


def trimmed_batch(entry: BatchEntry) -> BatchEntry:
    """The same batch without spare room."""
    keys, values = (
        None if half is None else _first(half, entry.held) for half in (entry.keys, entry.values)
    )
    return replace(entry, keys=keys, values=values)


def _first(tensor: mx.array, count: int) -> mx.array:
    return tensor[..., :count, :] if count < tensor.shape[2] else tensor


def differences(expected: Content, got: Content) -> Iterator[str]:
    """How two contents differ, bit for bit, spare room aside; nothing if they are the same."""
    if len(expected.entries) != len(got.entries):
        yield f"{len(got.entries)} caches instead of {len(expected.entries)}"
    for index, (a, b) in enumerate(zip(expected.entries, got.entries, strict=False)):
        yield from _entry_differences(str(index), a, b)
    if dict(expected.user_metadata) != dict(got.user_metadata):
        yield "the user's metadata differs"


def _entry_differences(where: str, a: Entry, b: Entry) -> Iterator[str]:
    if a.class_name != b.class_name:
        yield f"cache {where}: {b.class_name} instead of {a.class_name}"
    elif isinstance(a, ListEntry) and isinstance(b, ListEntry):
        if len(a.children) != len(b.children):
            yield f"cache {where}: {len(b.children)} children instead of {len(a.children)}"
        for index, pair in enumerate(zip(a.children, b.children, strict=False)):
            yield from _entry_differences(f"{where}.{index}", *pair)
    elif isinstance(a, KeyValueEntry) and isinstance(b, KeyValueEntry):
        if dict(a.numbers) != dict(b.numbers):
            yield f"cache {where}: {dict(b.numbers)} instead of {dict(a.numbers)}"
        a, b = trimmed(a), trimmed(b)
        for name, ours, theirs in (("keys", a.keys, b.keys), ("values", a.values, b.values)):
            yield from _tensor_differences(f"cache {where}: {name}", ours, theirs)
    elif isinstance(a, BatchEntry) and isinstance(b, BatchEntry):
        if dict(a.numbers) != dict(b.numbers):
            yield f"cache {where}: {dict(b.numbers)} instead of {dict(a.numbers)}"
        a, b = trimmed_batch(a), trimmed_batch(b)
        for what in ("keys", "values", "offset", "left_padding"):
            if not same(getattr(a, what), getattr(b, what)):
                yield f"cache {where}: {what} differs"
    elif isinstance(a, SlotEntry) and isinstance(b, SlotEntry):
        yield from _tensor_differences(f"cache {where}: slot", a.slots, b.slots)
        rows = (a.left_padding, a.lengths), (b.left_padding, b.lengths)
        for what, mine, other in zip(("left_padding", "lengths"), *rows, strict=True):
            if not same(mine, other):
                yield f"cache {where}: {what} differs"


def _tensor_differences(
    what: str, a: tuple[mx.array | None, ...], b: tuple[mx.array | None, ...]
) -> Iterator[str]:
    if len(a) != len(b):
        yield f"{what}: {len(b)} of them instead of {len(a)}"
    for index, (ours, theirs) in enumerate(zip(a, b, strict=False)):
        if not same(ours, theirs):
            yield f"{what} {index} differs"


def same(a: mx.array | None, b: mx.array | None) -> bool:
    """Whether both are unset, or have the same dtype, shape and bits."""
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and raw(a) == raw(b)


def raw(tensor: mx.array) -> bytes:
    """The elements as little-endian bytes in row-major order."""
    return bytes(elements(tensor))


def elements(tensor: mx.array) -> memoryview:
    """The same without a copy of them, where they already lie in that order."""
    if not tensor.size:
        return memoryview(b"")
    flat: Any = mx.contiguous(tensor.reshape(-1)).view(mx.uint8)
    return memoryview(flat)
