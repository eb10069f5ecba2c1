"""Entries from their parts, with the checks that every layout needs, and their parts again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mlx.core as mx

from reference_impl.files.content import (
    BATCH_NUMBERS,
    CLASSES,
    NUMBERS,
    STEP,
    BatchEntry,
    KeyValueEntry,
    Loss,
    Rows,
)
from reference_impl.files.errors import BadCache, UnknownClass, shown
from reference_impl.files.keys import number, numbers
from reference_impl.files.limits import MAX_CLASS_NAME

CAPACITY_ORIGINS = ("modelNative", "requested")
# mlx-swift-lm 14414441 puts this before every class, so that older readers refuse the file.
_WITH_MODEL_STATE = "__mlx_lm_state_v1__:"
_KEY_VALUE_RANK = 4
_MAX_INT32 = 2**31 - 1


def class_name(label: str, key: str) -> str:
    """A class label that is one of the known cache classes; a table decides, nothing else."""
    if label.startswith(_WITH_MODEL_STATE):
        raise BadCache(key, "the file carries a model's state beside the caches; it has no place")
    if len(label) > MAX_CLASS_NAME or label not in CLASSES:
        raise UnknownClass(key, f"{shown(label)} is not a cache class that this version knows")
    return label


def key_value(
    name: str,
    key: str,
    tensors: Sequence[mx.array],
    counts: Mapping[str, int | None],
    extra: Mapping[str, str] | None = None,
) -> KeyValueEntry:
    """An entry from keys and then values; BadCache when they are not two halves of a cache.

    Without an offset among the counts it is how many tokens there are.
    """
    allowed = (0, 4, 6) if name == "QuantizedKVCache" else (0, 2)
    if len(tensors) not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise BadCache(key, f"{name} has {wanted} tensors, not {len(tensors)}")
    for position, tensor in enumerate(tensors):
        if tensor.ndim != _KEY_VALUE_RANK:
            raise BadCache(
                f"{key}.{position}", f"must have rank {_KEY_VALUE_RANK}, has shape {tensor.shape}"
            )
    half = len(tensors) // 2
    keys, values = tuple(tensors[:half]), tuple(tensors[half:])
    for k, v in zip(keys, values, strict=True):
        if k.shape[:3] != v.shape[:3]:
            raise BadCache(key, f"keys {k.shape} and values {v.shape} do not belong together")
    if len({tensor.shape[2] for tensor in tensors}) > 1:
        raise BadCache(key, "its tensors have different lengths")
    numbers = {"offset": keys[0].shape[2] if keys else 0, **counts}
    _check_counts(name, key, numbers, keys)
    return KeyValueEntry(name, keys, values, numbers, dict(extra or {}))


def key_value_texts(entry: KeyValueEntry) -> dict[str, str]:
    """What an entry can say in texts, by name."""
    numbers = {what: str(number) for what, number in entry.numbers.items()}
    return {"step": str(STEP), **numbers, **entry.extra}


def _check_counts(
    name: str, key: str, counts: Mapping[str, int | None], keys: Sequence[mx.array]
) -> None:
    for what in NUMBERS[name]:
        value = counts[what]
        if value is None and what != "chunk_size":
            raise BadCache(key, f"{name} has no {what}")
        if value is not None and not 0 <= value <= _MAX_INT32:
            raise BadCache(key, f"{what} = {value} is not a count of tokens")
    offset = counts["offset"] or 0
    if not keys and offset:
        raise BadCache(key, f"an empty {name} cannot have seen {offset} tokens")
    holds_all = name in ("KVCache", "ConcatenateKVCache", "QuantizedKVCache")
    if holds_all and keys and offset > keys[0].shape[2]:
        raise BadCache(key, f"offset {offset} is above its {keys[0].shape[2]} positions")


def batch(
    name: str, key: str, tensors: Sequence[mx.array | None], numbers: Mapping[str, int | None]
) -> BatchEntry:
    """An entry from keys, values (None while empty), offset and left padding; BadCache when they
    do not belong together. Where no index is kept, it is the length of the keys.
    """
    if len(tensors) != 4:
        raise BadCache(key, f"{name} has 4 tensors, not {len(tensors)}")
    keys, values, offset, padding = tensors
    if (keys is None) is not (values is None):
        raise BadCache(key, "has only one of keys and values")
    offset, padding = _row(key, "offset", offset), _row(key, "left_padding", padding)
    if keys is not None and values is not None:
        _check_halves(key, keys, values)
        if not keys.shape[0] == offset.shape[0] == padding.shape[0]:
            raise BadCache(key, f"its {keys.shape[0]} rows have not one offset and padding each")
    length = 0 if keys is None else keys.shape[2]
    found: dict[str, int] = {}
    for what in BATCH_NUMBERS[name]:
        value = numbers.get(what, length if what == "idx" else None)
        if value is None or not 0 <= value <= _MAX_INT32:
            raise BadCache(key, f"{what} = {value} is not a count of tokens")
        found[what] = bool(value) if what == "rotated" else value
    entry = BatchEntry(name, keys, values, offset, padding, found)
    positions = min(length, entry.held)
    if found["idx"] > positions:
        raise BadCache(key, f"idx {found['idx']} is above its {positions} positions")
    return entry


def _row(key: str, what: str, row: mx.array | None) -> mx.array:
    if row is None or row.dtype != mx.int32 or row.ndim != 1:
        raise BadCache(key, f"{what} must be int32 with one number for each row")
    return row


def _check_halves(key: str, keys: mx.array, values: mx.array) -> None:
    for half in (keys, values):
        if half.ndim != _KEY_VALUE_RANK:
            raise BadCache(key, f"must have rank {_KEY_VALUE_RANK}, has shape {half.shape}")
    if keys.shape[:3] != values.shape[:3]:
        raise BadCache(key, f"keys {keys.shape} and values {values.shape} do not belong together")


def _truth(text: str, key: str) -> bool:
    """As Python or Rust spells it."""
    if text.lower() not in ("true", "false") or text not in (text.lower(), text.capitalize()):
        raise BadCache(key, f"{shown(text)} is neither true nor false")
    return text.lower() == "true"


def stored_length(entry: KeyValueEntry) -> int:
    """Positions of the tensors; 0 when there are none."""
    return entry.keys[0].shape[2] if entry.keys else 0


def offset_loss(key: str, entry: KeyValueEntry, kept: Sequence[str]) -> list[Loss]:
    """What goes wrong where the offset is not kept, but read off the length of the tensors."""
    length = stored_length(entry)
    if "offset" in kept or entry.offset == length:
        return []
    return [Loss(key, f"offset {entry.offset}: its {length} positions will be taken for it")]


def extra_losses(key: str, entry: KeyValueEntry, kept: Sequence[str] = ()) -> list[Loss]:
    """What only another layout knows; a step of 256 is what everybody assumes."""
    return [
        Loss(key, f"{what} = {value}")
        for what, value in entry.extra.items()
        if what not in kept and (what, value) != ("step", str(STEP))
    ]


def rows_from_text(text: str, key: str) -> mx.array:
    """int32 [B] from numbers joined by commas."""
    values = numbers(text, key, negative=True)
    for value in values:
        if not -_MAX_INT32 - 1 <= value <= _MAX_INT32:
            raise BadCache(key, f"{value} does not fit int32")
    return mx.array(values, dtype=mx.int32)


def rows_as_text(rows: Rows, key: str, what: str, losses: list[Loss]) -> str | None:
    """The numbers joined by commas; None if unset. Text cannot tell dtype and shape."""
    if rows is None:
        return None
    if rows.dtype != mx.int32 or rows.ndim != 1:
        dtype = str(rows.dtype).rpartition(".")[2]
        losses.append(Loss(key, f"{what} is kept as int32 text, not as {dtype}{list(rows.shape)}"))
    values: list[float] = rows.flatten().tolist()  # type: ignore[assignment]
    # Also false for NaN and infinity.
    if not all(value == value // 1 and -_MAX_INT32 - 1 <= value <= _MAX_INT32 for value in values):
        losses.append(Loss(key, f"{what} is not made of whole numbers of int32", final=True))
        return ""
    return ",".join(str(int(value)) for value in values)


def whole(text: str, key: str, name: str) -> int | None:
    """A number of the metadata; chunk_size may also be the text None, and rotated is a truth."""
    if name == "rotated":
        return _truth(text, key)
    return None if name == "chunk_size" and text == "None" else number(text, key)


def extra(text: str, key: str, name: str) -> str:
    """A text that only mlx-swift-lm writes."""
    if name == "step":
        number(text, key)
    elif text not in CAPACITY_ORIGINS:
        raise BadCache(key, f"{shown(text)} is not one of {', '.join(CAPACITY_ORIGINS)}")
    return text
