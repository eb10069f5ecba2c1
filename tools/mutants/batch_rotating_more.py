"""Wrong batch caches with a window: tokens, masks, padding, what does not fit."""

from __future__ import annotations

from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.tokens import first as head
from tools.mutants.plain import like, misfit_cut, no_tokens_refused

RS, LM31, LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_RANK = 4

batch = partial(Mutant, kind="batch_rotating", label="BatchRotatingKVCache")


def own(dialect: str) -> Any:
    """The class of a dialect."""
    return cache_classes(dialect)["BatchRotatingKVCache"]


# Tokens


def _padding_blanked(c: Any, keys: Any, values: Any) -> Any:
    found = own(LM31).update_and_fetch(c, keys, values)
    if c.rotated:
        return found
    real = mx.arange(found[0].shape[2]) >= c.left_padding[:, None]
    return tuple(mx.where(real[:, None, :, None], array, 0) for array in found)


def _one_offset_for_all(c: Any, keys: Any, values: Any) -> Any:
    found = own(LM32).update_and_fetch(c, keys, values)
    if not c.left_padding.any():
        c.offset = mx.array(c.written)
    return found


def _offsets_of_255(c: Any, keys: Any, values: Any) -> Any:
    found = own(LM32).update_and_fetch(c, keys, values)
    c.offset = c.offset[mx.minimum(mx.arange(c.offset.size), 255 - 1)]
    return found


def _in_16_bits(c: Any, keys: Any, values: Any) -> Any:
    found = own(LM31).update_and_fetch(c, keys, values)
    c.offset = c.offset.astype(mx.int16).astype(mx.int32)
    return found


def _whole_window_joined(c: Any, keys: Any, values: Any) -> Any:
    c.max_size += 1
    try:
        return own(LM31).add_many(c, keys, values)
    finally:
        c.max_size -= 1


def _as_it_lies(c: Any) -> None:
    c.index = c.keys.shape[2] if c.rotated else c.index
    c.rotated = False


def _padding_stays(c: Any, surplus: int) -> None:
    """What goes is taken for tokens alone."""


def _padding_down_to_none(c: Any, keys: Any, values: Any) -> Any:
    found = own(LM32).add_one(c, keys, values)
    c.left_padding = mx.maximum(c.left_padding, 0)
    return found


