"""Wrong quantized caches: packing, room, counting, taking back, masks, what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.attention import CAUSAL, causal
from reference_impl.errors import MlxOp, Trap
from reference_impl.quantized import rules
from reference_impl.tokens import first, joined
from tools.mutants.masking import array_for_one, counting, mask, no_window, of_the_chunk
from tools.mutants.plain import (  # fmt: skip
    LM31,
    LM32,
    RS,
    SWIFT3,
    SWIFT4,
    UPDATE,
    like,
    no_tokens_refused,
)

quantized = partial(Mutant, kind="quantized", label="QuantizedKVCache")
_WIDE = 32  # bits of a word


def own(dialect: str) -> Any:
    return cache_classes(dialect)["QuantizedKVCache"]


def changed_parts(c: Any, change: Callable[[mx.array], mx.array]) -> None:
    """The same cache with its parts changed; nothing where there are none."""
    if c.keys is not None:
        c.keys, c.values = rules.each(change, c.keys), rules.each(change, c.values)


def _then(dialect: str, change: Callable[..., Any]) -> Any:
    """The dialect's update, and what `change(cache, found, start)` makes of what it gives."""

    def update(c: Any, keys: Any, values: Any) -> Any:
        start = c.offset
        found = own(dialect).update_and_fetch(c, keys, values)
        return change(c, found, start)

    return update


def _first(dialect: str, change: Callable[[Any, int], None]) -> Any:
    """The dialect's update, after `change(cache, count)`."""

    def update(c: Any, keys: Any, values: Any) -> Any:
        change(c, keys.shape[-2])
        return own(dialect).update_and_fetch(c, keys, values)

    return update


# Packing


def _scales_of_the_first(c: Any, found: Any, start: int) -> Any:
    if start:
        for parts in (c.keys, c.values):
            parts[1][..., start : c.offset, :] = parts[1][..., :1, :]
            parts[2][..., start : c.offset, :] = parts[2][..., :1, :]
    return rules.filled(c)


def _newest_in_front(c: Any, found: Any, start: int) -> Any:
    if start:
        changed_parts(c, lambda part: joined(
            part[..., start : c.offset, :], part[..., :start, :]))  # fmt: skip
    return rules.filled(c)


def _without_the_new(c: Any, found: Any, start: int) -> Any:
    return [rules.each(lambda part: first(part, start), parts) for parts in found]


def _only_the_last_chunk_counts(c: Any, keys: Any, values: Any) -> Any:
    found = rules.append(c, keys, values)
    c.offset = keys.shape[2]
    return found


def _made_with(**parameters: Any) -> Any:
    """A constructor that takes something else than it was told."""

    def construct(c: Any, group_size: Any = 64, bits: Any = 8) -> None:
        c.keys = c.values = None
        c.offset = 0
        c.group_size = parameters.get("group_size", group_size)
        c.bits = parameters.get("bits", bits)

    return construct


def _fewer_bits(c: Any, keys: Any, values: Any) -> Any:
    """Words of whole integers, as mlx-lm counts them."""
    for half in (keys, values):
        whole = half.shape[-1] // (_WIDE // c.bits)
        if whole * _WIDE != half.shape[-1] * c.bits:
            raise MlxOp("room for other words than there are")
    return own(RS).update_and_fetch(c, keys, values)


def _refused_width(c: Any, keys: Any, values: Any) -> Any:
    if _WIDE % c.bits:
        raise Trap("the bits do not divide a word")
    return own(SWIFT4).update_and_fetch(c, keys, values)


def _in_float32(keys: Any, values: Any) -> Any:
    return keys.astype(mx.float32), values.astype(mx.float32)


# Room


def _room_given(c: Any, found: Any, start: int) -> Any:
    return (c.keys, c.values) if c.offset > c.step else found


def _grows_anew(c: Any, count: int) -> None:
    if c.keys is not None and c.offset + count > c.keys[0].shape[2]:
        changed_parts(c, mx.zeros_like)


