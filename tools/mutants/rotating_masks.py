"""Wrong caches with a window: masks."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.attention import CAUSAL, causal
from reference_impl.rotating import rules
from reference_impl.traps import trapping
from tools.mutants.rotating import LM31, LM32, RS, SWIFT4, ring


def _mask(change: Any) -> Any:
    """mlx-lm's mask with one thing taken wrongly: `change(cache, n, window, array)`."""

    def make_mask(c: Any, N: Any, window_size: Any = None, return_array: Any = False) -> Any:
        return change(c, N, window_size, return_array)

    return make_mask


def _many(offset: Any = None, window: Any = None, fits: Any = None) -> Any:
    """The mask of several tokens with another offset, window or test."""

    def change(c: Any, n: Any, w: Any, array: Any) -> Any:
        if n <= 1:
            return rules.mask(c, n, w, array)
        wide = (w or c.max_size) if window is None else window(c, w)
        before = min(c.max_size - 1, c.offset) if offset is None else offset(c)
        small = before + n <= (wide or 1 << 30) if fits is None else fits(before + n, wide)
        return CAUSAL if small and not array else causal(n, before, wide)

    return _mask(change)


def _one(shift: Any = None, count: Any = None, reached: Any = None) -> Any:
    """The mask of one token, turned, as long, or begun otherwise."""

    def change(c: Any, n: Any, w: Any, array: Any) -> Any:
        if n > 1 or w is None:
            return rules.mask(c, n, w, array)
        begun = c.offset >= w and c.max_size > w if reached is None else reached(c, w)
        if not begun:
            return None
        index = 0 if c.index >= c.max_size else c.index
        size = min(c.offset + 1, c.max_size) if count is None else count(c)
        turn = index + 1 if shift is None else shift(c, index)
        return mx.roll(mx.arange(size) >= size - w, turn, 0)

    return _mask(change)


def _inverted(c: Any, n: Any, w: Any, array: Any) -> Any:
    found: Any = rules.mask(c, n, w, array)
    return mx.logical_not(found) if isinstance(found, mx.array) else found


def _array_for_one(c: Any, n: Any, w: Any, array: Any) -> Any:
    return causal(n, c.size()) if n == 1 and array else rules.mask(c, n, w, array)


def _for_every_token(c: Any, n: Any, w: Any, array: Any) -> Any:
    if n > 1 or w is not None:
        return rules.mask(c, n, w, array)
    return mx.ones(min(c.offset + 1, c.max_size), dtype=mx.bool_)


def _turning(c: Any, n: Any, w: Any, array: Any) -> Any:
    if n > 1 and c.keys is not None:
        c.keys, c.values = c.in_order_of_time(c.keys), c.in_order_of_time(c.values)
        c.index = c.keys.shape[2]
    return rules.mask(c, n, w, array)


def _zero_is_none(c: Any, n: Any, w: Any, array: Any) -> Any:
    return rules.mask(c, n, None if n == 1 and w == 0 else w, array)


def _zero_is_zero(c: Any, n: Any, w: Any, array: Any) -> Any:
    if n > 1 and w == 0:
        return causal(n, min(c.max_size - 1, c.offset), 0)
    return rules.mask(c, n, w, array)


