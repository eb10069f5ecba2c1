"""Wrong counts and orders in prompt-cache files: slots, layers, children, rows."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from tools.mutants.forms import (
    LM32,
    RS,
    SWIFT3,
    SWIFT4,
    Cache,
    Change,
    mutants,
    rows,
    slots,
)

Listed = Callable[[list[Any]], list[Any]]


def _by_text(items: list[Any]) -> list[Any]:
    return [items[i] for i in sorted(range(len(items)), key=str)]


def _by_last_digit(items: list[Any]) -> list[Any]:
    """The last of those that a single digit stands for takes its place."""
    kept = {i % 10: item for i, item in enumerate(items)}
    return [kept[i] for i in sorted(kept)]


def _first(count: int) -> Listed:
    return lambda items: items[:count]


def _layers(change: Listed) -> Change:
    return lambda whole: {**whole, "caches": change(whole["caches"])}


def _children(change: Listed, deep: int = 0) -> Change:
    """A change of the children of every list, or of those that are so deep."""

    def changed(cache: Cache, depth: int = 1) -> Cache:
        if "caches" not in cache:
            return cache
        inner = [changed(child, depth + 1) for child in cache["caches"]]
        return {**cache, "caches": change(inner) if depth > deep else inner}

    return lambda whole: {**whole, "caches": [changed(cache) for cache in whole["caches"]]}


def _lists_last(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda cache: "caches" in cache)


def _once(items: list[Any]) -> list[Any]:
    """Tensors that are equal are there once."""
    found: list[Any] = []
    for item in items:
        if not any(_equal(item, other) for other in found):
            found.append(item)
    return found


def _equal(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return False
    return bool(
        a.dtype == b.dtype and a.shape == b.shape and a.size and mx.array_equal(a, b).item()
    )


def _ends_set(held: list[Any]) -> list[Any]:
    """Unset slots behind the last set one are gone, where there are many."""
    while len(held) > 4 and held[-1] is None:
        held = held[:-1]
    return held


def _closed_beyond(place: int) -> Listed:
    """Unset slots from a place on are closed up."""
    return lambda held: held[:place] + sorted(held[place:], key=lambda t: t is None)


def _each(change: Callable[[int], int]) -> Callable[[list[int]], list[int]]:
    return lambda row: [change(n) for n in row]


def _in_float(n: int) -> int:
    return min(int(struct.unpack("f", struct.pack("f", n))[0]), 2**31 - 1)


_SLOTS = [
    ("slots-by-text", "slot 10 comes before slot 2", slots(_by_text)),
    ("eight-slots", "there are eight slots at most", slots(_first(8))),
    ("ten-slots", "there are ten slots at most", slots(_first(10))),
    ("127-slots", "there are 127 slots at most", slots(_first(127))),
    ("hundred-slots", "there are a hundred slots at most", slots(_first(100))),
    ("slots-by-last-digit", "slots of two digits go where their last digit says",
     slots(_by_last_digit)),
    ("equal-slots-once", "slots of equal tensors are there once", slots(_once)),
    ("last-unset-lost", "unset slots at the end are gone, where there are many", slots(_ends_set)),
    ("unset-beyond-three", "unset slots from the third on are closed up", slots(_closed_beyond(3))),
    ("unset-beyond-eight", "unset slots from the eighth on are closed up",
     slots(_closed_beyond(8))),
]  # fmt: skip
_LAYERS = [
    ("layers-by-text", "layer 10 comes before layer 2", _layers(_by_text)),
    ("layers-of-three-digits-by-text", "layer 100 comes before layer 20", _layers(
        lambda items: _by_text(items) if len(items) > 100 else items)),
    ("ten-layers", "there are ten layers at most", _layers(_first(10))),
    ("64-layers", "there are 64 layers at most", _layers(_first(64))),
    ("hundred-layers", "there are a hundred layers at most", _layers(_first(100))),
    ("layers-by-last-digit", "layers of two digits go where their last digit says", _layers(
        lambda items: _by_last_digit(items) if len(items) > 10 else items)),
    ("layers-by-class", "layers come by their classes", _layers(
        lambda items: sorted(items, key=lambda cache: cache["class_name"]))),
    ("empty-layers-lost", "layers that hold nothing are gone, if there are others", _layers(
        lambda items: [c for c in items if c.get("keys", True)] or items)),
]  # fmt: skip
_CHILDREN = [
    ("children-by-text", "child 10 comes before child 2", _children(_by_text)),
    ("eight-children", "there are eight children at most", _children(_first(8))),
    ("ten-children", "there are ten children at most", _children(_first(10))),
    ("two-children", "there are two children at most", _children(_first(2))),
    ("children-backwards", "children come from the last to the first", _children(
        lambda items: items[::-1])),
    ("children-lists-last", "lists come behind the other children", _children(_lists_last)),
    ("children-of-the-third-list-lost", "lists deeper than two are empty", _children(
        lambda items: [], deep=2)),
    ("children-of-the-fourth-list-lost", "lists deeper than three have one child", _children(
        _first(1), deep=3)),
]  # fmt: skip


def _rows(what: str, said: str) -> list[tuple[str, str, Change]]:
    wrongs: list[tuple[str, str, Callable[[list[int]], list[int]]]] = [
        ("in-a-byte", f"{said} is kept in a byte", _each(lambda n: n % 256)),
        ("in-a-signed-byte", f"{said} is kept in a signed byte",
         _each(lambda n: (n + 128) % 256 - 128)),
        ("in-16-bits", f"{said} is kept in 16 bits", _each(lambda n: n % 65536)),
        ("in-float32", f"{said} is kept as float32", _each(_in_float)),
        ("one-digit", f"{said} is the first digit of what it was",
         _each(lambda n: int(str(abs(n))[0]) * (-1 if n < 0 else 1))),
        ("capped", f"{said} is 1000 at most", _each(lambda n: min(n, 1000))),
        ("of-255", f"{said} is there for 255 rows at most", lambda row: row[:255]),
    ]  # fmt: skip
    return [(f"{what.replace('_', '-')}-{n}", w, rows(what, c)) for n, w, c in wrongs]


_PADDING = _rows("left_padding", "left padding")
_LENGTHS = _rows("lengths", "a length")
_SIGNS = [
    ("negative-padding-is-zero", "left padding below zero is zero",
     rows("left_padding", _each(lambda n: max(n, 0)))),
    ("negative-padding-is-positive", "left padding has lost its sign",
     rows("left_padding", _each(abs))),
    ("negative-lengths-are-zero", "a length below zero is zero",
     rows("lengths", _each(lambda n: max(n, 0)))),
    ("negative-lengths-are-positive", "a length has lost its sign",
     rows("lengths", _each(lambda n: min(abs(n), 2**31 - 1)))),
]  # fmt: skip

MUTANTS = (
    *mutants("FILE-002", _SLOTS[:7]),
    *mutants("FILE-002", _SLOTS[7:], (RS, LM32, SWIFT4)),
    *mutants("FILE-001", _LAYERS),
    *mutants("FILE-006", _CHILDREN, saved=(LM32, RS, SWIFT3, SWIFT4)),
    *mutants("FILE-004", _PADDING, (LM32, SWIFT3, SWIFT4)),
    *mutants("FILE-004", _LENGTHS, (LM32, SWIFT4)),
    *mutants("FILE-004", _SIGNS, (LM32, SWIFT4)),
)