def _one_step(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is None and keys.shape[2] > c.step:
        keys, values = first(keys, c.step), first(values, c.step)
    return own(SWIFT3).update_and_fetch(c, keys, values)


def _no_tokens_are_one(c: Any, found: Any, start: int) -> Any:
    c.offset += c.offset == start
    return found


# Taking back


def _trim_without_end(c: Any, n: int) -> int:
    c.offset -= n
    return n


def _from_the_front(c: Any, n: int) -> int:
    removed = int(min(c.offset, n))
    if removed > 0:
        changed_parts(c, lambda part: part[..., removed:, :])
    c.offset -= removed
    return removed


def _weights_stay(c: Any, keys: Any, values: Any) -> Any:
    """What was taken back keeps its integers, and gets scales and biases of what comes."""
    start, before = c.offset, None
    if c.keys is not None and start < c.keys[0].shape[2]:
        before = mx.array(c.keys[0][..., start : start + 1, :])
    found = own(LM31).update_and_fetch(c, keys, values)
    if before is not None and before.any():
        c.keys[0][..., start : start + 1, :] = before
        return rules.filled(c)
    return found


def _trimmed_goes_on_behind(c: Any, n: int) -> int:
    removed = own(LM32).trim(c, n)
    c.offset += 1 if removed > 1 else 0
    return int(removed)


# Masks


def _of_all_room(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, max(c.offset, c.step), w),) if array and c.offset else None


def _window_one_more(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, c.offset, w + 1),) if w is not None and n > w else None


def _wide_window_is_none(c: Any, n: Any, w: Any, array: Any) -> Any:
    """An array for a narrow window alone, as mlx-swift-lm has it."""
    return (None if n == 1 else CAUSAL,) if w is not None and n <= w else None


# What does not fit


def _refused_counts(c: Any, keys: Any, values: Any) -> Any:
    try:
        return own(RS).update_and_fetch(c, keys, values)
    except Exception:
        c.offset += 1
        raise


