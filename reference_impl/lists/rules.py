"""A list of caches: offset, taking back, masks and serialized form, as dialects do them."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from reference_impl.errors import (
    CapExceeded,
    InvariantViolation,
    KVCacheError,
    LengthMismatch,
    Trap,
    UnknownEnumValue,
)
from reference_impl.integers import USIZE, as_usize, parse_lenient, parse_strict
from reference_impl.serialization import texts
from reference_impl.strictness import usize_sum

if TYPE_CHECKING:
    from reference_impl.lists.cache import CacheList

L = TypeVar("L", bound="CacheList")
MAX_DEPTH = 64


# Offset


def greatest_offset(cache: CacheList) -> int:
    """mlxrs: that of the child with the most tokens, 0 without children."""
    return max((child.offset for child in cache.caches), default=0)


# Children


def child_or_none(cache: CacheList, index: Any) -> Any:
    """mlxrs: nothing beyond the end; a negative index is `OutOfRange`."""
    position = as_usize(index, "child index")
    return cache.caches[position] if position < len(cache.caches) else None


def trapping_child(cache: CacheList, index: Any) -> Any:
    """Swift: an index out of range traps."""
    position = operator.index(index)
    if not 0 <= position < len(cache.caches):
        raise Trap("child index out of range")
    return cache.caches[position]


def first_is_empty_or_missing(cache: CacheList) -> bool:
    """mlxrs: whether the first child is empty; so is a list without children."""
    return not cache.caches or bool(cache.caches[0].empty())


# Appending and masks are for the children.


def refuse_update(cache: CacheList, keys: Any, values: Any) -> NoReturn:
    raise InvariantViolation("update", "a list has no keys and values; use its children")


def trap_update(cache: CacheList, keys: Any, values: Any) -> NoReturn:
    raise Trap("a list has no keys and values; use its children")


def refuse_mask(cache: CacheList, N: Any, *, return_array: Any, window_size: Any) -> NoReturn:
    raise InvariantViolation("make_mask", "a list has no mask; use its children")


# Taking back


def trim_all_or_none(cache: CacheList, n: Any) -> int:
    """mlxrs: nothing where a child is not trimmable; else how many of the last child."""
    removed = 0
    if cache.is_trimmable():
        for child in cache.caches:
            removed = child.trim(n)
    return removed


def trim_each(cache: CacheList, n: Any) -> int:
    """Swift: of every child, trimmable or not; how many of the last one, 0 without children."""
    removed = 0
    for child in cache.caches:
        removed = child.trim(n)
    return removed


# mlx-lm: the state as it is nested


def states(cache: CacheList) -> list[Any]:
    """One state a child."""
    return [child.state for child in cache.caches]


def take_states(cache: CacheList, value: Any) -> None:
    """One state a child, in turn; those that are too many are not looked at."""
    for child, state in zip(cache.caches, value, strict=False):
        child.state = state


def labels_and_metadata(cache: CacheList) -> tuple[list[str], list[Any]]:
    """The children's classes, and their metadata."""
    return (
        [type(child).__name__ for child in cache.caches],
        [child.meta_state for child in cache.caches],
    )


def take_metadata(cache: CacheList, value: Any) -> None:
    """Metadata for each child, in turn; the labels are not looked at."""
    for child, metadata in zip(cache.caches, value[1], strict=False):
        child.meta_state = metadata


def restore_children(cls: type[L], state: Any, meta_state: Any) -> L:
    """As many children as there are states, labels and metadata; an unknown label is a KeyError."""
    cache = cls.__new__(cls)
    cache.caches = [
        cls.classes[label].from_state(child, metadata)
        for child, label, metadata in zip(state, *meta_state, strict=False)
    ]
    return cache


def states_and_labels(cache: CacheList) -> list[tuple[Any, str]]:
    """mlx-lm 0.32: state and class of each child."""
    return [(child.state, type(child).__name__) for child in cache.caches]


def take_states_and_labels(cache: CacheList, value: Any) -> None:
    """mlx-lm 0.32: new children; an unknown label is a KeyError."""
    cache.caches = [cache.classes[label].from_state(state) for state, label in value]


# mlx-lm up to 0.30, mlxrs and Swift: all arrays of all children in a row; in the last two there is
# metadata that says whose they are


def flat(cache: CacheList) -> list[Any]:
    return [array for child in cache.caches for array in child.state]


def take_flat(cache: CacheList, value: Any) -> None:
    """Swift: each child takes as many arrays as it has now; too few of them trap."""
    arrays, start = list(value), 0
    for child, count in [(child, len(child.state)) for child in cache.caches]:
        if start + count > len(arrays):
            raise Trap("array index is out of range")
        child.state = arrays[start : start + count]
        start += count


def take_flat_in_turn(cache: CacheList, value: Any) -> None:
    """mlx-lm up to 0.30: each child takes as many arrays as it has when its turn comes."""
    start = 0
    for child in cache.caches:
        stop = start + len(child.state)
        child.state = value[start:stop]
        start = stop


def take_all_flat(cache: CacheList, value: Any) -> None:
    """mlxrs: the same; another number of arrays is a `LengthMismatch`, and an error changes
    nothing."""
    arrays, start = list(value), 0
    counts = [len(child.state) for child in cache.caches]
    if sum(counts) != len(arrays):
        raise LengthMismatch("state", sum(counts), len(arrays))
    staged = [child.copy() for child in cache.caches]
    for child, count in zip(staged, counts, strict=True):
        child.state = arrays[start : start + count]
        start += count
    cache.caches = staged


def framed_texts(cache: CacheList) -> list[str]:
    """How many children; of each one class, how many arrays, how many strings, and these."""
    found = [str(len(cache.caches))]
    for child in cache.caches:
        metadata = child.meta_state
        found += [child.reference_class_name, str(len(child.state)), str(len(metadata)), *metadata]
    return found