MUTANTS = (
    ring("ring-mask-always-array", LM31, ("ROTATING-013",), "There is an array for every chunk.",
         members={"make_mask": _many(fits=lambda total, window: False)}),
    ring("ring-mask-never-array", LM32, ("ROTATING-013",),
         "A chunk is causal, whatever the window.",
         members={"make_mask": _many(fits=lambda total, window: True)}),
    ring("ring-mask-array-one-early", LM31, ("ROTATING-013",),
         "There is an array when the window is just filled.",
         members={"make_mask": _many(fits=lambda total, window: total < window)}),
    ring("ring-mask-array-one-late", LM32, ("ROTATING-013",),
         "There is no array for one token too many.",
         members={"make_mask": _many(fits=lambda total, window: total <= window + 1)}),
    ring("ring-mask-counts-all-tokens", LM31, ("ROTATING-013",),
         "The columns are all tokens that ever came.", "mlx-swift-lm",
         members={"make_mask": _many(offset=lambda c: c.offset)}),
    ring("ring-mask-counts-whole-window", LM32, ("ROTATING-013",),
         "max_size tokens stand before a chunk, and not one less.",
         members={"make_mask": _many(offset=lambda c: min(c.offset, c.max_size))}),
    ring("ring-mask-ignores-window", LM31, ("ROTATING-013",),
         "The window of the mask is that of the cache.",
         members={"make_mask": _many(window=lambda c, w: c.max_size)}),
    ring("ring-mask-without-sinks", LM32, ("ROTATING-013",),
         "What is kept is not before a chunk.",
         members={"make_mask": _many(offset=lambda c: min(c.offset, c.max_size - 1 - c.keep))}),
    ring("ring-mask-inverted", RS, ("ROTATING-013", "ROTATING-015"), "True marks what is hidden.",
         members={"make_mask": _mask(_inverted)}),
    ring("ring-mask-array-for-one", LM31, ("ROTATING-014",),
         "return_array makes one for a single token.",
         members={"make_mask": _mask(_array_for_one)}),
    ring("ring-mask-for-every-token", LM32, ("ROTATING-014",),
         "A single token has an array of what it sees, all of it.",
         members={"make_mask": _mask(_for_every_token)}),
    ring("ring-mask-one-always", LM32, ("ROTATING-014",),
         "A window makes an array for a single token, however few came.",
         members={"make_mask": _one(reached=lambda c, w: True)}),
    ring("ring-mask-one-not-counted", LM31, ("ROTATING-014", "ROTATING-015"),
         "The token to come does not count.",
         members={"make_mask": _one(reached=lambda c, w: c.offset > w < c.max_size)}),
    ring("ring-mask-one-never", LM32, ("ROTATING-015",), "A single token needs no mask.",
         members={"make_mask": _one(reached=lambda c, w: False)}),
    ring("ring-mask-one-not-turned", LM31, ("ROTATING-015",), "The mask is in order of time.",
         members={"make_mask": _one(shift=lambda c, index: 0)}),
    ring("ring-mask-one-turned-short", LM32, ("ROTATING-015",),
         "The mask is turned as the buffer was before the token.",
         members={"make_mask": _one(shift=lambda c, index: index)}),
    ring("ring-mask-one-of-the-window", LM31, ("ROTATING-015",),
         "The mask is as long as the window before that is full.",
         members={"make_mask": _one(count=lambda c: c.max_size)}),
    ring("ring-mask-one-of-the-past", LM32, ("ROTATING-015",),
         "The mask has no place for the token to come.",
         members={"make_mask": _one(count=lambda c: min(c.offset, c.max_size))}),
    ring("ring-mask-keep-twice", LM31, ("ROTATING-016",),
         "What is kept turns the mask twice as far.",
         members={"make_mask": _one(shift=lambda c, index: index + 1 + 2 * c.keep)}),
    ring("ring-mask-zero-is-no-window", LM31, ("ROTATING-017",),
         "Window 0 hides nothing from a single token.",
         members={"make_mask": _mask(_zero_is_none)}),
    ring("ring-mask-zero-hides-all", LM32, ("ROTATING-017",),
         "Window 0 hides everything from several tokens.", "mlx-swift-lm",
         members={"make_mask": _mask(_zero_is_zero)}),
    ring("ring-mask-zero-of-the-cache", SWIFT4, ("ROTATING-017",),
         "Window 0 is that of the cache.", "mlx-lm",
         members={"make_mask": _mask(lambda c, n, w, array: trapping(rules.swift_mask)(
             c, n, window_size=w or None if n > 1 else w, return_array=array))}),
    ring("ring-mask-turns-the-buffer", LM31, ("ROTATING-018",),
         "Asking for a mask puts the buffer into order.", members={"make_mask": _mask(_turning)},
         sequence=True),
)  # fmt: skip
