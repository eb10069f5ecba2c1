"""Layout of mlx-lm 0.32.0 to 0.32.2: the whole state of every cache is in the tensors.

Cache i has its state below `i`: a slot cache `i.0.j`, `i.1` left padding, `i.2` lengths; the
key/value family `i.0` keys and `i.1` values (`i.0.k` quantized) with all their spare room, then its
numbers (ConcatenateKVCache has none); a batch its offset and left padding before the numbers; a
CacheList `i.c.0` the child's state and `i.c.1` the child's class. Numbers are tensors without axes,
text is a tensor of code points, None is an empty one. Metadata: `0.key` is the user's; `1.i` the
class; `2.0` the empty text; `2.n.0` names the tensor that stands for something else, `2.n.1` says
for what: none, scalar or string.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import mlx.core as mx

from reference_impl.files import building as build
from reference_impl.files.content import (
    BATCH_NUMBERS,
    LIST_CLASS,
    NUMBERS,
    SLOT_CLASSES,
    BatchEntry,
    Content,
    Entry,
    Flat,
    KeyValueEntry,
    ListEntry,
    Loss,
    SlotEntry,
    Written,
)
from reference_impl.files.errors import BadCache, shown
from reference_impl.files.keys import Items, below, by_cache, dense, join, leaf, leaves, sections
from reference_impl.files.limits import MAX_CLASS_NAME, check_depth

ID = "mlx-lm-0.32"
UNKNOWN: tuple[str, ...] = ()
Value: TypeAlias = "mx.array | int | float | bool | str | None"
_KINDS = ("none", "scalar", "string")
# Class of the key/value family -> what stands behind its keys and values.
_STATE = {**NUMBERS, "ConcatenateKVCache": ()}


def read(flat: Flat) -> Content:
    """The content of a file in this layout; BadCache or TooLarge."""
    parts = sections(flat.metadata, ("0", "1", "2"))
    labels = leaves(parts["1"], "1")
    values = by_cache(_values(flat, parts["2"]), "", len(labels))
    entries = tuple(_entry(label, f"1.{i}", str(i), values[i], 0) for i, label in enumerate(labels))
    return Content(entries, parts["0"])


def _values(flat: Flat, table: Items[str]) -> dict[str, Value]:
    """The tensors by key, those of the table replaced by what they stand for."""
    rows = dense(table, "2")
    if not rows or leaf(rows[0], "2.0"):
        raise BadCache("2.0", "must be the empty text")
    values: dict[str, Value] = dict(flat.tensors)
    seen: set[str] = set()
    for n, row in enumerate(rows[1:], 1):
        pair = leaves(row, f"2.{n}")
        if len(pair) != 2 or pair[1] not in _KINDS:
            raise BadCache(f"2.{n}", f"must name a tensor and one of {', '.join(_KINDS)}")
        key, kind = pair
        if key not in flat.tensors or key in seen:
            raise BadCache(f"2.{n}.0", f"{shown(key)} is not a tensor, or stands here twice")
        seen.add(key)
        values[key] = _value(key, kind, flat.tensors[key])
    return values


def _value(key: str, kind: str, tensor: mx.array) -> Value:
    if kind == "none":
        if tensor.size:
            raise BadCache(key, f"stands for nothing, but has shape {tensor.shape}")
        return None
    if kind == "scalar":
        if tensor.ndim:
            raise BadCache(key, f"stands for a number, but has shape {tensor.shape}")
        scalar: Value = tensor.item()  # type: ignore[assignment]
        return scalar
    if tensor.ndim != 1 or tensor.size > MAX_CLASS_NAME:
        raise BadCache(key, f"stands for a text, but has shape {tensor.shape}")
    codes: Any = tensor.tolist()
    if not all(isinstance(code, int) and 32 <= code < 127 for code in codes):
        raise BadCache(key, "stands for a text, but is not made of ASCII codes")
    return "".join(map(chr, codes))


def _entry(label: str, label_key: str, key: str, values: Items[Value], depth: int) -> Entry:
    name = build.class_name(label, label_key)
    check_depth(key, depth)
    if name == LIST_CLASS:
        return _list(key, values, depth)
    if name in SLOT_CLASSES:
        return _slot_cache(name, key, values)
    if name in BATCH_NUMBERS:
        return _batch(name, key, values)
    return _key_value(name, key, values)


def _list(key: str, values: Items[Value], depth: int) -> ListEntry:
    children = []
    for c, child in enumerate(dense(values, key)):
        place = f"{key}.{c}"
        halves = by_cache(child, place, 2)
        label = leaf(halves[1], f"{place}.1")
        if not isinstance(label, str):
            raise BadCache(f"{place}.1", "must be the text of a class")
        children.append(_entry(label, f"{place}.1", f"{place}.0", halves[0], depth + 1))
    return ListEntry(tuple(children))


def _slot_cache(name: str, key: str, values: Items[Value]) -> SlotEntry:
    # A cache without slots leaves no key below `i.0`.
    found = below(values, key)
    if not {1, 2} <= found.keys() <= {0, 1, 2}:
        raise BadCache(key, f"{name} has slots, left padding and lengths")
    slots = leaves(found.get(0, {}), f"{key}.0")
    rows = [_tensor(leaf(found[n], f"{key}.{n}"), f"{key}.{n}") for n in (1, 2)]
    held = tuple(_tensor(slot, f"{key}.0.{j}") for j, slot in enumerate(slots))
    return SlotEntry(name, held, *rows)


def _key_value(name: str, key: str, values: Items[Value]) -> KeyValueEntry:
    parts = dense(values, key)
    if len(parts) != 2 + len(_STATE[name]):
        raise BadCache(key, f"{name} has {2 + len(_STATE[name])} parts of state, not {len(parts)}")
    tensors: list[mx.array] = []
    for n in (0, 1):
        place = f"{key}.{n}"
        quantized = name == "QuantizedKVCache" and "" not in parts[n]
        held = leaves(parts[n], place) if quantized else [leaf(parts[n], place)]
        arrays = [_tensor(item, place) for item in held]
        tensors += [array for array in arrays if array is not None]
    if not tensors and any(part.keys() != {""} for part in parts):
        raise BadCache(key, "has no tensors")
    return build.key_value(name, key, tensors, _counts(_STATE[name], parts[2:], key, 2))


def _batch(name: str, key: str, values: Items[Value]) -> BatchEntry:
    parts = dense(values, key)
    names = BATCH_NUMBERS[name]
    if len(parts) != 4 + len(names):
        raise BadCache(key, f"{name} has {4 + len(names)} parts of state, not {len(parts)}")
    tensors = [_tensor(leaf(parts[n], f"{key}.{n}"), f"{key}.{n}") for n in range(4)]
    return build.batch(name, key, tensors, _counts(names, parts[4:], key, 4))


def _counts(
    names: Sequence[str], parts: Sequence[Items[Value]], key: str, first: int
) -> dict[str, int | None]:
    counts: dict[str, int | None] = {}
    for n, (what, part) in enumerate(zip(names, parts, strict=True), first):
        value = leaf(part, f"{key}.{n}")
        is_truth = isinstance(value, bool)
        if value is not None and (is_truth != (what == "rotated") or not isinstance(value, int)):
            raise BadCache(f"{key}.{n}", f"{what} must be a {_wanted(what)}")
        counts[what] = value
    return counts


def _wanted(what: str) -> str:
    return "truth" if what == "rotated" else "whole number"


def _tensor(value: Value, key: str) -> mx.array | None:
    if value is None or isinstance(value, mx.array):
        return value
    raise BadCache(key, "must be a tensor")


def write(content: Content) -> Written:
    """The content in this layout, and what it loses."""
    writer = _Writer()
    for i, entry in enumerate(content.entries):
        writer.entry(str(i), entry)
    metadata = {f"0.{key}": value for key, value in content.user_metadata.items()}
    metadata |= {f"1.{i}": entry.class_name for i, entry in enumerate(content.entries)}
    metadata["2.0"] = ""
    for n, (key, kind) in enumerate(writer.table, 1):
        metadata |= {f"2.{n}.0": key, f"2.{n}.1": kind}
    return Written(Flat(writer.tensors, metadata), tuple(writer.losses))


class _Writer:
    def __init__(self) -> None:
        self.tensors: dict[str, mx.array] = {}
        self.table: list[tuple[str, str]] = []
        self.losses: list[Loss] = []

    def entry(self, key: str, entry: Entry) -> None:
        if isinstance(entry, ListEntry):
            for c, child in enumerate(entry.children):
                self.entry(f"{key}.{c}.0", child)
                self._put(f"{key}.{c}.1", child.class_name)
        elif isinstance(entry, SlotEntry):
            for j, slot in enumerate(entry.slots):
                self._put(f"{key}.0.{j}", slot)
            self._put(f"{key}.1", entry.left_padding)
            self._put(f"{key}.2", entry.lengths)
        elif isinstance(entry, BatchEntry):
            state = (entry.keys, entry.values, entry.offset, entry.left_padding)
            for n, tensor in enumerate(state):
                self._put(f"{key}.{n}", tensor)
            for n, what in enumerate(BATCH_NUMBERS[entry.class_name], 4):
                self._put(f"{key}.{n}", entry.numbers[what])
        else:
            for n, tensors in enumerate((entry.keys, entry.values)):
                nested = entry.class_name == "QuantizedKVCache" and bool(tensors)
                for part, tensor in enumerate(tensors or (None,)):
                    self._put(join(f"{key}.{n}", str(part) if nested else ""), tensor)
            names = _STATE[entry.class_name]
            for n, what in enumerate(names, 2):
                self._put(f"{key}.{n}", entry.numbers[what])
            self.losses += build.offset_loss(key, entry, names)
            self.losses += build.extra_losses(key, entry)

    def _put(self, key: str, value: Value) -> None:
        if isinstance(value, mx.array):
            self.tensors[key] = value
        elif value is None:
            self.table.append((key, "none"))
            self.tensors[key] = mx.array([], dtype=mx.float32)
        elif isinstance(value, str):
            self.table.append((key, "string"))
            self.tensors[key] = mx.array([ord(character) for character in value], dtype=mx.int32)
        else:
            self.table.append((key, "scalar"))
            self.tensors[key] = mx.array(value)
