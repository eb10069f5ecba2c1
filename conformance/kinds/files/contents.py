"""Drawn contents of prompt-cache files, in the grammar of fixtures/prompt_cache/cases.yaml."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from hypothesis import strategies as st

from conformance.engine import literals
from conformance.engine.dialect import Dialect
from conformance.engine.literals import Tensors
from conformance.filetools.model import FileCase, spell
from conformance.properties import case_text
from conformance.tensor import DTYPES, ITEM_SIZE, Tensor

Content = dict[str, Any]
_DTYPES = tuple(name for name in DTYPES if name != "float64")  # which nobody can save
_FLOATS = ("float32", "bfloat16", "float16")
_KEYS = ("model", "a", "b.c", "d.e.f", "0", "1", "\u00e9")
_WORDS = ("", "m", "a.b", "0", "\u00e9 \u6c34")


def contents(dialect: Dialect) -> st.SearchStrategy[Content]:
    """Files of 0 to 3 caches. Their tensors have at most 64 elements; MambaCache where there is
    one.
    """
    leaves = _slot_caches(dialect) | _key_value()
    cache = st.recursive(leaves, _lists, max_leaves=4)
    return st.fixed_dictionaries(
        {
            "caches": st.lists(cache, max_size=3),
            "user_metadata": st.dictionaries(
                st.sampled_from(_KEYS), st.sampled_from(_WORDS), max_size=3
            ),
        }
    )


def arguments(content: Content) -> dict[str, Any]:
    """What `save` takes for a content, without the path."""
    case = msgspec.convert({"id": "drawn", "why": "drawn", **content}, FileCase)
    return spell(case, Tensors())


def whole_of(content: Content) -> dict[str, Any]:
    """What `load` gives of a content where nothing is lost."""
    case = msgspec.convert({"id": "drawn", "why": "drawn", **content}, FileCase)
    return spell(case, Tensors(), read=True)


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
        "FILE-008": any(cache["class_name"] in _FAMILY for cache in flat),
    }
    return ["FILE-001", *(name for name, has in found.items() if has), "FILE-005"]


def _flat(caches: list[Content]) -> list[Content]:
    return [each for cache in caches for each in (cache, *_flat(cache.get("caches", [])))]


def _lists(cache: st.SearchStrategy[Content]) -> st.SearchStrategy[Content]:
    children = st.lists(cache, max_size=3)
    return st.builds(lambda caches: {"class_name": "CacheList", "caches": caches}, children)


@st.composite
def _slot_caches(draw: st.DrawFn, dialect: Dialect) -> Content:
    """0 to 12 slots, any of them unset; batches larger than the number of slots too."""
    batch = draw(st.integers(1, 6))
    mamba = "new_mamba" not in dialect.absent and draw(st.integers(0, 3)) == 3
    if mamba and "padding-capped-by-slot-count" in dialect.hazards:
        batch = min(batch, 2)  # a MambaCache of more rows cannot be built there
    slots = st.lists(st.none() | _tensors(batch), min_size=2 * mamba, max_size=2 if mamba else 12)
    name = "MambaCache" if mamba else "ArraysCache"
    made: Content = {"class_name": name, "slots": draw(slots)}
    for what, least in (("left_padding", 0), ("lengths", -2)):
        rows = st.lists(st.integers(least, 9), min_size=batch, max_size=batch)
        row = draw(st.none() | st.just([]) | rows)
        if row is not None:
            made[what] = row
    return made


@st.composite
def _tensors(draw: st.DrawFn, batch: int) -> Content:
    """Any bits, in the literal that a fixture has for them."""
    dtype = draw(st.sampled_from(_DTYPES))
    shape = (batch, *draw(st.lists(st.integers(1, 3), max_size=2)))
    size = ITEM_SIZE[dtype]
    for each in shape:
        size *= each
    bits = draw(st.binary(min_size=size, max_size=size))
    if dtype == "bool":
        bits = bytes(byte & 1 for byte in bits)
    literal: Content = literals.spelled(Tensor(dtype, shape, bits))
    return literal


# Rooms are larger than what is drawn: beyond them implementations turn their tensors differently.
_FAMILY: dict[str, dict[str, int]] = {
    "KVCache": {},
    "RotatingKVCache": {"max_size": 8, "keep": 1},
    "ChunkedKVCache": {"chunk_size": 8},
    "QuantizedKVCache": {"group_size": 32, "bits": 4},
}


@st.composite
def _key_value(draw: st.DrawFn) -> Content:
    """The key/value family; keys and values [B, heads, S, D], or an empty cache."""
    name = draw(st.sampled_from(sorted(_FAMILY)))
    made: Content = {"class_name": name}
    if _FAMILY[name]:
        made["numbers"] = dict(_FAMILY[name])
    if name == "QuantizedKVCache" or draw(st.booleans()):
        dtype = draw(st.sampled_from(_FLOATS))
        shape = [draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(2, 3))]
        for half in ("keys", "values"):
            width = 32 if name == "QuantizedKVCache" else draw(st.integers(1, 2))
            start = draw(st.integers(0, 9))
            literal = {"dtype": dtype, "shape": [*shape, width], "iota": start}
            made[half] = literal if width < 32 else {**literal, "modulo": 16}
    return made