def _cut_to_window(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is None:
        surplus = max(keys.shape[2] - c.max_size, 0)
        keys, values = keys[..., surplus:, :], values[..., surplus:, :]
    return own(LM32).add_many(c, keys, values)


def _widened(c: Any, keys: Any, values: Any) -> Any:
    c.max_size = max(c.max_size, keys.shape[2])
    return own(LM31).add_many(c, keys, values)


def _same_dtype_only(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is not None:
        keys, values = keys.astype(c.keys.dtype), values.astype(c.values.dtype)
        if keys.shape[2] > 1 and c.keys.dtype == mx.float32:
            keys = keys.astype(mx.bfloat16)
            c.keys = c.keys.astype(mx.bfloat16)
    return own(LM31).update_and_fetch(c, keys, values)


def _dtype_of_the_token(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is not None:
        c.keys, c.values = c.keys.astype(keys.dtype), c.values.astype(values.dtype)
    return own(LM32).update_and_fetch(c, keys, values)


def _added_to_zeros(keys: Any, values: Any) -> Any:
    return keys + mx.zeros_like(keys), values + mx.zeros_like(values)


def _repeated_to_fit(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is not None and keys.shape[0] < c.keys.shape[0]:
        times = c.keys.shape[0] // keys.shape[0]
        keys, values = mx.repeat(keys, times, 0), mx.repeat(values, times, 0)
    return own(LM31).update_and_fetch(c, keys, values)


def _any_rank(c: Any, keys: Any, values: Any) -> Any:
    if keys.ndim == _RANK - 1 and c.keys is not None:
        keys, values = keys[:, None], values[:, None]
    return own(LM32).update_and_fetch(c, keys, values)


def _longer_cut(c: Any, keys: Any, values: Any) -> Any:
    count = min(keys.shape[-2], values.shape[-2])
    return own(RS).update_and_fetch(c, head(keys, count), head(values, count))


def _refused_counts(c: Any, keys: Any, values: Any) -> Any:
    try:
        return own(RS).update_and_fetch(c, keys, values)
    except Exception:
        c.offset = c.offset + 1
        raise


# Masks


def _mask(change: Any, dialect: str = LM32) -> Any:
    """The mask for what `change` makes of the number of tokens and the window."""

    def make_mask(c: Any, N: Any, window_size: Any = None, return_array: Any = False) -> Any:
        return own(dialect).make_mask(c, *change(c, N, window_size), return_array)

    return make_mask


def _causal_alone(c: Any, N: Any, window_size: Any = None, return_array: Any = False) -> Any:
    plain = not (return_array or window_size or c.left_padding.any()) and not c.rotated
    found = own(LM31).make_mask(c, N, window_size, return_array)
    return "causal" if plain and c.written + N <= c.max_size else found


def _mask_turns(c: Any, N: Any, window_size: Any = None, return_array: Any = False) -> Any:
    found = own(LM32).make_mask(c, N, window_size, return_array)
    if N > 1 and c.rotated:
        c.sort_by_time()
    return found


def _padding_as_it_was(c: Any, N: Any, window_size: Any = None, return_array: Any = False) -> Any:
    padding = c.left_padding
    c.left_padding = padding + max(c.written - c.max_size, 0)
    try:
        return own(LM31).make_mask(c, N, window_size, return_array)
    finally:
        c.left_padding = padding


# Padding, taking back


def _even_without(c: Any, *, left_padding: Any = None, lengths: Any = None,
                  right_padding: Any = None) -> None:  # fmt: skip
    own(LM32).prepare(c, left_padding=left_padding)
    if lengths is not None:
        c.lengths = c.offset + mx.array(lengths) - 1


def _left_replaced(c: Any, *, left_padding: Any = None, **others: Any) -> None:
    if left_padding is not None:
        c.left_padding = mx.array(left_padding)
        c.offset = -c.left_padding
    own(LM31).prepare(c, **others)


def _first_lengths(c: Any, *, lengths: Any = None, right_padding: Any = None,
                   **others: Any) -> None:  # fmt: skip
    if lengths is not None:
        lengths = lengths[: c.offset.size]
    own(LM32).prepare(c, lengths=lengths, right_padding=right_padding, **others)


def _needs_prepare(c: Any) -> None:
    if c.lengths is None:
        raise RuntimeError("prepare comes before finalize")
    own(LM31).finalize(c)


def _turned_again(c: Any) -> None:
    lengths = c.lengths
    own(LM32).finalize(c)
    c.lengths = lengths


def _right_of_a_row(c: Any) -> None:
    shifts = mx.maximum(0, c.offset - c.lengths)
    c.left_padding = c.left_padding + shifts
    c.count_back(shifts)


def _needs_tokens(c: Any, n: Any) -> Any:
    if not c.written:
        raise IndexError("no tokens are left")
    return own(LM31).trim(c, n)


def _window_not_trimmed(c: Any, n: Any) -> Any:
    index = c.index
    removed = own(LM32).trim(c, n)
    c.index = index
    return removed


def _absolute(c: Any, n: Any) -> Any:
    return own(LM31).trim(c, abs(n))


def _turned_starts_anew(c: Any, n: Any) -> Any:
    if c.rotated:
        n = c.written
    return own(RS).trim(c, n)


def _heads_cut(c: Any, other: Any) -> None:
    if c.keys is not None and other.keys is not None:
        heads = c.keys.shape[1]
        other.keys, other.values = other.keys[:, :heads], other.values[:, :heads]
    own(LM31).extend(c, other)


_UPDATE = "update_and_fetch"
MUTANTS = (
    batch("batch-rotating-padding-blanked", LM31, ("BATCHROTATING-001",),
        "An update gives zeros in the place of padding.", members={_UPDATE: _padding_blanked}),
    batch("batch-rotating-one-offset-without-padding", LM32, ("BATCHROTATING-001",),
        "Rows without padding have one offset together.",
        members={_UPDATE: _one_offset_for_all}),
    batch("batch-rotating-offsets-of-255-rows", LM32, ("BATCHROTATING-001",),
        "Rows behind the 255th have the offset of that one.",
        members={_UPDATE: _offsets_of_255}),
    batch("batch-rotating-offset-in-16-bits", LM31, ("BATCHROTATING-001", "BATCHROTATING-002"),
        "Offsets are counted in 16 bits.", members={_UPDATE: _in_16_bits}),
    batch("batch-rotating-whole-window-joined", LM31, ("BATCHROTATING-003",),
        "A chunk is joined to max_size tokens.", members={"add_many": _whole_window_joined}),
    batch("batch-rotating-joined-as-it-lies", LM32, ("BATCHROTATING-003",),
        "A chunk is joined to a window that has turned over as it lies.",
        members={"sort_by_time": _as_it_lies}),
    batch("batch-rotating-padding-stays", LM32, ("BATCHROTATING-003",),
        "Tokens that a chunk pushes out are never padding.",
        members={"count_dropped": _padding_stays}),
    batch("batch-rotating-padding-down-to-none", LM32, ("BATCHROTATING-002",),
        "Padding that was overwritten counts as none, not as less.",
        members={"add_one": _padding_down_to_none}),
    batch("batch-rotating-first-chunk-cut", LM32, ("BATCHROTATING-003",),
        "A first chunk is cut to the window.", members={"add_many": _cut_to_window}),
    batch("batch-rotating-long-chunk-widens", LM31, ("BATCHROTATING-003", "BATCHROTATING-015"),
        "A chunk longer than the window widens it.", members={"add_many": _widened}),
    batch("batch-rotating-no-tokens-refused", LM31, ("BATCHROTATING-016",),
        "No tokens are an error.",
        members={_UPDATE: no_tokens_refused(own, LM31)}),
    batch("batch-rotating-chunk-in-half", LM31, ("BATCHROTATING-017",),
        "A chunk makes half precision of float32.", members={_UPDATE: _same_dtype_only}),
    batch("batch-rotating-dtype-of-the-newest", LM32, ("BATCHROTATING-017",),
        "The buffer takes the dtype of what comes.", members={_UPDATE: _dtype_of_the_token}),
    batch("batch-rotating-added-to-zeros", LM32, ("BATCHROTATING-017",),
        "Tokens are added to a blank buffer, so that minus zero is zero.",
        members={_UPDATE: like(own, LM32, _added_to_zeros)}),
    batch("batch-rotating-one-head", RS, ("BATCHROTATING-017",), "One head is kept.",
        members={_UPDATE: like(own, RS, lambda k, v: (k[:, :1], v[:, :1]))}),
    batch("batch-rotating-misfit-cut", LM31, ("BATCHROTATING-022",), "What does not fit is cut.",
        members={_UPDATE: misfit_cut(own, LM31)}),
    batch("batch-rotating-misfit-repeated", LM31, ("BATCHROTATING-022",),
        "Rows too few are repeated.", members={_UPDATE: _repeated_to_fit}),
    batch("batch-rotating-any-rank", LM32, ("BATCHROTATING-022",), "Heads that lack are made up.",
        members={_UPDATE: _any_rank}),
    batch("batch-rotating-longer-cut", RS, ("BATCHROTATING-022",),
        "Keys and values are cut to the shorter of them.", members={_UPDATE: _longer_cut}),
    batch("batch-rotating-refused-is-counted", RS, ("BATCHROTATING-022",),
        "Refused tokens are counted.",
        members={_UPDATE: _refused_counts}),
    batch("batch-rotating-first-lengths", LM32, ("BATCHROTATING-022",),
        "Lengths of rows that are not there are ignored.", members={"prepare": _first_lengths}),
    batch("batch-rotating-joined-heads-cut", LM31, ("BATCHROTATING-022",),
        "Heads too many of a batch that joins are dropped.", members={"extend": _heads_cut}),
    batch("batch-rotating-mask-ignores-window", LM32, ("BATCHROTATING-004",),
        "The window is ignored.",
        members={"make_mask": _mask(lambda c, n, w: (n, None))}),
    batch("batch-rotating-mask-window-one-wider", LM31, ("BATCHROTATING-004", "BATCHROTATING-005"),
        "A window is one token wider.",
        members={"make_mask": _mask(lambda c, n, w: (n, w and w + 1), LM31)}),
    batch("batch-rotating-mask-of-one-at-least", LM32, ("BATCHROTATING-004",),
        "A mask for no tokens is one for a token.",
        members={"make_mask": _mask(lambda c, n, w: (max(n, 1), w))}),
    batch("batch-rotating-mask-widest", LM31, ("BATCHROTATING-004",),
        "A window beyond that of the cache is that of the cache.",
        members={"make_mask": _mask(lambda c, n, w: (n, min(w or c.max_size, c.max_size)), LM31)}),
    batch("batch-rotating-causal-without-padding", LM31, ("BATCHROTATING-004",),
        "Without padding the mask is \"causal\".", members={"make_mask": _causal_alone}),
    batch("batch-rotating-mask-of-old-padding", LM31, ("BATCHROTATING-004", "BATCHROTATING-005"),
        "Padding that was pushed out is hidden on.", members={"make_mask": _padding_as_it_was}),
    batch("batch-rotating-mask-turns-the-window", LM32, ("BATCHROTATING-018",),
        "A mask for a chunk brings the window in order of time.",
        members={"make_mask": _mask_turns}),
    batch("batch-rotating-lengths-without-padding", LM32, ("BATCHROTATING-006",),
        "Lengths count without right padding too, and end a token early.",
        members={"prepare": _even_without}),
    batch("batch-rotating-left-replaced", LM31, ("BATCHROTATING-007",),
        "Left padding takes the place of what there was, at any time.",
        members={"prepare": _left_replaced}),
    batch("batch-rotating-finalize-needs-prepare", LM31, ("BATCHROTATING-006",),
        "finalize without right padding is an error.", members={"finalize": _needs_prepare}),
    batch("batch-rotating-finalized-again", LM32, ("BATCHROTATING-006",),
        "Lengths stay behind finalize.", members={"finalize": _turned_again}),
    batch("batch-rotating-counted-not-turned", LM32, ("BATCHROTATING-006",),
        "Right padding is counted as left padding, and stays on the right.",
        members={"turn_ended_rows": _right_of_a_row}),
    batch("batch-rotating-trim-none-is-all", LM32, ("BATCHROTATING-008",),
        "Taking nothing back takes all.",
        members={"trim": lambda c, n: own(LM32).trim(c, n or c.written)}),
    batch("batch-rotating-trim-needs-tokens", LM31, ("BATCHROTATING-008",),
        "Taking tokens back from a batch without any is an error.",
        members={"trim": _needs_tokens}),
    batch("batch-rotating-trims-no-index", LM32, ("BATCHROTATING-008",),
        "The index stays when tokens go.",
        members={"trim": _window_not_trimmed}),
    batch("batch-rotating-negative-trim-is-positive", LM31, ("BATCHROTATING-020",),
        "A negative count is taken for a positive one.", members={"trim": _absolute}),
    batch("batch-rotating-turned-trim-is-all", RS, ("BATCHROTATING-020",),
        "A window that has turned over is taken back whole.",
        members={"trim": _turned_starts_anew}),
)  # fmt: skip
