"""The loader of mlxrs 0.1.0 (src/lm/cache/persist.rs), as it was run on Linux.

It wraps its errors in one that names the cache; here the inner one stands for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import mlx.core as mx

from reference_impl.dialects import from_state
from reference_impl.errors import (
    ArithmeticOverflow,
    CacheError,
    CapExceeded,
    InvariantViolation,
    OutOfRange,
    RankMismatch,
    UnknownEnumValue,
)
from reference_impl.files.content import Flat
from reference_impl.files.mlx_lm_0_31 import META
from reference_impl.files.readers.objects import Children, KeyValues, granted
from reference_impl.integers import I32, USIZE, IntType, parse_strict, scan_integer

T = TypeVar("T")
Numbers = dict[str, Any]
_RANK = 4
_MAX_DEPTH = 64
_USIZE_MAX = 2**64 - 1
# Label -> the class that it stands for.
_KINDS = {
    "KVCache": "KVCache",
    "ConcatenateKVCache": "KVCache",
    "KVCacheSimple": "KVCache",
    "StandardKvCache": "KVCache",
    "RotatingKVCache": "RotatingKVCache",
    "RotatingKvCache": "RotatingKVCache",
    "ChunkedKVCache": "ChunkedKVCache",
    "ChunkedKvCache": "ChunkedKVCache",
    "QuantizedKVCache": "QuantizedKVCache",
    "StandardQuantizedKvCache": "QuantizedKVCache",
    "CacheList": "CacheList",
    "BatchKVCache": "BatchKVCache",
    "BatchKvCache": "BatchKVCache",
    "BatchRotatingKVCache": "BatchRotatingKVCache",
    "BatchRotatingKvCache": "BatchRotatingKVCache",
    "ArraysCache": "ArraysCache",
    "MambaCache": "MambaCache",
}


class LengthMismatch(CacheError, ValueError):
    """A list has another length than it should."""

    fields = ("context", "expected", "actual")
    template = "{context}: {actual} instead of {expected}"


class ShapePairMismatch(CacheError, ValueError):
    """Two tensors that belong together have different leading axes."""

    fields = ("context", "expected", "actual")
    template = "{context}: {actual} beside {expected}"


class DtypeMismatch(CacheError, ValueError):
    """A tensor has another dtype than it must have."""

    fields = ("expected", "actual")
    template = "{actual} instead of {expected}"


def load(flat: Flat, dialect: str) -> tuple[list[Any], Any]:
    """The count of caches comes from the classes; lists must be dense; other keys are skipped."""
    arrays: dict[int, dict[int, mx.array]] = {}
    for key, array in flat.tensors.items():
        i, j = _pair(key)
        if i is not None and j is not None:
            arrays.setdefault(i, {})[j] = array
    states = {i: _dense(inner, "array sub") for i, inner in arrays.items()}
    info, user, labels = _side(flat.metadata)
    outside = next((i for i in states if i >= len(labels)), None)
    if outside is not None:
        raise OutOfRange("array group index", "must be < class count", str(outside))
    caches: list[Any] = []
    for i, label in enumerate(labels):
        state, meta = states.get(i, []), info.get(i, [])
        kind = _KINDS.get(label)
        if kind in ("KVCache", "RotatingKVCache"):
            _check_ranks(state)
        if kind == "KVCache" and meta:
            raise InvariantViolation("a cache without metadata", "must have empty meta_state")
        caches = granted([*caches, _restore(dialect, label, state, meta, _MAX_DEPTH)])
    return caches, user


def _index(text: str) -> int | None:
    found = scan_integer(text, USIZE)
    return None if isinstance(found, str) else found


def _pair(text: str) -> tuple[int | None, int | None]:
    head, _, rest = text.partition(".")
    return _index(head), _index(rest)


def _dense(items: Mapping[int, T], what: str) -> list[T]:
    last = max(items)
    if last == _USIZE_MAX:
        raise ArithmeticOverflow(f"{what} index", "usize", {"max_idx": last})
    if last + 1 != len(items):
        raise LengthMismatch(f"non-dense {what} indices", len(items), last + 1)
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
    info |= {i: _dense(inner, "meta_state") for i, inner in lists.items()}
    return info, user, _dense(labels, "class") if labels else []


def _check_ranks(state: list[mx.array]) -> None:
    for array in state:
        if array.ndim != _RANK:
            raise RankMismatch("a key/value tensor", array.ndim, array.shape)


def _restore(dialect: str, label: str, state: list[mx.array], meta: list[str], depth: int) -> Any:
    kind = _KINDS.get(label)
    if kind is None:
        raise UnknownEnumValue("KvCacheKind", label, list(_KINDS))
    if kind in ("ArraysCache", "MambaCache"):
        return from_state(kind, state, meta, dialect)
    if kind == "CacheList":
        return _children(dialect, state, meta, depth)
    return _OF_KIND[kind](state, meta)


def _key_value(state: list[mx.array], meta: list[str]) -> KeyValues:
    keys, values = _halves(state, (0, 2))
    _check_ranks(state)
    if state and keys.shape[:3] != values.shape[:3]:
        raise InvariantViolation("keys and values", "must be a paired K/V")
    if meta:
        raise LengthMismatch("a cache without metadata", 0, len(meta))
    return KeyValues("KVCache", keys, values, offset=keys.shape[2] if state else 0)


def _rotating(state: list[mx.array], meta: list[str]) -> KeyValues:
    keys, values = _halves(state, (0, 2))
    _check_ranks(state)
    numbers = _numbers("RotatingKVCache", meta)
    if not state and (numbers["offset"] or numbers["idx"]):
        raise InvariantViolation("an empty RotatingKVCache", "must have offset 0 and idx 0")
    numbers["_idx"] = numbers.pop("idx")
    return KeyValues("RotatingKVCache", keys, values, **numbers)


def _chunked(state: list[mx.array], meta: list[str]) -> KeyValues:
    if len(state) != 2:
        raise LengthMismatch("ChunkedKVCache", 2, len(state))
    _check_ranks(state)
    numbers = _numbers("ChunkedKVCache", meta)
    return KeyValues("ChunkedKVCache", *state, offset=state[0].shape[2], **numbers)


def _quantized(state: list[mx.array], meta: list[str]) -> KeyValues:
    keys, values = _halves(state, (0, 4, 6))
    for key, value in zip(keys or (), values or (), strict=True):
        _check_ranks([key, value])
        if key.shape[:3] != value.shape[:3]:
            raise ShapePairMismatch("K and V", list(key.shape[:3]), list(value.shape[:3]))
    if len(meta) not in (3, 4):
        raise OutOfRange("QuantizedKVCache", "must be 3 or 4 values", str(len(meta)))
    # With four values the first one is Swift's step, which nobody looks at.
    names: dict[str, IntType] = {"offset": USIZE, "group_size": I32, "bits": I32}
    numbers = {
        what: parse_strict(text, kind, what, kind.name)
        for (what, kind), text in zip(names.items(), meta[-3:], strict=True)
    }
    if not state:
        if numbers["offset"]:
            raise InvariantViolation("an empty QuantizedKVCache", "must have offset 0")
        return KeyValues("QuantizedKVCache", None, None, **numbers)
    if numbers["offset"] > I32.maximum:
        raise ArithmeticOverflow("end offset", "i32", {"end": numbers["offset"]})
    numbers["offset"] = min([numbers["offset"], *(array.shape[2] for array in state)])
    halves = ([array[:, :, : numbers["offset"]] for array in half] for half in (keys, values))
    return KeyValues("QuantizedKVCache", *halves, **numbers)


def _batch(state: list[mx.array], meta: list[str]) -> KeyValues:
    keys, values, rows = _batch_state(state)
    if meta:
        raise LengthMismatch("a cache without metadata", 0, len(meta))
    return KeyValues("BatchKVCache", keys, values, **rows, _idx=keys.shape[2] if state else 0)


def _batch_rotating(state: list[mx.array], meta: list[str]) -> KeyValues:
    keys, values, rows = _batch_state(state)
    if len(meta) != 4:
        raise LengthMismatch("BatchRotatingKVCache", 4, len(meta))
    size, seen, idx = (
        parse_strict(text, USIZE, what, "usize")
        for what, text in zip(("max_size", "_offset", "_idx"), meta[:3], strict=True)
    )
    if meta[3].lower() not in ("true", "false"):
        raise UnknownEnumValue("rotated", meta[3].lower(), ["true", "false"])
    rotated = meta[3].lower() == "true"
    if not state:
        if seen or idx or rotated:
            raise OutOfRange("an empty BatchRotatingKVCache", "must have fresh numbers", str(meta))
    else:
        _check_ring(keys.shape[2], size, seen, idx, rotated)
    return KeyValues(
        "BatchRotatingKVCache", keys, values, **rows,
        max_size=size, _offset=seen, _idx=idx, rotated=rotated,
    )  # fmt: skip


def _check_ring(length: int, size: int, seen: int, idx: int, rotated: bool) -> None:
    if not size:
        raise InvariantViolation("max_size", "must be >= 1")
    if idx > length:
        raise OutOfRange("_idx", "must satisfy _idx <= L", f"_idx={idx}, L={length}")
    if rotated and length != size:
        raise LengthMismatch("rotated=true requires L == max_size", size, length)
    if length > seen:
        raise OutOfRange("L", "must satisfy L <= _offset", f"L={length}, _offset={seen}")


def _batch_state(state: list[mx.array]) -> tuple[Any, Any, dict[str, mx.array]]:
    if not state:
        rows = {"offset": mx.zeros([0], mx.int32), "left_padding": mx.zeros([0], mx.int32)}
        return None, None, rows
    if len(state) != 4:
        raise OutOfRange("state", "must be 0 or 4", str(len(state)))
    keys, values, offset, padding = state
    _check_ranks([keys, values])
    if padding.ndim != 1:
        raise RankMismatch("left_padding", padding.ndim, padding.shape)
    if padding.shape[0] != keys.shape[0]:
        raise LengthMismatch("left_padding", keys.shape[0], padding.shape[0])
    if padding.dtype != mx.int32:
        raise DtypeMismatch("I32", str(padding.dtype))
    return keys, values, {"offset": offset, "left_padding": padding}


_OF_KIND: dict[str, Callable[[list[mx.array], list[str]], KeyValues]] = {
    "KVCache": _key_value,
    "RotatingKVCache": _rotating,
    "ChunkedKVCache": _chunked,
    "QuantizedKVCache": _quantized,
    "BatchKVCache": _batch,
    "BatchRotatingKVCache": _batch_rotating,
}


def _halves(state: list[mx.array], counts: tuple[int, ...]) -> tuple[Any, Any]:
    if len(state) not in counts:
        raise OutOfRange("state", f"must have {counts} arrays", str(len(state)))
    half = len(state) // 2
    if half <= 1:
        return (state[0], state[1]) if half else (None, None)
    return state[:half], state[half:]


def _numbers(name: str, meta: list[str]) -> Numbers:
    names = META[name]
    if len(meta) != len(names):
        raise LengthMismatch(name, len(names), len(meta))
    return {
        what: None
        if what == "chunk_size" and text == "None"
        else parse_strict(text, USIZE, what, "usize")
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
        if at + metas > _USIZE_MAX:
            operands = {"meta_idx": at, "metaCount": metas}
            raise ArithmeticOverflow("meta_idx + metaCount", "usize", operands)
        if at + metas > len(meta):
            raise LengthMismatch("child metaCount", len(meta) - at, metas)
        if taken + states > len(state):
            raise LengthMismatch("child stateCount", len(state) - taken, states)
        inner, texts = state[taken : taken + states], meta[at : at + metas]
        children = granted([*children, _restore(dialect, label, inner, texts, depth - 1)])
        at, taken = at + metas, taken + states
    if taken != len(state) or at != len(meta):
        raise LengthMismatch("CacheList framing", len(state), taken)
    return Children(children)
