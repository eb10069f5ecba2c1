"""Wrong caches with a window: counting, taking back, what does not fit, windows without room."""

from __future__ import annotations

from typing import Any

from conformance.mutants.alter import keeping
from reference_impl.rotating.cache import RotatingKVCache as Ring
from reference_impl.tokens import after
from tools.mutants.rotating import LM31, LM32, RS, SWIFT3, own, ring
from tools.mutants.shared import at_least_one, no_tokens_refused

# Counting


def _calls(c: Any, keys: Any, values: Any) -> Any:
    before = c.offset
    found = Ring.add_many(c, keys, values)
    c.offset = before + 1 if before else c.offset
    return found


def _stops_at_the_window(c: Any, keys: Any, values: Any) -> Any:
    found = Ring.update_and_fetch(c, keys, values)
    c.offset = min(c.offset, c.max_size)
    return found


def _window_follows(c: Any, keys: Any, values: Any) -> Any:
    found = Ring.add_many(c, keys, values)
    c.max_size = max(c.max_size, keys.shape[2])
    return found


# Taking back


def _from_the_front(c: Any, n: Any) -> Any:
    removed = min(c.offset, n)
    if c.keys is not None and 0 < removed < c.offset:
        c.keys, c.values = after(c.keys, removed), after(c.values, removed)
    c.offset -= removed
    c.index -= removed
    return removed


def _unbounded(c: Any, n: Any) -> Any:
    c.offset -= n
    c.index -= n
    return n


def _all_or_none(c: Any, n: Any) -> Any:
    return Ring.trim(c, n) if n <= c.offset else 0


def _starts_anew(c: Any, n: Any) -> Any:
    if c.offset > c.max_size and n:
        c.keys, c.values, c.offset, c.index = None, None, 0, 0
        return n
    return Ring.trim(c, n)


def _index_wraps(c: Any, n: Any) -> Any:
    removed = Ring.trim(c, n)
    if c.index < 0:
        c.index += c.max_size
    return removed


# What does not fit


