"""Wrong masks, lengths and left padding."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from conformance.mutants.alter import altered, forget, then
from conformance.mutants.catalogue import demonstration
from conformance.mutants.mutant import Mutant
from reference_impl.errors import Trap
from reference_impl.slots.rules import lengths, masks
from reference_impl.slots.rules.lengths import prepare_int32
from reference_impl.traps import trapping

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
_LM = "https://github.com/ml-explore/mlx-lm/pull"
_SWIFT = "https://github.com/ml-explore/mlx-swift-lm/pull"

Relation = Callable[[Any, Any], Any]


def _mask(
    padding: Relation = operator.ge, within: Relation = operator.lt, lengths_first: bool = False
) -> dict[str, Any]:
    """mlxrs's mask made with other relations, or with the other precedence."""

    def make_mask(cache: Any, n: int) -> Any:
        sides = [(cache.left_padding, padding), (cache.lengths, within)]
        for rows, relation in reversed(sides) if lengths_first else sides:
            if rows is not None:
                return relation(mx.arange(n), rows[:, None])
        return None

    return {"make_mask": altered(masks.bounded_padding_else_lengths,
                                 padding_else_lengths=make_mask)}  # fmt: skip


def _masked(change: Any) -> dict[str, Any]:
    """mlxrs's mask, changed afterwards; `change` sees cache, n and the mask."""

    def make_mask(cache: Any, n: int) -> Any:
        return change(cache, n, masks.bounded_padding_else_lengths(cache, n))

    return {"make_mask": make_mask}


def _either(cache: Any, n: int) -> Any:
    mask = masks.padding_and_lengths(cache, n)
    if cache.left_padding is None or cache.lengths is None:
        return mask
    positions = mx.arange(n)
    return (positions >= cache.left_padding[:, None]) | (positions < cache.lengths[:, None])


def _mask_as_floats(cache: Any, n: int) -> Any:
    mask = masks.padding_else_lengths(cache, n)
    return None if mask is None else mask.astype(mx.float32)


def _mask_for_heads(cache: Any, n: int) -> Any:
    mask = masks.positions_then_padding_else_lengths(cache, n)
    return None if mask is None else mask[:, None]


def _until_first_write(cache: Any, n: int) -> Any:
    mask = masks.positions_then_padding_else_lengths(cache, n)
    return None if cache.cache and cache.cache[0] is not None else mask


def _mask_moves_on(cache: Any, n: int, mask: Any) -> Any:
    lengths.advance_replacing(cache, n)
    return mask


def _counted(change: Any) -> dict[str, Any]:
    """mlxrs's advance with another way to take `n` off a row vector."""

    def advance(cache: Any, n: int) -> None:
        for name in ("lengths", "left_padding"):
            if (rows := getattr(cache, name)) is not None:
                setattr(cache, name, change(rows, n))

    return {"advance": altered(lengths.advance_checked, count_down=advance)}


def _through_float32(cache: Any) -> None:
    for name in ("lengths", "left_padding"):
        if (rows := getattr(cache, name)) is not None:
            setattr(cache, name, rows.astype(mx.float32).astype(mx.int32))


def _one_side_only(name: str) -> Any:
    def advance(cache: Any, n: int) -> None:
        if (rows := getattr(cache, name)) is not None:
            setattr(cache, name, rows - n)

    return advance


def _wide(rows: Any) -> Any:
    return rows.astype(mx.int64)


def _half_counted(cache: Any, n: int) -> None:
    if cache.lengths is not None:
        cache.lengths = mx.array([(v - n + 2**31) % 2**32 - 2**31 for v in cache.lengths.tolist()])
    lengths.advance_checked(cache, n)


def _prepare_adding(cache: Any, lengths: Any) -> None:
    before = 0 if cache.lengths is None else cache.lengths
    prepare_int32(cache, lengths)
    cache.lengths = cache.lengths + before


