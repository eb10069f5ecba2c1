"""Wrong caches with a window: chunks, single tokens, what is kept, room."""

from __future__ import annotations

from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.rotating.cache import RotatingKVCache as Ring
from reference_impl.tokens import after, joined
from reference_impl.tokens import first as head

RS, LM31, LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
SWIFT3, SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"

ring = partial(Mutant, kind="rotating", label="RotatingKVCache")


def own(dialect: str) -> Any:
    """The class of a dialect."""
    return cache_classes(dialect)["RotatingKVCache"]


# Chunks


def _first_chunk_cut(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is None and keys.shape[2] > c.max_size:
        surplus = keys.shape[2] - c.max_size
        c.offset = surplus
        keys, values = after(keys, surplus), after(values, surplus)
    return Ring.add_many(c, keys, values)


def _answer_short(c: Any, keys: Any, values: Any) -> Any:
    new = c.keys is None
    found = Ring.add_many(c, keys, values)
    return (head(keys, -1), head(values, -1)) if new and keys.shape[2] > 1 else found


def _whole_window_before_chunk(c: Any, keys: Any, values: Any) -> Any:
    c.max_size += 1
    try:
        return Ring.add_many(c, keys, values)
    finally:
        c.max_size -= 1


def _chunk_replaces(c: Any, keys: Any, values: Any) -> Any:
    c.keys = c.values = None
    return Ring.add_many(c, keys, values)


def _chunk_is_cut(c: Any, keys: Any, values: Any) -> Any:
    Ring.add_many(c, keys, values)
    c.keys, c.values = after(c.keys, -c.max_size), after(c.values, -c.max_size)
    c.index = c.keys.shape[2]
    return c.keys, c.values


def _as_it_lies(c: Any, array: Any) -> Any:
    return array if c.index < c.offset else head(array, c.index)


def _room_too(c: Any, array: Any) -> Any:
    return array if c.index >= c.offset else Ring.in_order_of_time(c, array)


def _other_way(c: Any, array: Any) -> Any:
    if c.index == array.shape[2] or c.index >= c.offset:
        return Ring.in_order_of_time(c, array)
    return array[..., ::-1, :]


def _sinks_turned(c: Any, array: Any) -> Any:
    if c.index == array.shape[2] or c.index >= c.offset:
        return Ring.in_order_of_time(c, array)
    return joined(after(array, c.index), head(array, c.index))


def _sinks_twice(c: Any, array: Any) -> Any:
    if c.index == array.shape[2] or c.index >= c.offset:
        return Ring.in_order_of_time(c, array)
    return joined(head(array, c.keep), after(array, c.index), head(array, c.index))


# Single tokens


def _wraps_to_front(c: Any, keys: Any, values: Any) -> Any:
    kept, c.keep = c.keep, 0 if c.index == c.max_size else c.keep
    try:
        return Ring.add_one(c, keys, values)
    finally:
        c.keep = kept


def _appended_for_ever(c: Any, keys: Any, values: Any) -> Any:
    return Ring.add_many(c, keys, values) if c.offset >= c.max_size else Ring.add_one(
        c, keys, values
    )  # fmt: skip


def _never_cut(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is not None and c.keys.shape[2] > c.max_size:
        return Ring.add_many(c, keys, values)
    return Ring.add_one(c, keys, values)


def _newest_cut(c: Any, array: Any, surplus: int) -> Any:
    return [array] if surplus <= 0 else [head(array, array.shape[2] - surplus)]


def _index_behind_the_cut(c: Any, keys: Any, values: Any) -> Any:
    cut = c.keys is not None and c.keys.shape[2] > c.max_size
    Ring.add_one(c, keys, values)
    if cut:
        c.index += 1
    return c.after_one()


def _window_of(change: int) -> Any:
    def update(c: Any, keys: Any, values: Any) -> Any:
        c.max_size += change
        try:
            return Ring.add_one(c, keys, values)
        finally:
            c.max_size -= change

    return update


def _older_overwritten(c: Any, keys: Any, values: Any) -> Any:
    if c.index == c.max_size and c.keys is not None and c.keys.shape[2] == c.max_size:
        c.index = c.keep + 1
    return Ring.add_one(c, keys, values)


# Room


def _room_of_zeros(c: Any, keys: Any, values: Any) -> None:
    before = c.keys
    Ring.make_room(c, keys, values)
    if before is not None and c.keys is not before:
        c.keys, c.values = mx.zeros_like(c.keys), mx.zeros_like(c.values)


def _room_like(change: Any) -> Any:
    def make_room(c: Any, keys: Any, values: Any) -> None:
        Ring.make_room(c, *change(keys, values))

    return make_room


def _in_one_shape(c: Any, keys: Any, values: Any) -> Any:
    """Values are cut to the width of keys."""
    return Ring.update_and_fetch(c, keys, values[..., : keys.shape[3]])


def _sizes_anew(c: Any, keys: Any, values: Any) -> Any:
    found = Ring.update_and_fetch(c, keys, values)
    return found[0], found[1] * 1.0 if found[1].dtype == mx.int32 else found[1]


_update = "update_and_fetch"
MUTANTS = (
    ring("ring-first-answer-short", LM31, ("ROTATING-001",),
         "The answer to a first chunk lacks its last token.", members={"add_many": _answer_short}),
    ring("ring-first-chunk-cut", LM31, ("ROTATING-002",),
         "A first chunk that is longer than the window is cut to it.",
         members={"add_many": _first_chunk_cut}),
    ring("ring-whole-window-before-chunk", LM32, ("ROTATING-002",),
         "A chunk finds max_size tokens before itself, one too many.",
         members={"add_many": _whole_window_before_chunk}),
    ring("ring-chunk-replaces", LM31, ("ROTATING-001", "ROTATING-002"),
         "A chunk starts the buffer anew.", members={"add_many": _chunk_replaces}),
    ring("ring-chunk-is-cut", LM32, ("ROTATING-002",),
         "A chunk is cut to the window together with what is before it.",
         members={"add_many": _chunk_is_cut}),
    ring("ring-chunk-behind-the-turned", LM31, ("ROTATING-006",),
         "A chunk goes behind the buffer as it lies.", members={"in_order_of_time": _as_it_lies}),
    ring("ring-room-as-tokens", LM32, ("ROTATING-001", "ROTATING-006", "ROTATING-007"),
         "Free room counts as tokens when a chunk comes.",
         members={"in_order_of_time": _room_too}),
    ring("ring-turned-the-other-way", LM31, ("ROTATING-006",),
         "Order of time is the reverse.", members={"in_order_of_time": _other_way}),
    ring("ring-sinks-turned", LM32, ("ROTATING-004", "ROTATING-006"),
         "What is kept is turned with the rest.", members={"in_order_of_time": _sinks_turned}),
    ring("ring-sinks-twice", SWIFT4, ("ROTATING-004",),
         "What is kept comes twice in order of time.",
         members={"in_order_of_time": _sinks_twice}),
    ring("ring-keep-ignored", LM31, ("ROTATING-004",), "Nothing is kept.",
         members={"without_oldest": lambda c, a, n: [a] if n <= 0 else [after(a, n)],
                  "add_one": _wraps_to_front}),
    ring("ring-wraps-to-the-front", LM32, ("ROTATING-004",),
         "The round begins at place 0, whatever is kept.", members={"add_one": _wraps_to_front}),
    ring("ring-cut-with-the-sinks", RS, ("ROTATING-004",),
         "The oldest tokens go, the kept ones first.",
         members={"without_oldest": lambda c, a, n: [a] if n <= 0 else [after(a, n)]}),
    ring("ring-cut-repeats-sinks", LM31, ("ROTATING-004", "ROTATING-005"),
         "The kept tokens stand in front of what is left, and in it.",
         members={"without_oldest":
                  lambda c, a, n: [a] if n <= 0 else [head(a, c.keep), after(a, n)]}),
    ring("ring-never-turns", LM31, ("ROTATING-003", "ROTATING-004"),
         "Single tokens are appended beyond the window as chunks are.",
         members={"add_one": _appended_for_ever}),
    ring("ring-window-one-too-wide", LM32, ("ROTATING-003", "ROTATING-005"),
         "Single tokens turn when max_size + 1 are there.", members={"add_one": _window_of(1)}),
    ring("ring-window-one-too-narrow", LM31, ("ROTATING-001", "ROTATING-003"),
         "Single tokens turn when max_size - 1 are there.", members={"add_one": _window_of(-1)}),
    ring("ring-wrong-token-overwritten", LM32, ("ROTATING-003",),
         "The round begins at the second oldest token.",
         members={"add_one": _older_overwritten}),
    ring("ring-long-chunk-not-cut", LM32, ("ROTATING-005",),
         "A single token behind a long chunk cuts nothing to max_size.",
         members={"add_one": _never_cut}),
    ring("ring-newest-cut", LM31, ("ROTATING-002", "ROTATING-005"),
         "A long buffer loses its newest tokens.", members={"without_oldest": _newest_cut}),
    ring("ring-index-behind-the-cut", SWIFT3, ("ROTATING-005",),
         "After a cut the next place is one too far.", members={"add_one": _index_behind_the_cut}),
    ring("ring-room-beyond-the-window", LM31, ("ROTATING-001", "ROTATING-007"),
         "Room is a whole step, however small the window.",
         members={"room": lambda c, missing: c.step}),
    ring("ring-room-erases", LM32, ("ROTATING-007",),
         "Making room clears the tokens that there are.", members={"make_room": _room_of_zeros}),
    ring("ring-room-in-float32", LM31, ("ROTATING-019",), "Room is in float32.",
         members={"make_room": _room_like(
             lambda k, v: (k.astype(mx.float32), v.astype(mx.float32)))}),
    ring("ring-room-of-key-width", LM32, ("ROTATING-019",),
         "Room for values has the width of keys.",
         members={"make_room": _room_like(lambda k, v: (k, k))}),
    ring("ring-room-of-one-row", SWIFT4, ("ROTATING-019",), "Room is for a batch of one.",
         members={"make_room": _room_like(lambda k, v: (k[:1], v[:1]))}),
    ring("ring-room-of-one-head", RS, ("ROTATING-019",), "Room is for one head.",
         members={"make_room": _room_like(lambda k, v: (k[:, :1], v[:, :1]))}),
    ring("ring-values-cut", LM31, ("ROTATING-019",), "Values are cut to the width of keys.",
         members={_update: _in_one_shape}),
    ring("ring-halves-widened", LM32, ("ROTATING-019",), "Tokens are kept in float32.",
         members={_update: lambda c, k, v: own(LM32).update_and_fetch(
             c, k.astype(mx.float32), v.astype(mx.float32))}),
    ring("ring-integers-become-floats", LM31, ("ROTATING-019",),
         "Values that are integers come back as floats.", members={_update: _sizes_anew}),
)  # fmt: skip
