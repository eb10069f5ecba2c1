"""Drawn contents of prompt-cache files, in the grammar of fixtures/prompt_cache/cases.yaml."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st

from conformance.engine.dialect import Dialect
from conformance.engine.literals import Tensors
from conformance.filetools.model import FileCase, spell
from conformance.kinds.files.keyvalues import FAMILY, key_values, needs_a_file
from conformance.kinds.files.tensors import LARGE, slot_tensors
from conformance.kinds.files.texts import user_metadata
from conformance.properties import case_text
from conformance.tensor import Tensor

Content = dict[str, Any]
# Numbers of left padding and lengths at which a narrower type or a cap would show.
_ROWS = (10, 127, 128, 255, 256, 1001, 65535, 65536, 2**24 + 1, 2**31 - 1, -1, -3, -129, -(2**31))
_BATCHES = (256, 300)
_MANY_SLOTS = (11, 101, 128, 130)
_MANY_LAYERS = (11, 65, 101, 111)
_MANY_CHILDREN = (9, 11, 12)
_row, _batch = st.sampled_from(_ROWS), st.sampled_from(_BATCHES)
_many_slots, _many_layers = st.sampled_from(_MANY_SLOTS), st.sampled_from(_MANY_LAYERS)
_many_children = st.sampled_from(_MANY_CHILDREN)
_small_row = st.integers(-2, 9)
_yes, _few, _fours = st.booleans(), st.integers(1, 3), st.integers(0, 3)
_tens, _forties = st.integers(0, 9), st.integers(0, 39)


@st.composite
def contents(draw: st.DrawFn, dialect: Dialect) -> Content:
    """Files of 0 to 3 caches, rarely many; MambaCache where there is one. Half of them have neither
    empty caches nor unset slots, for which some layouts have no place.
    """
    gaps, way = draw(_yes), draw(_forties)
    if way > 37:
        count = draw(_many_layers)
        caches = [_tiny(number) for number in range(count)]
        caches[draw(st.integers(0, count - 1))] = draw(_leaf(dialect, gaps))
    elif way == 37:
        caches = [{"class_name": "ArraysCache", "slots": [LARGE]}]
    else:
        count = 0 if way == 36 else draw(_few)
        caches = [draw(_cache(dialect, gaps)) for _ in range(count)]
    return {"caches": caches, "user_metadata": draw(user_metadata())}


def _tiny(number: int) -> Content:
    """Caches that differ from each other, of two classes."""
    if number % 3 == 0:
        return {"class_name": "ArraysCache", "slots": [{"uint8": [[number]]}]}
    literal = {"uint8": [[[[number]]]]}
    return {"class_name": "KVCache", "keys": literal, "values": literal}


def _leaf(dialect: Dialect, gaps: bool) -> st.SearchStrategy[Content]:
    return _slot_caches(dialect, gaps) | key_values(dialect, gaps)


@st.composite
def _cache(draw: st.DrawFn, dialect: Dialect, gaps: bool) -> Content:
    """A cache, or a list of caches, rarely of many or a deep one."""
    way = draw(_forties)
    if way < 30:
        return draw(_leaf(dialect, gaps))
    if way == 39:
        return _list([_tiny(number) for number in range(draw(_many_children))])
    made = _list([draw(_leaf(dialect, gaps)) for _ in range(draw(_fours))])
    for _ in range(draw(_fours) if way > 33 else 0):
        made = _list([made, *(draw(_leaf(dialect, gaps)) for _ in range(draw(_fours) // 2))])
    return made


def _list(children: list[Content]) -> Content:
    return {"class_name": "CacheList", "caches": children}


def arguments(content: Content) -> dict[str, Any]:
    """What `save` takes for a content, without the path."""
    case = msgspec.convert({"id": "drawn", "why": "drawn", **content}, FileCase)
    return spell(case, Tensors())


def whole_of(content: Content) -> dict[str, Any]:
    """What `load` gives of a content where nothing is lost."""
    case = msgspec.convert({"id": "drawn", "why": "drawn", **content}, FileCase)
    return spell(case, Tensors(), read=True)


def held(content: Content) -> dict[str, Any]:
    """What the reference alone can save, and any content: the caches as they are in the end."""
    whole = whole_of(content)
    return {**whole, "caches": [_held(cache) for cache in whole["caches"]]}


def _held(cache: Content) -> Content:
    if "caches" in cache:
        return {**cache, "caches": [_held(child) for child in cache["caches"]]}
    # What a quantized cache makes of its tensors, the reference alone knows.
    return cache if cache["class_name"] == "QuantizedKVCache" else {**cache, "held": True}


def spelled(content: Content, why: str) -> str:
    """A content as an item of `cases`."""
    digest = hashlib.sha256(case_text.flow(content).encode()).hexdigest()[:8]
    lines = [f"- id: found-{digest}",
             f"  why: Found by {why}; replace this by what a user would hit.",
             "  caches:" if content["caches"] else "  caches: []"]  # fmt: skip
    lines += [f"  - {case_text.flow(cache)}" for cache in content["caches"]]
    if content["user_metadata"]:
        lines.append(f"  user_metadata: {case_text.flow(content['user_metadata'])}")
    return "\n".join(lines)


def requirements(content: Content) -> list[str]:
    """What reading a content back exercises, beside that it is read at all."""
    flat = list(_flat(content["caches"]))
    slots = [slot for cache in flat for slot in cache.get("slots", ())]
    found = {
        "FILE-002": None in slots or any(len(cache.get("slots", "1")) != 1 for cache in flat),
        "FILE-003": any(slot is not None for slot in slots),
        "FILE-004": any("left_padding" in cache or "lengths" in cache for cache in flat),
        "FILE-006": any("caches" in cache for cache in flat),
        "FILE-007": bool(content["user_metadata"]),
        "FILE-008": any(cache["class_name"] in FAMILY for cache in flat),
    }
    return ["FILE-001", *(name for name, has in found.items() if has), "FILE-005"]


def is_saved(content: Content) -> bool:
    """Whether `save` can be asked for it."""
    return not any(map(needs_a_file, content["caches"]))


def has_empty_tensor(content: Content) -> bool:
    """Whether one of its tensors has no elements."""
    return any(0 in tensor.shape for tensor in _tensors(whole_of(content)["caches"]))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _tensors(each)


def _flat(caches: list[Content]) -> list[Content]:
    return [each for cache in caches for each in (cache, *_flat(cache.get("caches", [])))]


@st.composite
def _slot_caches(draw: st.DrawFn, dialect: Dialect, gaps: bool) -> Content:
    """0 to 12 slots, rarely more; batches larger than the number of slots too."""
    batch = draw(_batch) if draw(_forties) == 39 else draw(st.integers(1, 6))
    mamba = "new_mamba" not in dialect.absent and draw(_fours) == 3
    if mamba and "padding-capped-by-slot-count" in dialect.hazards:
        batch = min(batch, 2)  # a MambaCache of more rows cannot be built there
    if not mamba and draw(_forties) > 36:
        count = draw(_many_slots)
        slots: list[Any] = [{"uint8": [n]} for n in range(count)]
        for n in range(7, count, 3) if gaps else ():
            slots[n] = None
    else:
        one = slot_tensors(batch)
        least, most = (2, 2) if mamba else (1 - gaps, 12 if draw(_tens) == 9 else 4)
        slots = draw(st.lists(st.none() | one if gaps else one, min_size=least, max_size=most))
    if slots and not mamba and draw(_tens) == 9:
        slots.append(slots[0])
    made: Content = {"class_name": "MambaCache" if mamba else "ArraysCache", "slots": slots}
    for what in ("left_padding", "lengths"):
        way = draw(_tens)
        if way > 4 or batch > 6:
            made[what] = [] if way == 9 else draw(_rows(batch))
    return made


@st.composite
def _rows(draw: st.DrawFn, batch: int) -> list[int]:
    if batch > 6:
        return [number % 7 for number in range(batch)]
    return [draw(_row) if draw(_tens) > 6 else draw(_small_row) for _ in range(batch)]