def _cut_to_fit(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is not None and keys.shape[3] != c.keys.shape[3]:
        keys = keys[..., : c.keys.shape[3]]
    if c.values is not None and values.shape[3] != c.values.shape[3]:
        values = values[..., : c.values.shape[3]]
    return own(LM32).update_and_fetch(c, keys, values)


def _first_row(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is not None and keys.ndim == len("BHND"):
        keys, values = keys[: c.keys.shape[0]], values[: c.keys.shape[0]]
    return own(LM31).update_and_fetch(c, keys, values)


def _no_tokens_no_cut(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is not None and keys.shape[2] == 0:
        return c.keys, c.values
    return Ring.update_and_fetch(c, keys, values)


def _counted_although_refused(c: Any, keys: Any, values: Any) -> Any:
    c.offset += keys.shape[2] if keys.ndim == len("BHND") else 1
    found = own(RS).update_and_fetch(c, keys, values)
    c.offset -= keys.shape[2]
    return found


# Windows without room


def _sinks_overwritten(c: Any, keys: Any, values: Any) -> Any:
    if c.keep >= c.max_size == c.index:
        c.index = 0
        kept, c.max_size = c.max_size, c.max_size + 1
        try:
            c.keys[..., :1, :], c.values[..., :1, :] = keys, values
            c.offset, c.index = c.offset + 1, 1
        finally:
            c.max_size = kept
        return c.keys, c.values
    return Ring.add_one(c, keys, values)


def _at_least(count: int) -> Any:
    def construct(c: Any, max_size: Any, keep: Any = 0) -> None:
        Ring.__init__(c, max_size, keep)
        c.max_size = max(max_size, count) if max_size else max_size

    return construct


def _zero_is_no_window(c: Any, max_size: Any, keep: Any = 0) -> None:
    Ring.__init__(c, max_size or 1 << 20, keep)


_update = "update_and_fetch"
MUTANTS = (
    ring("ring-offset-stops", LM31, ("ROTATING-008",), "The offset stops at max_size.",
         members={_update: _stops_at_the_window}),
    ring("ring-offset-counts-chunks", LM32, ("ROTATING-001", "ROTATING-008"),
         "A chunk after other tokens counts as one.", members={"add_many": _calls}),
    ring("ring-size-is-offset", LM31, ("ROTATING-008",), "The size is not bounded.",
         members={"size": lambda c: c.offset}),
    ring("ring-size-is-the-buffers", LM32, ("ROTATING-008", "ROTATING-010"),
         "The size is that of the buffer.",
         members={"size": lambda c: 0 if c.keys is None else c.keys.shape[2]}),
    ring("ring-size-one-short", LM31, ("ROTATING-008",), "A full window has a size of one less.",
         members={"size": lambda c: min(c.offset, c.max_size - 1)}),
    ring("ring-trim-at-least-one", LM32, ("ROTATING-010",), "Taking nothing back takes one.",
         members={"trim": lambda c, n: Ring.trim(c, n or 1)}),
    ring("ring-size-is-the-window", LM32, ("ROTATING-008", "ROTATING-022"),
         "The size is max_size from the start.", members={"size": lambda c: c.max_size}),
    ring("ring-window-follows-chunk", LM31, ("ROTATING-008",),
         "A long chunk widens the window.", members={"add_many": _window_follows}),
    ring("ring-keep-widens-the-window", LM32, ("ROTATING-008",),
         "What is kept comes on top of the window.",
         members={"__init__": lambda c, max_size, keep=0: Ring.__init__(c, max_size + keep, keep)}),
    ring("ring-always-trimmable", LM31, ("ROTATING-009",), "A turned window is trimmable.",
         members={"is_trimmable": lambda c: True}),
    ring("ring-trimmable-when-full", LM32, ("ROTATING-009",), "A full window is trimmable.",
         members={"is_trimmable": lambda c: c.offset <= c.max_size}),
    ring("ring-never-trimmable", SWIFT3, ("ROTATING-009",), "No window is trimmable.",
         members={"is_trimmable": lambda c: False}),
    ring("ring-trim-leaves-index", LM31, ("ROTATING-010", "ROTATING-011"),
         "Trimming leaves the index.", members={"trim": keeping("index", Ring.trim)}),
    ring("ring-trim-leaves-offset", LM32, ("ROTATING-010",), "Trimming leaves the offset.",
         members={"trim": keeping("offset", Ring.trim)}),
    ring("ring-trim-says-what-was-asked", LM31, ("ROTATING-010",),
         "More than there is to take back is said to be taken.",
         members={"trim": lambda c, n: max(Ring.trim(c, n), n)}),
    ring("ring-trim-unbounded", LM32, ("ROTATING-010",), "The offset goes below 0.",
         members={"trim": _unbounded}),
    ring("ring-trim-from-the-front", LM31, ("ROTATING-010",), "The first tokens go.",
         members={"trim": _from_the_front}),
    ring("ring-trim-all-or-none", LM32, ("ROTATING-010",),
         "More than there is takes nothing.", members={"trim": _all_or_none}),
    ring("ring-trim-starts-anew", LM31, ("ROTATING-011",),
         "A turned window is emptied by any trim.", members={"trim": _starts_anew}),
    ring("ring-trim-turns-back", RS, ("ROTATING-011",),
         "The index goes round instead of stopping at 0.",
         members={"trim": lambda c, n: _index_wraps(c, n) if n >= 0 else own(RS).trim(c, n)}),
    ring("ring-negative-trim-is-positive", LM31, ("ROTATING-012",),
         "A negative count is taken for a positive one.",
         members={"trim": lambda c, n: Ring.trim(c, abs(n))}),
    ring("ring-negative-trim-is-huge", RS, ("ROTATING-012",),
         "A negative count wraps to a huge one, and takes all.",
         members={"trim": lambda c, n: own(RS).trim(c, n if n >= 0 else n + 2**64)}),
    ring("ring-misfit-cut", LM32, ("ROTATING-020",), "What is too wide is cut.",
         members={_update: _cut_to_fit}),
    ring("ring-misfit-first-row", LM31, ("ROTATING-020",),
         "Of too many rows the first ones are taken.", members={_update: _first_row}),
    ring("ring-refused-is-counted", RS, ("ROTATING-020",), "Refused tokens are counted.",
         members={_update: _counted_although_refused}),
    ring("ring-no-tokens-refused", LM31, ("ROTATING-021",), "No tokens are an error.",
         members={_update: no_tokens_refused(Ring.update_and_fetch)}),
    ring("ring-no-tokens-are-one", LM31, ("ROTATING-021",), "No tokens count as one.",
         members={_update: at_least_one(Ring.update_and_fetch)}),
    ring("ring-no-tokens-cut-nothing", LM31, ("ROTATING-021",),
         "An update with no tokens returns at once.", members={_update: _no_tokens_no_cut}),
    ring("ring-sinks-overwritten-when-full", LM31, ("ROTATING-033",),
         "Where all is kept, the first token is overwritten.",
         members={"add_one": _sinks_overwritten}),
    ring("ring-window-of-two-at-least", LM32, ("ROTATING-034",),
         "A window of one token is one of two.", members={"__init__": _at_least(2)}),
    ring("ring-zero-is-no-window", LM31, ("ROTATING-034",), "A window of 0 is none.",
         members={"__init__": _zero_is_no_window}),
)  # fmt: skip
