"""What a reader made of a file, in one word and a reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from conformance.filetools.reading import Reading
from conformance.outcomes.difference import Difference
from conformance.tensor import ITEM_SIZE, Tensor
from conformance.values import Data

_ROWS = ("left_padding", "lengths")
_MOST_LISTED = 1 << 21  # twice what the strictest reader takes
# Which number says how much of its tensors a batch holds; of all others it is the offset.
_HELD = {"BatchKVCache": "idx", "BatchRotatingKVCache": "seen"}


def reading(expected: dict[str, Any], got: dict[str, Any]) -> Reading:
    """`same`, `lossy` (what was dropped) or `wrong` (what is there instead)."""
    wanted, found = expected["caches"], got["caches"]
    if len(found) != len(wanted):
        return Reading(wrong=f"{len(found)} of {len(wanted)} caches")
    lost: list[str] = []
    wrong: list[str] = []
    for index, (a, b) in enumerate(zip(wanted, found, strict=True)):
        for difference in _differences(str(index), a, b):
            (lost if difference.is_loss else wrong).append(difference.text)
    if _flat(got["user_metadata"]) != expected["user_metadata"]:
        wrong.append("user metadata")
    if wrong:
        return Reading(wrong=_joined(wrong))
    return Reading(lossy=_joined(lost)) if lost else Reading(same=True)


def differences(expected: dict[str, Any], got: dict[str, Any]) -> Iterator[Difference]:
    """Everything that is not the same."""
    wanted, found = expected["caches"], got["caches"]
    if len(found) != len(wanted):
        yield Difference("caches", Count(len(wanted)), Count(len(found)))
    for index, (a, b) in enumerate(zip(wanted, found, strict=False)):
        for each in _differences(str(index), a, b):
            yield Difference(f"cache {each.where}", each.expected, each.got)
    metadata = _flat(got["user_metadata"])
    if metadata != expected["user_metadata"]:
        yield Difference("user metadata", expected["user_metadata"], metadata)


class Count(Data, frozen=True):
    """How many caches there are."""

    caches: int

    def words(self) -> str:
        return f"{self.caches} of them"


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


class _Difference(NamedTuple):
    """One place that is not the same. `text` says it without the place's values."""

    is_loss: bool
    text: str
    where: str
    expected: Any
    got: Any


def _differences(where: str, a: dict[str, Any], b: dict[str, Any]) -> Iterator[_Difference]:
    name = b["class_name"]
    if a["class_name"] != name:
        text = f"cache {where} is {name}"
        yield _Difference(False, text, f"{where}, class_name", a["class_name"], name)
    elif "caches" in a:
        if len(a["caches"]) != len(b["caches"]):
            text = f"{len(b['caches'])} of {len(a['caches'])} children"
            place = f"{where}, children"
            yield _Difference(False, text, place, len(a["caches"]), len(b["caches"]))
            return
        for index, pair in enumerate(zip(a["caches"], b["caches"], strict=True)):
            yield from _differences(f"{where}.{index}", *pair)
    elif "slots" in a:
        slots = _listed(b)
        if a["slots"] != slots:
            text = f"slots {pattern(slots)} for {pattern(a['slots'])}"
            yield _Difference(False, text, f"{where}, slots", a["slots"], slots)
        for what in _ROWS:
            if a[what] != b[what]:
                lost = b[what] is None
                text = f"{what} lost" if lost else f"{what} is {pattern(b[what])}"
                yield _Difference(lost, text, f"{where}, {what}", a[what], b[what])
    else:
        yield from _key_value(where, a, b)


def _listed(cache: dict[str, Any]) -> Any:
    """The slots of a cache one by one, also where a reader lists only those that are set."""
    slots = cache["slots"]
    if not isinstance(slots, dict) or "slot_count" not in cache:
        return slots
    count = min(cache["slot_count"] or 0, _MOST_LISTED)
    return [slots.get(str(index)) for index in range(count)]


def _key_value(where: str, a: dict[str, Any], b: dict[str, Any]) -> Iterator[_Difference]:
    numbers = b["numbers"]
    held = numbers.get(_HELD.get(b["class_name"], "offset"))
    for what, value in a["numbers"].items():
        if numbers.get(what) != value:
            got, wanted = _number(numbers.get(what)), _number(value)
            text = f"{what} of cache {where} is {got} for {wanted}"
            yield _Difference(False, text, f"{where}, {what}", value, numbers.get(what))
    for half in ("keys", "values"):
        mine, theirs = a[half], b[half]
        trimmed = [trim(part, held) for part in theirs]
        if mine != trimmed:
            text = f"{half} of cache {where}"
            yield _Difference(False, text, f"{where}, {half}", mine, trimmed)


def _number(value: Any) -> str:
    return str(value.elements()) if isinstance(value, Tensor) else str(value)


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
