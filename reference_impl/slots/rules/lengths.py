"""Lengths: how `prepare` takes them, and how `advance` counts them and left_padding down."""

from __future__ import annotations

import operator
from typing import Any

import mlx.core as mx

from reference_impl.errors import ArithmeticOverflow
from reference_impl.integers import I32, as_usize, rust_i32_array, swift_int32_array
from reference_impl.slots.cache import SlotCache


def prepare_any(cache: SlotCache, lengths: Any = None, **_: Any) -> None:
    """Whatever `mx.array` takes (so None is a TypeError); other keywords are ignored."""
    cache.lengths = mx.array(lengths)


def prepare_int32(cache: SlotCache, lengths: Any) -> None:
    """int32 [B], copied; no values give int32 [0]."""
    cache.lengths = rust_i32_array(lengths, "lengths")


def prepare_or_clear(cache: SlotCache, lengths: Any = None) -> None:
    """Ints become int32 [B], None clears."""
    cache.lengths = None if lengths is None else swift_int32_array(lengths)


def forget_rows(cache: SlotCache) -> None:
    """Neither lengths nor left_padding is set."""
    cache.lengths = None
    cache.left_padding = None


def advance_in_place(cache: SlotCache, N: Any) -> None:
    """Python's `-=`: the array object changes, for everybody who holds it."""
    if cache.lengths is not None:
        cache.lengths -= N
    if cache.left_padding is not None:
        cache.left_padding -= N
    compute_rows(cache)


def counted_later(name: str) -> Any:
    """mlx-vlm: a property of a row vector that is read less a number, which advance adds to."""
    held = f"held_{name}"

    def read(cache: SlotCache) -> Any:
        rows, count = getattr(cache, held)
        return rows if rows is None or count == 0 else rows - count

    def write(cache: SlotCache, value: Any) -> None:
        setattr(cache, held, (value, 0))

    return property(read, write)


def advance_later(cache: SlotCache, N: Any) -> None:
    """mlx-vlm: any number is added to what is subtracted when somebody reads; arrays stay."""
    for held in ("held_lengths", "held_left_padding"):
        rows, count = getattr(cache, held)
        if rows is not None:
            setattr(cache, held, (rows, count + N))


def advance_checked(cache: SlotCache, N: Any) -> None:
    """Wrapping int32 subtraction; N beyond i32 is `ArithmeticOverflow`, even if nothing is set."""
    count = as_usize(N, "advance")
    if count > I32.maximum:
        raise ArithmeticOverflow("ArraysCache::advance: N exceeds i32::MAX", "i32", {"N": count})
    count_down(cache, count)


def advance_replacing(cache: SlotCache, N: Any) -> None:
    """Wrapping int32 subtraction; mlx refuses N beyond Int32 if one of them is set."""
    count_down(cache, operator.index(N))


def count_down(cache: SlotCache, count: int) -> None:
    """Both row vectors become new arrays; whoever holds the old ones sees no change."""
    if cache.lengths is not None:
        cache.lengths = cache.lengths - count
    if cache.left_padding is not None:
        cache.left_padding = cache.left_padding - count
    compute_rows(cache)


def compute_rows(cache: SlotCache) -> None:
    """Compute them: one pending subtraction per token would be a graph without bound."""
    mx.eval(cache.lengths, cache.left_padding)
