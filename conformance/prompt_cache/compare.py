"""What a reader made of a file, in one word and a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from conformance.prompt_cache.model import Reading
from conformance.tensor import ITEM_SIZE, Tensor

_ROWS = ("left_padding", "lengths")


def reading(expected: dict[str, Any], got: dict[str, Any]) -> Reading:
    """`same`, `lossy` (what was dropped) or `wrong` (what is there instead)."""
    wanted, found = expected["caches"], got["caches"]
    if len(found) != len(wanted):
        return Reading(wrong=f"{len(found)} of {len(wanted)} caches")
    lost: list[str] = []
    wrong: list[str] = []
    for index, (a, b) in enumerate(zip(wanted, found, strict=True)):
        for is_loss, text in _differences(str(index), a, b):
            (lost if is_loss else wrong).append(text)
    metadata = _flat(got["user_metadata"])
    if metadata != expected["user_metadata"]:
        wrong.append("user metadata")
    if wrong:
        return Reading(wrong=_joined(wrong))
    return Reading(lossy=_joined(lost)) if lost else Reading(same=True)


def _joined(texts: list[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def _flat(metadata: Any, prefix: str = "") -> Any:
    """User metadata with the nesting of dotted keys undone; a list stays wrong."""
    if not isinstance(metadata, dict):
        return metadata
    flat: dict[str, Any] = {}
    for key, value in metadata.items():
        inner = _flat(value, f"{prefix}{key}.")
        flat |= inner if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _differences(where: str, a: dict[str, Any], b: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    if a["class_name"] != b["class_name"]:
        yield False, f"cache {where} is {b['class_name']}"
    elif "caches" in a:
        if len(a["caches"]) != len(b["caches"]):
            yield False, f"{len(b['caches'])} of {len(a['caches'])} children"
            return
        for index, pair in enumerate(zip(a["caches"], b["caches"], strict=True)):
            yield from _differences(f"{where}.{index}", *pair)
    elif "slots" in a:
        if a["slots"] != b["slots"]:
            yield False, f"slots {pattern(b['slots'])} for {pattern(a['slots'])}"
        for what in _ROWS:
            if a[what] != b[what]:
                lost = b[what] is None
                yield lost, f"{what} lost" if lost else f"{what} is {pattern(b[what])}"
    else:
        yield from _key_value(where, a, b)


def _key_value(where: str, a: dict[str, Any], b: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    numbers = b["numbers"]
    for what, value in a["numbers"].items():
        if numbers.get(what) != value:
            yield False, f"{what} of cache {where} is {numbers.get(what)} for {value}"
    for half in ("keys", "values"):
        mine, theirs = a[half], b[half]
        trimmed = [trim(part, numbers.get("offset")) for part in theirs]
        if a["class_name"] == "QuantizedKVCache" and len(mine) == 1 and len(theirs) in (2, 3):
            continue  # the case has them before they were quantized
        if mine != trimmed:
            yield False, f"{half} of cache {where}"


def trim(tensor: Any, offset: Any) -> Any:
    """A tensor [B, heads, S, dim] without what lies behind the offset."""
    if not isinstance(tensor, Tensor) or len(tensor.shape) != 4 or not isinstance(offset, int):
        return tensor
    b, heads, length, dim = tensor.shape
    if not 0 <= offset < length:
        return tensor
    step = dim * ITEM_SIZE[tensor.dtype]
    rows = [
        tensor.data[row * length * step : (row * length + offset) * step]
        for row in range(b * heads)
    ]
    return Tensor(tensor.dtype, (b, heads, offset, dim), b"".join(rows))


def pattern(value: Any) -> str:
    """The shape of a value that should have been something else: `[tensor, unset]`."""
    if value is None:
        return "unset"
    if isinstance(value, Tensor):
        return "tensor" if value.size else "empty tensor"
    if isinstance(value, list):
        inner = ", ".join(pattern(item) for item in value[:6])
        return f"[{inner}{', ...' if len(value) > 6 else ''}]"
    if isinstance(value, dict) and "foreign" in value:
        return f"a {value['foreign']}"
    return str(value)


def one_line(text: str, limit: int = 90) -> str:
    """A message for a table cell."""
    flat = re.sub(r"\s+", " ", text).strip()
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."
