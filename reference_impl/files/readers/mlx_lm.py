"""The loaders of mlx-lm 0.30.5, 0.31.3 and 0.32.2. They unflatten a file before they look at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference_impl.dialects import dialect_class
from reference_impl.errors import OutOfMemory
from reference_impl.files.content import BATCH_NUMBERS, NUMBERS, Flat
from reference_impl.files.limits import MAX_FILE_SLOTS
from reference_impl.files.mlx_lm_0_31 import META
from reference_impl.files.readers.objects import Children, KeyValues

_ATTRIBUTES = {"idx": "_idx", "seen": "_offset"}
# What stands behind keys and values in the state of 0.32.
_STATE: dict[str, tuple[str, ...]] = {
    **NUMBERS,
    "ConcatenateKVCache": (),
    **{name: ("offset", "left_padding", *numbers) for name, numbers in BATCH_NUMBERS.items()},
}
# As deep as Python's recursion goes, roughly.
_MAX_PARTS = 300
# Names of the module that are no caches and that a class label can still reach.
_OTHER_GLOBALS = frozenset(
    {"Any", "Dict", "List", "Optional", "copy", "create_causal_mask", "dataclass", "deque", "mx",
     "nn", "load_prompt_cache", "make_prompt_cache", "save_prompt_cache", "tree_flatten",
     "tree_map", "tree_reduce", "tree_unflatten", "__name__", "__doc__", "__builtins__",
     "TokenBuffer", "LRUPromptCache", "PromptTrie", "PromptTrieResult"}
)  # fmt: skip


def unflatten(items: Mapping[str, Any]) -> Any:
    """The tree that dotted keys spell: a list where all names are integers, gaps filled with {}."""
    if any(key.count(".") > _MAX_PARTS for key in items):
        raise RecursionError("a key has too many parts")
    return _unflatten(list(items.items()))


def _unflatten(items: list[tuple[str, Any]]) -> Any:
    if len(items) == 1 and items[0][0] == "":
        return items[0][1]
    children: dict[str, list[tuple[str, Any]]] = {}
    for key, value in items:
        head, _, rest = key.partition(".")
        children.setdefault(head, []).append((rest, value))
    try:
        order = {int(name): name for name in children}
    except ValueError:
        order = {}
    if len(order) != len(children):
        return {name: _unflatten(inner) for name, inner in children.items()}
    if max(order, default=0) > MAX_FILE_SLOTS:
        raise OutOfMemory
    tree: list[Any] = []
    for position, name in sorted(order.items()):
        tree += [{} for _ in range(position - len(tree))]
        tree.append(_unflatten(children[name]))
    return tree


def load_0_31(flat: Flat, dialect: str) -> tuple[list[Any], Any]:
    """(caches, metadata): states, metadata and classes are paired up to the shortest of them."""
    states = unflatten(flat.tensors)
    meta, user, labels = unflatten(flat.metadata)
    return [_old(dialect, *each) for each in zip(labels, states, meta, strict=False)], user


def load_0_30(flat: Flat, dialect: str) -> tuple[list[Any], Any]:
    """The same, without lists: assigning their state needs the children that they do not have."""
    states = unflatten(flat.tensors)
    meta, user, labels = unflatten(flat.metadata)
    return [_older(dialect, *each) for each in zip(labels, states, meta, strict=False)], user


def _older(dialect: str, label: Any, state: Any, meta: Any) -> Any:
    if label == "CacheList":
        raise AttributeError("'CacheList' object has no attribute 'caches'")
    if label != "MambaCache":
        return _old(dialect, label, state, meta)
    cache = dialect_class(dialect).from_state(state, meta)
    cache.class_label = str(label)
    return cache


def _look_up(label: Any) -> str:
    known = {"ArraysCache", "CacheList", *NUMBERS, *BATCH_NUMBERS}
    if label in known:
        return str(label)
    if label in _OTHER_GLOBALS:
        raise AttributeError(f"{label} has no from_state")
    raise KeyError(label)


def _old(dialect: str, label: Any, state: Any, meta: Any) -> Any:
    name = _look_up(label)
    if name == "ArraysCache":
        return dialect_class(dialect).from_state(state, meta)
    if name == "CacheList":
        # Two parts of metadata are meant, classes and metadata of the children. With more of them,
        # it is an error only where all of them have something to pair up.
        triples = zip(state, *meta, strict=False)
        return Children([_old(dialect, child, inner, more) for inner, child, more in triples])
    if name in BATCH_NUMBERS:
        return _old_batch(name, state, meta)
    keys, values = state
    if name in ("KVCache", "ChunkedKVCache", "ConcatenateKVCache"):
        offset = keys.shape[2]
    if name in ("KVCache", "ConcatenateKVCache"):
        if meta:
            raise ValueError(f"a {name} keeps no meta_state, but one was assigned")
        return KeyValues(name, keys, values, offset=offset)
    numbers = [int(text) for text in meta]
    if len(numbers) != len(META[name]):
        raise ValueError(f"{len(META[name])} numbers expected, got {len(numbers)}")
    named = dict(zip(META[name], numbers, strict=True))
    if name == "ChunkedKVCache":
        named["offset"] = offset
    named = {_ATTRIBUTES.get(what, what): value for what, value in named.items()}
    return KeyValues(name, keys, values, **named)


def _old_batch(name: str, state: Any, meta: Any) -> KeyValues:
    keys, values, offset, padding = state
    rows = {"offset": offset, "left_padding": padding}
    if name == "BatchKVCache":
        idx = keys.shape[2]
        if meta:
            raise ValueError(f"a {name} keeps no meta_state, but one was assigned")
        return KeyValues(name, keys, values, **rows, _idx=idx)
    size, seen, idx = (int(text) for text in meta[:3])
    # The truth of a text: "False" is true.
    rotated = bool(meta[3])
    return KeyValues(
        name, keys, values, **rows, max_size=size, _offset=seen, _idx=idx, rotated=rotated
    )


def load_0_32(flat: Flat, dialect: str) -> tuple[list[Any], Any]:
    """(caches, metadata): classes and states are paired up to the shorter of them."""
    user, labels, table = unflatten(flat.metadata)
    arrays: dict[Any, Any] = dict(flat.tensors)
    for key, kind in table[1:]:
        array = arrays[key]
        if kind == "scalar":
            arrays[key] = array.item()
        elif kind == "string":
            arrays[key] = "".join(chr(code) for code in array.tolist())
        elif kind == "none":
            arrays[key] = None
        else:
            raise ValueError(f"unknown kind {kind}")
    states = unflatten(arrays)
    return [_new(dialect, *pair) for pair in zip(labels, states, strict=False)], user


def _new(dialect: str, label: Any, state: Any) -> Any:
    name = _look_up(label)
    if name == "ArraysCache":
        return dialect_class(dialect).from_state(state)
    if name == "CacheList":
        return Children([_new(dialect, child, inner) for inner, child in state])
    keys, values, *numbers = state
    names = _STATE[name]
    if len(numbers) != len(names):
        raise ValueError(f"{len(names)} numbers expected, got {len(numbers)}")
    named = {_ATTRIBUTES.get(what, what): value for what, value in zip(names, numbers, strict=True)}
    if name == "ConcatenateKVCache":
        named["offset"] = keys.shape[2]
    return KeyValues(name, keys, values, **named)
