"""The loader of mlxrs 0.1.0 (src/lm/cache/persist.rs). Read.

Its errors come wrapped in one that names the cache; here the inner one stands for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import mlx.core as mx

from reference_impl.dialects import from_state
from reference_impl.errors import (
    CacheError,
    CapExceeded,
    InvariantViolation,
    OutOfRange,
    RankMismatch,
)
from reference_impl.files.content import Flat
from reference_impl.files.mlx_lm_0_31 import META
from reference_impl.files.readers.objects import Children, KeyValues, granted
from reference_impl.integers import USIZE, parse_strict, scan_integer

T = TypeVar("T")
_PLAIN = ("KVCache", "ConcatenateKVCache", "KVCacheSimple", "StandardKvCache")
_ROTATING = ("RotatingKVCache", "RotatingKvCache")
_RANK = 4
_MAX_DEPTH = 64


class LengthMismatch(CacheError, ValueError):
    """A list has another length than it should."""

    fields = ("context", "expected", "actual")
    template = "{context}: {actual} instead of {expected}"


class UnknownEnumValue(CacheError, ValueError):
    """A class label that is none."""

    fields = ("context", "value")
    template = "{context}: {value}"


def load(flat: Flat, dialect: str) -> tuple[list[Any], Any]:
    """The count of caches comes from the classes; lists must be dense; other keys are skipped."""
    arrays: dict[int, dict[int, mx.array]] = {}
    for key, array in flat.tensors.items():
        i, j = _pair(key)
        if i is not None and j is not None:
            arrays.setdefault(i, {})[j] = array
    states = {i: _dense(inner) for i, inner in arrays.items()}
    info, user, labels = _side(flat.metadata)
    outside = next((i for i in states if i >= len(labels)), None)
    if outside is not None:
        raise OutOfRange("array group index", "must be below the class count", str(outside))
    caches: list[Any] = []
    for i, label in enumerate(labels):
        state, meta = states.get(i, []), info.get(i, [])
        if label in _PLAIN + _ROTATING:
            _check_ranks(state)
        if label in _PLAIN and meta:
            raise InvariantViolation("a cache without metadata", "must have empty meta_state")
        caches = granted([*caches, _restore(dialect, label, state, meta, _MAX_DEPTH)])
    return caches, user


def _index(text: str) -> int | None:
    found = scan_integer(text, USIZE)
    return None if isinstance(found, str) else found


def _pair(text: str) -> tuple[int | None, int | None]:
    head, _, rest = text.partition(".")
    return _index(head), _index(rest)


def _dense(items: Mapping[int, T]) -> list[T]:
    if max(items) + 1 != len(items):
        raise LengthMismatch("non-dense indices", len(items), max(items) + 1)
    return [items[i] for i in range(len(items))]


def _side(
    metadata: Mapping[str, str],
) -> tuple[dict[int, list[str]], dict[str, str], list[str]]:
    lists: dict[int, dict[int, str]] = {}
    scalars: dict[int, str] = {}
    user: dict[str, str] = {}
    labels: dict[int, str] = {}
    for key, value in metadata.items():
        head, _, rest = key.partition(".")
        if head == "0" and "." in rest:
            i, j = _pair(rest)
            if i is not None and j is not None:
                lists.setdefault(i, {})[j] = value
        elif head == "0" and (i := _index(rest)) is not None:
            scalars[i] = value
        elif head == "1" and "." in key:
            user[rest] = value
        elif head == "2" and (i := _index(rest)) is not None:
            labels[i] = value
    info = {i: [value] if value else [] for i, value in scalars.items()}
    info |= {i: _dense(inner) for i, inner in lists.items()}
    return info, user, _dense(labels) if labels else []


def _check_ranks(state: list[mx.array]) -> None:
    for array in state:
        if array.ndim != _RANK:
            raise RankMismatch("a key/value tensor", array.ndim, array.shape)


def _restore(dialect: str, label: str, state: list[mx.array], meta: list[str], depth: int) -> Any:
    if label in _PLAIN:
        if meta:
            raise LengthMismatch("a cache without metadata", 0, len(meta))
        keys, values = _halves(state, (0, 2))
        _check_ranks(state)
        if state and keys.shape[:3] != values.shape[:3]:
            raise LengthMismatch("keys and values", keys.shape[2], values.shape[2])
        return KeyValues("KVCache", keys, values, offset=keys.shape[2] if state else 0)
    if label in _ROTATING:
        keys, values = _halves(state, (0, 2))
        _check_ranks(state)
        numbers = _numbers("RotatingKVCache", meta, META["RotatingKVCache"])
        if not state and (numbers["offset"] or numbers["idx"]):
            raise InvariantViolation("an empty RotatingKVCache", "must have offset 0 and idx 0")
        numbers["_idx"] = numbers.pop("idx")
        return KeyValues("RotatingKVCache", keys, values, **numbers)
    if label in ("QuantizedKVCache", "StandardQuantizedKvCache"):
        keys, values = _halves(state, (0, 4, 6))
        names = META["QuantizedKVCache"]
        numbers = _numbers(label, meta, ("step", *names) if len(meta) == 4 else names)
        if not state and numbers["offset"]:
            raise InvariantViolation("an empty QuantizedKVCache", "must have offset 0")
        return KeyValues("QuantizedKVCache", keys, values, **numbers)
    if label in ("ChunkedKVCache", "ChunkedKvCache"):
        if len(state) != 2:
            raise LengthMismatch("ChunkedKVCache", 2, len(state))
        _check_ranks(state)
        numbers = _numbers("ChunkedKVCache", meta, META["ChunkedKVCache"])
        return KeyValues("ChunkedKVCache", *state, offset=state[0].shape[2], **numbers)
    if label in ("ArraysCache", "MambaCache"):
        return from_state(label, state, meta, dialect)
    if label == "CacheList":
        return _children(dialect, state, meta, depth)
    raise UnknownEnumValue("cache class", label[:64])


def _halves(state: list[mx.array], counts: tuple[int, ...]) -> tuple[Any, Any]:
    if len(state) not in counts:
        raise OutOfRange("state", f"must have {counts} arrays", str(len(state)))
    half = len(state) // 2
    if half <= 1:
        return (state[0], state[1]) if half else (None, None)
    return state[:half], state[half:]


def _numbers(context: str, meta: list[str], names: tuple[str, ...]) -> dict[str, Any]:
    if len(meta) != len(names):
        raise LengthMismatch(context, len(names), len(meta))
    return {
        what: None
        if what == "chunk_size" and text == "None"
        else parse_strict(text, USIZE, context, "usize")
        for what, text in zip(names, meta, strict=True)
    }


def _children(dialect: str, state: list[mx.array], meta: list[str], depth: int) -> Children:
    if depth == 0:
        raise CapExceeded("CacheList", "CACHE_LIST_MAX_NESTING_DEPTH", _MAX_DEPTH, _MAX_DEPTH)
    if not meta:
        raise InvariantViolation("CacheList meta_state", "must begin with the child count")
    count = parse_strict(meta[0], USIZE, "CacheList child count", "usize")
    most = (len(meta) - 1) // 3
    if count > most:
        raise CapExceeded("CacheList child count", "max_children_for_meta", most, count)
    children: list[Any] = []
    at, taken = 1, 0
    for _ in range(count):
        if at + 2 >= len(meta):
            raise InvariantViolation("CacheList meta_state", "ends within a child")
        states = parse_strict(meta[at + 1], USIZE, "CacheList state count", "usize")
        metas = parse_strict(meta[at + 2], USIZE, "CacheList metadata count", "usize")
        label, at = meta[at], at + 3
        if taken + states > len(state) or at + metas > len(meta):
            raise LengthMismatch("CacheList child", states, len(state) - taken)
        inner, texts = state[taken : taken + states], meta[at : at + metas]
        children = granted([*children, _restore(dialect, label, inner, texts, depth - 1)])
        at, taken = at + metas, taken + states
    if taken != len(state) or at != len(meta):
        raise LengthMismatch("CacheList framing", len(state), taken)
    return Children(children)
