"""Which layout a file has. No file says so: only its keys tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reference_impl.files.content import LIST_CLASS, SLOT_CLASSES, Flat
from reference_impl.files.errors import UnknownLayout, shown

MLX_LM_028 = "mlx-lm-0.28"
MLX_LM_031 = "mlx-lm-0.31"
MLX_LM_032 = "mlx-lm-0.32"
MLX_LM_MAIN = "mlx-lm-main-2026-08-22"
SWIFT = "mlx-swift-lm"
MLXRS = "mlxrs-0.1"
_PYTHON = frozenset({MLX_LM_028, MLX_LM_031, MLX_LM_MAIN})
_OLD_STYLE = _PYTHON | {SWIFT, MLXRS}
_WITH_TENSORS = _PYTHON | {MLXRS}
# In the order in which they are preferred when keys fit several; the content is the same then.
_ORDER = (MLX_LM_031, MLX_LM_032, SWIFT, MLXRS, MLX_LM_028, MLX_LM_MAIN)
# Number of texts -> layouts, for the classes whose metadata is a list of numbers.
_BY_COUNT: dict[str, dict[int, frozenset[str]]] = {
    "RotatingKVCache": {
        4: _WITH_TENSORS - {MLX_LM_028},
        5: frozenset({SWIFT, MLX_LM_028}),
        6: frozenset({SWIFT}),
    },
    "QuantizedKVCache": {3: _WITH_TENSORS - {MLX_LM_028}, 4: frozenset({SWIFT, MLX_LM_028})},
    "ChunkedKVCache": {2: _OLD_STYLE},
    "BatchRotatingKVCache": {4: _WITH_TENSORS - {MLX_LM_028}},
}
# How Python and Rust spell whether a window has rotated.
_TRUTHS = {"True": _PYTHON, "False": _PYTHON, "true": {MLXRS}, "false": {MLXRS}}


def recognise(flat: Flat) -> tuple[str, ...]:
    """The layouts that the keys fit, best first; a reader of any of them finds the same content.

    UnknownLayout says what was seen when there is none.
    """
    labels = {key[2:]: value for key, value in flat.metadata.items() if key.startswith("2.")}
    if not flat.metadata:
        raise UnknownLayout("file", "has no metadata, so that nothing says which caches it holds")
    if labels.get("0") == "":
        return (MLX_LM_032,)
    if "0" not in labels:
        known = ", ".join(sorted(shown(key) for key in flat.metadata)[:4])
        raise UnknownLayout("2.0", f"is missing: there are no classes; the metadata has {known}")
    fitting = _OLD_STYLE
    tensors = _grouped(flat.tensors)
    meta = _grouped({k[2:]: v for k, v in flat.metadata.items() if k.startswith("0.")})
    for i, label in labels.items():
        mine = _entry(label, tensors.get(i, {}), meta.get(i, {}))
        if not mine & fitting:
            keys = [f"0.{i}.{rest}".rstrip(".") for rest in meta.get(i, {})][:4]
            keys += [f"{i}.{rest}" for rest in tensors.get(i, {})][:4]
            raise UnknownLayout(
                f"2.{i}",
                f"{shown(label)} with the keys {', '.join(map(shown, keys)) or 'of nothing'} fits "
                + (f"{_named(mine)} but the caches before it fit {_named(fitting)}" if mine
                   else "no layout"),
            )  # fmt: skip
        fitting &= mine
    return tuple(layout for layout in _ORDER if layout in fitting)


def _named(layouts: frozenset[str]) -> str:
    return " or ".join(layout for layout in _ORDER if layout in layouts)


def _grouped(items: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for key, value in items.items():
        head, _, rest = key.partition(".")
        found.setdefault(head, {})[rest] = value
    return found


def _entry(label: str, tensors: Mapping[str, Any], meta: Mapping[str, str]) -> frozenset[str]:
    """The layouts in which a cache of this class may have these keys."""
    scalar = "" in meta
    nested = any("." in rest for rest in meta)
    deep = any("." in rest for rest in tensors)
    if label in SLOT_CLASSES:
        if not scalar:
            return frozenset({SWIFT} if len(meta) > 3 else {SWIFT, MLXRS})
        # Without slots there is no `i.0`: left padding and lengths alone mean the same.
        parted = deep or ("0" not in tensors and {"1", "2"} <= tensors.keys())
        return frozenset({MLX_LM_MAIN} if parted else {MLX_LM_028, MLX_LM_031})
    if label == "KVCache":
        return (_WITH_TENSORS if tensors else frozenset({MLXRS})) if scalar else frozenset({SWIFT})
    if label == "BatchKVCache":
        return _WITH_TENSORS if tensors else frozenset({MLXRS})
    if label == "ConcatenateKVCache":
        return _PYTHON
    if label == LIST_CLASS:
        return _list(tensors, meta, scalar, nested)
    if label in _BY_COUNT:
        fitting = _BY_COUNT[label].get(len(meta), frozenset())
        if not tensors:  # mlx-lm cannot save an empty one
            return fitting - _PYTHON
        if label == "QuantizedKVCache":
            fitting &= _PYTHON if deep else {SWIFT, MLXRS}
        if label == "BatchRotatingKVCache" and meta.get("3") in _TRUTHS:
            fitting &= _TRUTHS[meta["3"]]
        return fitting
    return _OLD_STYLE


def _list(
    tensors: Mapping[str, Any], meta: Mapping[str, str], scalar: bool, nested: bool
) -> frozenset[str]:
    if scalar:  # up to 0.30: the classes of the children are lost
        return _PYTHON
    if not meta:
        return frozenset({MLX_LM_031, MLX_LM_MAIN})
    if not nested:
        return _framed([meta[str(j)] for j in range(len(meta)) if str(j) in meta])
    fitting = frozenset({MLX_LM_031, MLX_LM_MAIN})
    states = _grouped(tensors)
    parts = _grouped(meta)
    metas = _grouped(parts.get("1", {}))
    for child, label in parts.get("0", {}).items():
        fitting &= _entry(label, states.get(child, {}), metas.get(child, {}))
    return fitting


def _framed(texts: Sequence[str]) -> frozenset[str]:
    """By the metadata of the children, which stands behind each child's class and counts."""
    fitting = frozenset({SWIFT, MLXRS})
    at = 1
    # Every frame moves on by at least three texts.
    while at + 3 <= len(texts):
        label, count = texts[at], texts[at + 2]
        size = int(count) if count.isascii() and count.isdecimal() and len(count) < 6 else 0
        fitting &= _child(label, texts[at + 3 : at + 3 + size])
        at += 3 + size
    return fitting


def _child(label: str, texts: Sequence[str]) -> frozenset[str]:
    either = frozenset({SWIFT, MLXRS})
    if label == "KVCache":
        return frozenset({SWIFT} if texts else {MLXRS})
    if label == LIST_CLASS:
        return _framed(texts)
    if label in SLOT_CLASSES:
        return frozenset({SWIFT} if len(texts) > 3 else either)
    return _BY_COUNT.get(label, {}).get(len(texts), either)