def _advance_counting(cache: Any, n: int) -> None:
    cache._seen = n + vars(cache).get("_seen", 0)
    lengths.advance_in_place(cache, n)


def _wrapped_at_int16(cache: Any) -> None:
    for name in ("lengths", "left_padding"):
        if (rows := getattr(cache, name)) is not None:
            setattr(cache, name, rows.astype(mx.int16).astype(mx.int32))


def _checked_when_unset(cache: Any, n: int) -> None:
    if n >= 2**31:
        raise Trap("more tokens than Int32 holds")
    lengths.advance_replacing(cache, n)


def _emptied(cache: Any) -> None:
    cache.cache = [None] * len(cache.cache)
    cache.lengths = cache.left_padding = None


def _without(name: str) -> Any:
    """finalize that leaves one thing out."""
    return lambda cache: setattr(cache, name, None)


MUTANTS = (
    # masks
    Mutant("mask-without-rows-is-true", _RS, ("MASK-001",), "Without padding the mask is all True.",
           rules=_masked(lambda c, n, mask: mx.ones((c.batch_size, n), mx.bool_)
                         if mask is None else mask)),
    Mutant("mask-padding-off-by-one", _RS, ("MASK-002",), "`>` for `>=` at the left padding.",
           rules=_mask(padding=operator.gt)),
    demonstration("mask-inverted"),
    Mutant("mask-of-floats", _LM31, ("MASK-002",), "The mask is float32.",
           rules={"make_mask": _mask_as_floats}),
    Mutant("mask-with-an-axis-more", _SWIFT4, ("MASK-002",), "The mask has an axis for heads.",
           rules={"make_mask": trapping(_mask_for_heads)}),
    Mutant("mask-of-the-first-sequence", _RS, ("MASK-002",), "Every row has the mask of the first.",
           rules=_mask(padding=lambda p, rows: mx.broadcast_to(p >= rows[:1],
                                                               (len(rows), p.size)))),
    Mutant("mask-lengths-off-by-one", _RS, ("MASK-003",), "`<=` for `<` at the lengths.",
           rules=_mask(within=operator.le)),
    Mutant("mask-ignores-lengths", _LM31, ("MASK-003",), "Lengths make no mask.",
           "mlx-swift-lm 3.31.3, older copies of it",
           rules={"make_mask": lambda c, n: None if c.left_padding is None
                  else masks.padding_else_lengths(c, n)}),
    Mutant("mask-lengths-first", _RS, ("MASK-004",), "Lengths win over left padding.",
           "proposed for mlx-swift-lm", f"{_SWIFT}/264", rules=_mask(lengths_first=True)),
    demonstration("mask-padding-only"),
    Mutant("mask-either", _LM32, ("MASK-004",), "`or` for `and` of the two conditions.",
           rules={"make_mask": _either}),
    Mutant("mask-until-first-write", _SWIFT4, ("MASK-005", "REGR-013"),
           "No mask once slot 0 is written.",
           "mlx-swift-lm 3.31.3, osaurus, ekryski, afm", f"{_SWIFT}/323",
           rules={"make_mask": trapping(_until_first_write)}),
    Mutant("mask-of-no-tokens-is-none", _RS, ("MASK-006",), "A chunk of no tokens has no mask.",
           rules=_masked(lambda c, n, mask: mask if n else None)),
    Mutant("mask-of-one-token-is-none", _RS, ("MASK-006",),
           "A single token is decoded without a mask.", rules=_masked(
               lambda c, n, mask: mask if n != 1 else None)),
    Mutant("mask-of-absolute-padding", _RS, ("MASK-007",), "A padding below zero masks again.",
           rules=_mask(padding=lambda p, rows: p >= mx.abs(rows))),
    Mutant("mask-of-unsigned-lengths", _RS, ("MASK-007",), "A length below zero is a large one.",
           rules=_mask(within=lambda p, rows: p < rows.astype(mx.uint32))),
    Mutant("mask-of-no-rows-is-none", _RS, ("MASK-008",), "Padding of no sequences makes no mask.",
           rules=_masked(lambda c, n, mask: mask if mask is not None and mask.shape[0] else None)),
    Mutant("mask-moves-on", _RS, ("MASK-009",), "Making a mask counts the tokens down as well.",
           rules=_masked(_mask_moves_on)),
    Mutant("mask-needs-slots", _RS, ("MASK-010",), "A cache without slots has no mask.",
           rules=_masked(lambda c, n, mask: mask if c.cache else None)),
    Mutant("mask-without-slots-is-none", _SWIFT3, ("MASK-010",),
           "Without slots there is no mask, and no trap.",
           rules={"make_mask": lambda c, n: masks.padding_until_first_slot(c, n)
                  if c.cache else None}),
    Mutant("mask-cut-at-2-to-the-24", _RS, ("MASK-011",), "A longer mask is cut at 2^24 positions.",
           rules={"make_mask": lambda c, n: masks.bounded_padding_else_lengths(
               c, min(n, 1 << 24))}),
    Mutant("mask-limit-off-by-one", _RS, ("MASK-011",), "`>=` for `>` at the limit of 2^24.",
           rules={"make_mask": altered(masks.bounded_padding_else_lengths,
                                       MAX_POSITIONS=masks.MAX_POSITIONS - 1)}),
    Mutant("mask-positions-are-float32", _LM31, ("MASK-011",),
           "Positions are counted in float32, which lack every other number from 2^24 on.",
           rules={"make_mask": lambda c, n: masks.padding_else_lengths(
               c, mx.array(n).astype(mx.float32).astype(mx.int32).item()
               if 0 <= n < 2**31 else n)}),
    Mutant("mask-counts-first", _RS, ("MASK-012",),
           "Positions are counted before it is known whether there is padding.", "mlx-lm 0.32",
           rules={"make_mask": lambda c, n: mx.arange(n) if n > 2**31 - 1
                  else masks.bounded_padding_else_lengths(c, n)}),
    Mutant("mask-negative-refused", _LM31, ("MASK-013",), "A negative number of tokens is refused.",
           rules={"make_mask": lambda c, n: masks.padding_else_lengths(c, n)
                  if n >= 0 else mx.zeros((n,))}),
    Mutant("mask-negative-is-empty", _SWIFT4, ("MASK-013",),
           "A negative number of tokens is a chunk of none.", "mlx-lm",
           rules={"make_mask": trapping(masks.padding_else_lengths)}),
    Mutant("mask-for-each-length", _RS, ("MASK-015",),
           "Left padding of one sequence is stretched to as many as there are lengths.",
           rules=_masked(lambda c, n, mask: mask if mask is None or c.lengths is None
                         else mx.broadcast_to(mask, (c.lengths.size, n)))),
    # lengths and left padding
    Mutant("prepare-adds", _RS, ("SEQ-001",), "Lengths are added to those set before.",
           "jjang-ai/vmlx adds left padding", rules={"prepare": _prepare_adding}),
    Mutant("prepare-clears-padding", _LM31, ("SEQ-001",), "Setting lengths forgets left padding.",
           rules={"prepare": then(lengths.prepare_any, forget("left_padding"))}),
    Mutant("prepare-once", _RS, ("SEQ-001",), "Lengths that are set stay.",
           rules={"prepare": lambda c, lengths: prepare_int32(c, lengths)
                  if c.lengths is None else None}),
    Mutant("prepare-is-float32", _LM31, ("SEQ-001",), "Lengths are float32.",
           rules={"prepare": lambda c, lengths=None, **_: setattr(
               c, "lengths", mx.array(lengths).astype(mx.float32))}),
    Mutant("prepare-nothing-clears", _RS, ("SEQ-002",), "No lengths are unset lengths.",
           rules={"prepare": lambda c, lengths: prepare_int32(c, lengths)
                  if lengths else setattr(c, "lengths", None)}),
    Mutant("prepare-nil-keeps", _SWIFT4, ("SEQ-003",), "prepare(nil) keeps the lengths.",
           rules={"prepare": lambda c, lengths=None: None if lengths is None
                  else setattr(c, "lengths", mx.array(lengths))}),
    Mutant("finalize-keeps-padding", _RS, ("SEQ-004", "REGR-013"),
           "finalize leaves left padding set.",
           members={"finalize": _without("lengths")}),
    Mutant("finalize-keeps-lengths", _LM32, ("SEQ-004",), "finalize leaves lengths set.",
           members={"finalize": _without("left_padding")}),
    Mutant("finalize-empties-slots", _RS, ("SEQ-004",), "finalize empties the slots as well.",
           members={"finalize": _emptied}),
    Mutant("advance-ignores-lengths", _RS, ("SEQ-005", "MASK-014"),
           "advance counts left padding only.",
           rules={"advance": altered(lengths.advance_checked,
                                     count_down=_one_side_only("left_padding"))}),
    Mutant("advance-ignores-padding", _LM31, ("SEQ-005", "MASK-014", "BATCHOP-038"),
           "advance counts lengths only.", rules={"advance": _one_side_only("lengths")}),
    Mutant("advance-by-one", _RS, ("SEQ-005",), "advance counts one, whatever it is given.",
           rules=_counted(lambda rows, n: rows - min(n, 1))),
    Mutant("advance-ends-padding", _RS, ("SEQ-005",), "Padding used up is forgotten.",
           rules={"advance": then(lengths.advance_checked, lambda c: None
                  if c.left_padding is None or (c.left_padding > 0).any().item()
                  else setattr(c, "left_padding", None))}),
    Mutant("advance-stops-at-zero", _RS, ("SEQ-006", "REGR-014"), "Counting down ends at zero.",
           rules=_counted(lambda rows, n: mx.maximum(rows - n, 0))),
    Mutant("advance-saturates", _RS, ("SEQ-006",), "Counting down ends at the end of int32.",
           rules=_counted(lambda rows, n: mx.clip(_wide(rows) - n, -(2**31), 2**31 - 1)
                          .astype(mx.int32))),
    Mutant("advance-wraps-at-int16", _SWIFT4, ("SEQ-006", "REGR-014"),
           "Counting down wraps at int16.",
           rules={"advance": trapping(then(lengths.advance_replacing, _wrapped_at_int16))}),
    Mutant("advance-becomes-int64", _RS, ("SEQ-006",), "Counting down goes on in int64.",
           rules=_counted(lambda rows, n: _wide(rows) - n)),
    Mutant("advance-in-float32", _LM31, ("SEQ-006", "REGR-014"),
           "Counting down goes through float32.",
           rules={"advance": altered(lengths.advance_in_place, compute_rows=_through_float32)}),
    Mutant("advance-truncates", _RS, ("SEQ-007",), "More tokens than i32 holds are cut to i32.",
           rules={"advance": lambda c, n: lengths.advance_checked(c, n % 2**31)}),
    Mutant("advance-half-done", _RS, ("SEQ-007",),
           "Lengths are counted before the number is checked.", rules={"advance": _half_counted}),
    Mutant("advance-checked-when-unset", _SWIFT4, ("SEQ-008",),
           "With nothing to count, the number is checked all the same.", "mlxrs",
           rules={"advance": _checked_when_unset}),
    Mutant("advance-not-backwards", _LM31, ("SEQ-009",), "A negative number is taken for none.",
           rules={"advance": lambda c, n: lengths.advance_in_place(c, max(n, 0))}),
    Mutant("advance-moves-the-size", _LM31, ("SEQ-010", "REGR-019"),
           "advance adds to the size as well.", "expected by scouzi1966/maclocal-api",
           "https://github.com/scouzi1966/maclocal-api/issues/42",
           rules={"advance": _advance_counting, "size": lambda c: vars(c).get("_seen", 0)}),
)  # fmt: skip