def refuse_texts(cache: CacheList, value: Any) -> NoReturn:
    raise InvariantViolation("meta_state", "is restored together with the state, not assigned")


def trap_texts(cache: CacheList, value: Any) -> NoReturn:
    """An assertion of a debug build; a release build ignores the assignment."""
    raise Trap("metaState is restored together with the state, not assigned")


def restore_framed(cls: type[L], state: Any, meta_state: Any, depth: int = MAX_DEPTH) -> L:
    """mlxrs: every string and every array belongs to a child.

    A list within a list may be 64 deep and have a third as many children as strings behind the
    count (`CapExceeded`). Strings that are no integers are `Parse`, counts that do not fit what
    there is `LengthMismatch`, and a frame that is cut `InvariantViolation`.
    """
    if depth == 0:
        raise CapExceeded("nesting", "MAX_DEPTH", MAX_DEPTH, MAX_DEPTH)
    arrays, found = list(state), texts(meta_state)
    if not found:
        raise InvariantViolation("meta_state", "begins with the number of children")
    count = parse_strict(found[0], USIZE, "children", "usize")
    most = (len(found) - 1) // 3
    if count > most:
        raise CapExceeded("children", "max_children_for_meta", most, count)
    children, at = [], 1
    for _ in range(count):
        if at + 2 >= len(found):
            raise InvariantViolation("meta_state", "has three strings for each child")
        label = found[at]
        array_count, text_count = (
            parse_strict(text, USIZE, "counts of a child", "usize")
            for text in found[at + 1 : at + 3]
        )
        at += 3
        stop = usize_sum("strings of a child", at=at, count=text_count)
        if stop > len(found):
            raise LengthMismatch("strings of a child", len(found) - at, text_count)
        if array_count > len(arrays):
            raise LengthMismatch("arrays of a child", len(arrays), array_count)
        children.append(_child(cls, label, arrays[:array_count], found[at:stop], depth - 1))
        arrays, at = arrays[array_count:], stop
    if arrays:
        raise LengthMismatch("arrays behind the children", 0, len(arrays))
    if at != len(found):
        raise LengthMismatch("strings", len(found), at)
    return cls(*children)


def _child(cls: type[L], label: str, state: Any, meta_state: Any, depth: int) -> Any:
    if label == cls.__name__:
        return restore_framed(cls, state, meta_state, depth)
    return cls.restore_child(label, state, meta_state)


def restore_leniently(cls: type[L], state: Any, meta_state: Any) -> L:
    """Swift: what is left over is not looked at, and counts that are too large take what there is.

    A frame that is cut, and counts that are no integers, are thrown; negative ones trap.
    """
    arrays, found = list(state), texts(meta_state)
    count = parse_lenient(found[0]) if found else None
    if count is None:
        raise KVCacheError("a list's metaState begins with the number of children")
    if count < 0:
        raise Trap("range with a lower bound above its upper bound")
    children, at, first_array = [], 1, 0
    for _ in range(count):
        if at + 2 >= len(found):
            raise KVCacheError("a list's metaState is cut")
        counts = [parse_lenient(text) for text in found[at + 1 : at + 3]]
        array_count, text_count = counts
        if array_count is None or text_count is None:
            raise KVCacheError("a count in a list's metaState is not an integer")
        label, at = found[at], at + 3
        own_texts = _slice(found, at, text_count)
        own_arrays = _slice(arrays, first_array, array_count)
        at, first_array = at + text_count, first_array + array_count
        children.append(cls.restore_child(label, own_arrays, own_texts))
    return cls(*children)


def _slice(values: list[Any], start: int, count: int) -> list[Any]:
    stop = min(start + count, len(values))
    if stop < start:
        raise Trap("range with a lower bound above its upper bound")
    return values[start:stop]


# A child by the label that it has in a file

SLOT_LABELS = ("ArraysCache", "MambaCache")
RUST_NAMES = {
    "ConcatenateKVCache": "KVCache",
    "KVCacheSimple": "KVCache",
    "StandardKvCache": "KVCache",
    "RotatingKvCache": "RotatingKVCache",
    "ChunkedKvCache": "ChunkedKVCache",
    "StandardQuantizedKvCache": "QuantizedKVCache",
    "BatchKvCache": "BatchKVCache",
    "BatchRotatingKvCache": "BatchRotatingKVCache",
}
SWIFT_NAMES = {"KVCacheSimple": "KVCache"}


def restore_child_strictly(cls: type[L], label: str, state: Any, meta_state: Any) -> Any:
    """mlxrs: its own names count too; a label that is none is `UnknownEnumValue`."""
    known = [*cls.classes, "MambaCache", *RUST_NAMES]
    if label not in known:
        raise UnknownEnumValue("cache class", label, known)
    return _restored(cls, RUST_NAMES.get(label, label), state, meta_state)


def restore_child_or_throw(cls: type[L], label: str, state: Any, meta_state: Any) -> Any:
    """Swift: a label that is none is thrown."""
    name = SWIFT_NAMES.get(label, label)
    if name not in (*cls.classes, "MambaCache"):
        raise KVCacheError(f"no cache class is called {label!r}")
    return _restored(cls, name, state, meta_state)


def _restored(cls: type[L], label: str, state: Any, meta_state: Any) -> Any:
    if label not in SLOT_LABELS:
        return cls.classes[label].from_state(state, meta_state)
    child = cls.classes["ArraysCache"].from_state(state, meta_state)
    child.class_label = label
    return child


# Copies


def copy_children(cache: L) -> L:
    return type(cache)(*(child.copy() for child in cache.caches))