def _cut_to_fit(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is not None and c.offset:
        batch, heads, _, words = c.keys[0].shape
        width = words * (_WIDE // c.bits)
        keys, values = (half[:batch, :heads, :, :width] for half in (keys, values))
    return own(LM31).update_and_fetch(c, keys, values)


def _integers_cast(c: Any, keys: Any, values: Any) -> Any:
    if not mx.issubdtype(keys.dtype, mx.floating):
        keys, values = _in_float32(keys, values)
    return own(LM32).update_and_fetch(c, keys, values)


def _shorter_group(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is None and keys.shape[-1] % c.group_size:
        c.group_size = 32
    return own(RS).update_and_fetch(c, keys, values)


def _seven_is_eight(c: Any, count: int) -> None:
    c.bits = 8 if c.bits == 7 else c.bits


MUTANTS = (
    quantized("quantized-counts-the-last-chunk", LM31, ("QUANTIZED-001",),
              "The offset is that of the last chunk.",
              members={UPDATE: _only_the_last_chunk_counts}),
    quantized("quantized-trims-without-end", LM32, ("QUANTIZED-002",),
              "More tokens are taken back than there are.",
              members={"trim": _trim_without_end}),
    quantized("quantized-trims-nothing", SWIFT4, ("QUANTIZED-002",), "Nothing is taken back.",
              members={"trim": lambda c, n: min(c.offset, n)}),
    quantized("quantized-trims-one-at-least", LM31, ("QUANTIZED-002",),
              "Taking nothing back takes one.",
              members={"trim": lambda c, n: own(LM31).trim(c, n or 1)}),
    quantized("quantized-is-not-trimmable", RS, ("QUANTIZED-002",),
              "A cache without tokens is not trimmable.",
              members={"is_trimmable": lambda c: c.offset > 0}),
    quantized("quantized-single-token-is-causal", LM31, ("QUANTIZED-003",),
              "A single token is causal.",
              members={"make_mask": lambda c, N, **_: CAUSAL}),
    quantized("quantized-without-mask", LM32, ("QUANTIZED-003",), "There is no mask.",
              members={"make_mask": lambda c, N, **_: None}),
    quantized("quantized-mask-for-one", RS, ("QUANTIZED-003",), "A single token has an array.",
              members={"make_mask": mask(own, RS, array_for_one)}),
    quantized("quantized-mask-of-the-chunk", LM31, ("QUANTIZED-003", "QUANTIZED-012"),
              "The mask has no past.", members={"make_mask": mask(own, LM31, of_the_chunk)}),
    quantized("quantized-mask-of-all-room", SWIFT4, ("QUANTIZED-003",),
              "The mask has a column for all the room.",
              members={"make_mask": mask(own, SWIFT4, _of_all_room)}),
    quantized("quantized-first-scale-for-all", LM31, ("QUANTIZED-004",),
              "Tokens of later chunks have the scale and bias of the first token.",
              members={UPDATE: _then(LM31, _scales_of_the_first)}),
    quantized("quantized-newest-in-front", LM32, ("QUANTIZED-004",), "New tokens go in front.",
              members={UPDATE: _then(LM32, _newest_in_front)}),
    quantized("quantized-answers-the-past", SWIFT3, ("QUANTIZED-004",),
              "The answer lacks the new tokens.",
              members={UPDATE: _then(SWIFT3, _without_the_new)}),
    quantized("quantized-keys-for-values", LM31, ("QUANTIZED-004",),
              "Attention gets the keys as values.",
              members={UPDATE: _then(LM31, lambda c, found, start: (found[0], found[0]))}),
    quantized("quantized-biases-before-scales", RS, ("QUANTIZED-004",),
              "Biases stand before scales.",
              members={UPDATE: _then(RS, lambda c, found, start: [
                  (w, biases, scales) for w, scales, biases in found])}),
    quantized("quantized-in-eight-bits", LM31, ("QUANTIZED-005",),
              "Numbers are packed with 8 bits.", members={"__init__": _made_with(bits=8)}),
    quantized("quantized-in-four-bits", RS, ("QUANTIZED-005",), "Numbers are packed with 4 bits.",
              members={"__init__": _made_with(bits=4)}),
    quantized("quantized-in-groups-of-32", LM32, ("QUANTIZED-005",),
              "One scale stands for 32 numbers.", members={"__init__": _made_with(group_size=32)}),
    quantized("quantized-counts-whole-integers", RS, ("QUANTIZED-006",),
              "Room is counted in words of whole integers.", "mlx-lm",
              members={UPDATE: _fewer_bits}),
    quantized("quantized-bits-divide-a-word", SWIFT4, ("QUANTIZED-005", "QUANTIZED-006"),
              "Only widths that divide a word are known.", members={UPDATE: _refused_width}),
    quantized("quantized-values-of-key-width", LM31, ("QUANTIZED-007",),
              "Keys are cut to the width of values.",
              members={UPDATE: like(own, LM31, lambda k, v: (k[..., : v.shape[-1]], v))}),
    quantized("quantized-one-row", SWIFT3, ("QUANTIZED-007",), "One row is kept.",
              members={UPDATE: like(own, SWIFT3, lambda k, v: (k[:1], v[:1]))}),
    quantized("quantized-one-head", RS, ("QUANTIZED-007",), "One head is kept.",
              members={UPDATE: like(own, RS, lambda k, v: (k[:, :1], v[:, :1]))}),
    quantized("quantized-scales-in-float32", LM32, ("QUANTIZED-007",),
              "Scales and biases are float32.",
              members={UPDATE: like(own, LM32, _in_float32)}),
    quantized("quantized-no-tokens-refused", LM31, ("QUANTIZED-008",), "No tokens are an error.",
              members={UPDATE: no_tokens_refused(own, LM31)}),
    quantized("quantized-no-tokens-are-one", SWIFT4, ("QUANTIZED-008",),
              "No tokens count as one.", members={UPDATE: _then(SWIFT4, _no_tokens_are_one)}),
    quantized("quantized-room-is-tokens", LM31, ("QUANTIZED-009",),
              "Beyond one step, free room is given too.",
              members={UPDATE: _then(LM31, _room_given)}),
    quantized("quantized-grows-anew", LM32, ("QUANTIZED-009",),
              "Buffers that grow begin with zeros.", members={UPDATE: _first(LM32, _grows_anew)}),
    quantized("quantized-one-step-at-most", SWIFT3, ("QUANTIZED-009",),
              "A first chunk is cut to a step.", members={UPDATE: _one_step}),
    quantized("quantized-trims-the-front", LM31, ("QUANTIZED-010", "QUANTIZED-002"),
              "The first tokens go.", members={"trim": _from_the_front}),
    quantized("quantized-weights-stay", LM31, ("QUANTIZED-010",),
              "Integers that were taken back are not overwritten.",
              members={UPDATE: _weights_stay}, sequence=True),
    quantized("quantized-trims-one-fewer", LM32, ("QUANTIZED-010",),
              "Of several tokens one stays.", members={"trim": _trimmed_goes_on_behind}),
    quantized("quantized-negative-trim-is-positive", LM31, ("QUANTIZED-011",),
              "A negative count is taken for a positive one.",
              members={"trim": lambda c, n: own(LM31).trim(c, abs(n))}),
    quantized("quantized-negative-trim-is-none", RS, ("QUANTIZED-011",),
              "A negative count takes nothing back, without an error.",
              members={"trim": lambda c, n: own(RS).trim(c, max(n, 0))}),
    quantized("quantized-window-ignored", LM32, ("QUANTIZED-012",), "The window is ignored.",
              members={"make_mask": mask(own, LM32, no_window)}),
    quantized("quantized-window-one-more", SWIFT3, ("QUANTIZED-012",),
              "A window holds one token more.",
              members={"make_mask": mask(own, SWIFT3, _window_one_more)}),
    quantized("quantized-wide-window-is-none", RS, ("QUANTIZED-012",),
              "A window counts for chunks longer than it.", "mlx-swift-lm",
              members={"make_mask": mask(own, RS, _wide_window_is_none)}),
    quantized("quantized-mask-takes-a-token", LM31, ("QUANTIZED-013",),
              "Asking for a mask takes a token back.",
              members={"make_mask": mask(own, LM31, counting)}),
    quantized("quantized-materialize-resets", RS, ("QUANTIZED-013",),
              "Materializing resets the offset.",
              members={"materialize": lambda c: setattr(c, "offset", 0)}),
    quantized("quantized-refused-is-counted", RS, ("QUANTIZED-026",), "Refused tokens are counted.",
              "mlx-lm", members={UPDATE: _refused_counts}),
    quantized("quantized-misfit-cut", LM31, ("QUANTIZED-026",), "What does not fit is cut.",
              members={UPDATE: _cut_to_fit}),
    quantized("quantized-integers-cast", LM32, ("QUANTIZED-026",),
              "Integers become numbers with a point.", members={UPDATE: _integers_cast}),
    quantized("quantized-group-shortened", RS, ("QUANTIZED-026",),
              "A group that the head does not allow becomes 32.", "mlx-swift-lm 3.31.4",
              members={UPDATE: _shorter_group}),
    quantized("quantized-seven-bits-are-eight", LM31, ("QUANTIZED-026",),
              "A width that mlx does not have becomes 8.",
              members={UPDATE: _first(LM31, _seven_is_eight)}),
    quantized("quantized-any-parameters", RS, ("QUANTIZED-026",),
              "Any group size and bits are taken.", "mlx-lm", members={"__init__": _made_with()}),
)  # fmt: skip
