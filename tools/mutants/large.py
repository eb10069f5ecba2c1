"""Wrong where rows, slots, axes, numbers or calls are many, and right where they are few."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from conformance.mutants.alter import Rule, altered, becomes, then
from conformance.mutants.mutant import Mutant
from reference_impl.slots.rules import batch, construction, copying, indexing, lengths, masks, state
from reference_impl.traps import trapping
from tools.mutants.shared import once_in

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"

Number = Callable[[int], int]

_IN_A_BYTE: Number = lambda n: n % 256  # noqa: E731
_IN_A_SIGNED_BYTE: Number = lambda n: (n + 128) % 256 - 128  # noqa: E731
_IN_16_BITS: Number = lambda n: n % 65536  # noqa: E731
_MAKE_MASK: dict[str, Rule] = {
    _RS: masks.bounded_padding_else_lengths,
    _LM31: masks.padding_else_lengths,
    _LM32: masks.padding_and_lengths,
}
_BATCH_SIZE: dict[str, Rule] = {_RS: indexing.ranked_batch_size}
_COPY: dict[str, Rule] = {_SWIFT3: copying.copy_compacting}
_STATE: dict[str, Rule] = {_LM31: lambda c: list(c.cache), _LM32: lambda c: list(c.cache)}
_GET: dict[str, Rule] = {_RS: indexing.get_or_none, _SWIFT4: trapping(indexing.trapping_get)}
_SET: dict[str, Rule] = {_RS: indexing.checked_set, _SWIFT4: trapping(indexing.trapping_set)}
_ADVANCE: dict[str, Rule] = {_RS: lengths.advance_checked, _LM31: lengths.advance_in_place}


def _nbytes(cache: Any) -> int:
    return sum(slot.nbytes for slot in cache.cache if slot is not None)


def _capped(most: int) -> Number:
    return lambda n: min(n, most)


def _batch_size(name: str, dialect: str, wrong: str, change: Number) -> Mutant:
    rule = _BATCH_SIZE.get(dialect, indexing.inferred_batch_size)
    return Mutant(f"batch-size-{name}", dialect, ("BATCH-001",), wrong,
                  rules={"batch_size": lambda c: change(rule(c))})  # fmt: skip


def _filter(name: str, dialect: str, wrong: str, pick: Rule, about: str = "BATCHOP-001") -> Mutant:
    """filter that takes `pick(slot, list of indices)` of each written slot."""

    def chosen(rows: Any, indices: Any) -> Any:
        return None if rows is None else pick(rows, mx.array(indices, mx.int32).tolist())

    rule = altered(batch.filter_all_by_int32 if dialect == _SWIFT4 else batch.filter_all,
                   **{} if dialect == _SWIFT4 else {"pick_rows": chosen})  # fmt: skip
    if dialect == _SWIFT4:
        right = altered(batch.filter_all, pick_rows=chosen)
        rule = trapping(altered(batch.filter_all_by_int32, filter_all=right))
    return Mutant(f"filter-{name}", dialect, (about,), wrong, rules={"filter": rule})


def _named(change: Number) -> Rule:
    """Rows whose numbers are taken wrongly."""
    return lambda rows, indices: rows[mx.array([change(i) for i in indices], mx.int32)]


def _first(count: int) -> Rule:
    """No more rows than that."""
    return lambda rows, indices: rows[mx.array(indices[:count], mx.int32)]


def _then(change: Rule) -> Rule:
    """The right rows, changed."""
    return lambda rows, indices: change(rows[mx.array(indices, mx.int32)])


def _as(before: mx.Dtype, after: mx.Dtype, back: bool = False) -> Rule:
    """A tensor of one dtype through another one, or as such a one."""

    def change(tensor: Any) -> Any:
        if tensor.dtype != before:
            return tensor
        other = tensor.astype(after)
        return other.astype(before) if back else other

    return change


def _in_four_axes(tensor: Any) -> Any:
    return tensor if tensor.ndim <= 4 else tensor.reshape(*tensor.shape[:3], -1)


def _extend(name: str, dialect: str, wrong: str, place: Number) -> Mutant:
    """extend that puts the other side's rows behind `place(rows)` of the cache's own."""

    class Joining:
        zeros = mx.zeros

        @staticmethod
        def concatenate(pair: Any) -> Any:
            ours, theirs = pair
            at = place(ours.shape[0])
            return mx.concatenate([ours[:at], theirs, ours[at:]])

    rule = altered(batch.extend_zero_filled, mx=Joining)
    return Mutant(f"extend-{name}", dialect, ("BATCHOP-009",), wrong,
                  rules={"extend": trapping(rule) if dialect == _SWIFT4 else rule})  # fmt: skip


def _extract(name: str, dialect: str, wrong: str, change: Number) -> Mutant:
    return Mutant(f"extract-{name}", dialect, ("BATCHOP-020",), wrong,
                  members={"extract": lambda c, idx: batch.extract_row(c, change(idx))})


def _by_text(slots: list[Any]) -> list[Any]:
    return [slots[i] for i in sorted(range(len(slots)), key=str)]


def _state(name: str, dialect: str, wrong: str, change: Rule) -> Mutant:
    """State whose list of slots is `change(slots)`."""
    rule = _STATE.get(dialect, state.compacted)

    def read(cache: Any) -> Any:
        slots = change(rule(cache))
        return (slots, cache.left_padding, cache.lengths) if dialect == _LM32 else slots

    return Mutant(f"state-{name}", dialect, ("STATE-002",), wrong, rules={"read_state": read})


def _copy(name: str, dialect: str, wrong: str, change: Rule, about: str = "COPY-001") -> Mutant:
    """A copy whose list of slots is `change(slots of the copy, those of the original)`."""
    rule = _COPY.get(dialect, copying.copy_everything)

    def twin(cache: Any) -> Any:
        made = rule(cache)
        made.cache = change(made.cache, cache.cache)
        return made

    return Mutant(f"copy-{name}", dialect, (about,), wrong, rules={"copy": twin})


def _each(change: Rule) -> Rule:
    return lambda slots, _: [None if slot is None else change(slot) for slot in slots]


def _shared(ranks: set[int]) -> Rule:
    return lambda slots, own: [
        b if b is not None and b.ndim in ranks else a for a, b in zip(slots, own, strict=True)
    ]


def _indexed(rule: Rule, change: Number) -> Rule:
    def indexed(cache: Any, index: int, *value: Any) -> Any:
        return rule(cache, change(index), *value)

    return indexed  # a function, so that it becomes a method


def _index(name: str, dialect: str, wrong: str, which: str, change: Number) -> Mutant:
    rule = (_GET if which == "get" else _SET).get(
        dialect, indexing.list_get if which == "get" else indexing.list_set)  # fmt: skip
    return Mutant(f"{which}-index-{name}", dialect, ("INDEX-010",), wrong,
                  rules={which: _indexed(rule, change)})  # fmt: skip


def _mask(rows: str, name: str, dialect: str, wrong: str, change: Number) -> Mutant:
    """A mask by left padding or lengths that are taken wrongly."""
    rule = _MAKE_MASK[dialect]

    def make_mask(cache: Any, n: int) -> Any:
        before = getattr(cache, rows)
        try:
            if before is not None:
                setattr(cache, rows, mx.array([change(v) for v in before.tolist()], mx.int32))
            return rule(cache, n)
        finally:
            setattr(cache, rows, before)

    what, about = ("padding", "MASK-002") if rows == "left_padding" else ("length", "MASK-003")
    return Mutant(f"mask-{what}-{name}", dialect, (about,), wrong, rules={"make_mask": make_mask})


_NARROW: tuple[tuple[str, str, Number], ...] = (
    ("capped-at-64", "{} beyond 64 is 64.", _capped(64)),
    ("capped-at-128", "{} beyond 128 is 128.", _capped(128)),
    ("capped-at-255", "{} beyond 255 is 255.", _capped(255)),
    ("capped-at-299", "{} beyond 299 is 299.", _capped(299)),
    ("in-a-byte", "{} is kept in a byte.", _IN_A_BYTE),
    ("in-a-signed-byte", "{} is kept in a signed byte.", _IN_A_SIGNED_BYTE),
    ("in-16-bits", "{} is kept in 16 bits.", _IN_16_BITS),
)


def _narrow_masks() -> list[Mutant]:
    """Left padding's numbers taken wrongly where the change has to show: lower is True sooner."""
    made = []
    for at, (name, wrong, change) in enumerate(_NARROW):
        dialect = (_RS, _LM31, _LM32)[at % 3]
        for rows, what in (("left_padding", "A left padding"), ("lengths", "A length")):
            made.append(_mask(rows, name, dialect, wrong.format(what), change))
    return made


def _padding_of(most: int) -> dict[str, Any]:
    """Left padding of more sequences than that is cut."""
    return {"construct": lambda c, size, left_padding=None: construction.construct_in_rust(
        c, size, left_padding and left_padding[:most])}  # fmt: skip


MUTANTS = (
    _batch_size("capped-at-100", _RS, "More than 100 rows count as 100.", _capped(100)),
    _batch_size("capped-at-127", _LM31, "More than 127 rows count as 127.", _capped(127)),
    _batch_size("capped-at-128", _LM32, "More than 128 rows count as 128.", _capped(128)),
    _batch_size("capped-at-255", _SWIFT4, "More than 255 rows count as 255.", _capped(255)),
    _batch_size("capped-at-256", _RS, "More than 256 rows count as 256.", _capped(256)),
    _batch_size("in-a-byte", _LM31, "Rows are counted in a byte.", _IN_A_BYTE),
    _batch_size("in-a-signed-byte", _RS, "Rows are counted in a signed byte.", _IN_A_SIGNED_BYTE),
    _batch_size("in-16-bits", _LM32, "Rows are counted in 16 bits.", _IN_16_BITS),
    _batch_size("capped-at-65535", _SWIFT4, "More rows than 65535 are 65535.", _capped(65535)),
    # filter
    _filter("index-in-a-byte", _LM31, "A row number is a byte.",
            _named(lambda i: i % 256 if i >= 0 else i)),
    _filter("index-in-a-signed-byte", _LM32, "A row number is a signed byte.",
            _named(_IN_A_SIGNED_BYTE)),
    _filter("index-capped-at-255", _SWIFT4, "Rows beyond 255 are row 255.", _named(_capped(255))),
    _filter("index-capped-at-127", _LM31, "Rows beyond 127 are row 127.", _named(_capped(127))),
    _filter("negative-index-capped", _LM32, "A row before -128 is row -128.",
            _named(lambda i: max(i, -128))),
    _filter("of-255-indices", _LM31, "Indices beyond the 255th are dropped.", _first(255)),
    _filter("of-128-indices", _LM32, "Indices beyond the 128th are dropped.", _first(128)),
    _filter("of-256-indices", _SWIFT4, "Indices beyond the 256th are dropped.", _first(256)),
    _filter("in-four-axes", _LM32, "Rows of more than four axes come in four.",
            _then(_in_four_axes)),
    _filter("of-one-axis-adds-one", _LM31, "A slot of one axis gets a second one.",
            _then(lambda t: t[:, None] if t.ndim == 1 else t)),
    _filter("bool-as-uint8", _LM32, "Rows of bool come back as uint8.",
            _then(_as(mx.bool_, mx.uint8))),
    _filter("uint64-as-int64", _SWIFT4, "Rows of uint64 come back as int64.",
            _then(_as(mx.uint64, mx.int64))),
    _filter("int8-widened", _LM31, "Rows of int8 come back as int32.",
            _then(_as(mx.int8, mx.int32))),
    _filter("uint16-widened", _LM32, "Rows of uint16 come back as uint32.",
            _then(_as(mx.uint16, mx.uint32))),
    # extend and extract
    _extend("in-a-byte", _LM31, "Where the other rows go is counted in a byte.", _IN_A_BYTE),
    _extend("in-7-bits", _LM32, "Where the other rows go is counted in 7 bits.", lambda n: n % 128),
    _extend("behind-255", _SWIFT4, "The other rows go behind the 255th.", _capped(255)),
    _extend("behind-256", _LM32, "The other rows go behind the 256th.", _capped(256)),
    _extract("in-a-byte", _LM31, "The row number is a byte.", _IN_A_BYTE),
    _extract("in-7-bits", _LM32, "The row number has 7 bits.", lambda n: n % 128),
    _extract("capped-at-255", _LM31, "Rows beyond 255 are row 255.", _capped(255)),
    _extract("capped-at-127", _LM32, "Rows beyond 127 are row 127.", _capped(127)),
    # many slots
    _state("by-text", _RS, "Slot 10 comes before slot 2.", _by_text),
    _state("by-text-in-mlx-lm", _LM31, "Slot 10 comes before slot 2.", _by_text),
    _state("by-text-with-rows", _LM32, "Slot 10 comes before slot 2.", _by_text),
    _state("by-text-in-swift", _SWIFT4, "Slot 10 comes before slot 2.", _by_text),
    _state("of-ten-slots", _RS, "State has ten slots at most.", lambda slots: slots[:10]),
    _state("of-eight-slots", _SWIFT3, "State has eight slots at most.", lambda slots: slots[:8]),
    _index("has-one-digit", _RS, "A slot number has one digit.", "set", lambda i: i % 10),
    _index("has-two-digits", _LM31, "A slot number has two digits.", "set", lambda i: i % 100),
    _index("in-a-byte", _SWIFT4, "A slot number is a byte.", "set", _IN_A_BYTE),
    _index("capped-at-255", _RS, "Slots beyond 255 are slot 255.", "get", _capped(255)),
    _index("has-7-bits", _RS, "A slot number has 7 bits.", "get", lambda i: i % 128),
    # copies
    _copy("of-eight-slots", _RS, "Slots from the ninth on are unset in a copy.",
          lambda slots, _: [*slots[:8], *[None] * len(slots[8:])]),
    _copy("of-ten-slots", _RS, "A copy has ten slots at most.", lambda slots, _: slots[:10]),
    _copy("by-text", _SWIFT4, "Slots are copied in the order of their numbers as text.",
          lambda slots, _: _by_text(slots)),
    _copy("in-four-axes", _RS, "A copy of more than four axes has four.", _each(_in_four_axes)),
    _copy("in-four-axes-in-swift", _SWIFT3, "A copy of more than four axes has four.",
          _each(_in_four_axes)),
    _copy("int32-through-float32", _SWIFT3, "int32 is copied over float32.",
          _each(_as(mx.int32, mx.float32, back=True))),
    _copy("uint32-through-float32", _SWIFT4, "uint32 is copied over float32.",
          _each(_as(mx.uint32, mx.float32, back=True))),
    _copy("uint64-as-int64", _RS, "uint64 is copied as int64.", _each(_as(mx.uint64, mx.int64))),
    _copy("bool-as-uint8", _SWIFT4, "bool is copied as uint8.", _each(_as(mx.bool_, mx.uint8))),
    _copy("int8-as-uint8", _SWIFT4, "int8 is copied as uint8.", _each(_as(mx.int8, mx.uint8))),
    _copy("int16-as-uint16", _RS, "int16 is copied as uint16.", _each(_as(mx.int16, mx.uint16))),
    _copy("uint16-widened", _RS, "uint16 is copied as int32.", _each(_as(mx.uint16, mx.int32))),
    _copy("shares-scalars", _RS, "Copy and original share tensors without axes.", _shared({0}),
          "COPY-003"),
    _copy("shares-rows", _RS, "Copy and original share tensors of one axis.", _shared({1}),
          "COPY-003"),
    _copy("shares-small-ranks", _RS, "They share tensors of one axis or none.", _shared({0, 1}),
          "COPY-003"),
    # left padding and lengths
    *_narrow_masks(),
    Mutant("mask-of-255-rows", _RS, ("MASK-002",), "A mask has 255 rows at most.",
           rules={"make_mask": lambda c, n: None if (mask := _MAKE_MASK[_RS](c, n)) is None
                  else mask[:255]}),
    Mutant("padding-of-128-sequences", _RS, ("MASK-002",), "Left padding has 128 rows at most.",
           rules=_padding_of(128)),
    Mutant("advance-in-16-bits", _RS, ("SEQ-005",), "Tokens are counted in 16 bits.",
           rules={"advance": lambda c, n: lengths.advance_checked(c, n if n >= 2**31 else n % 65536)
                  }),
    Mutant("advance-capped-at-65535", _LM31, ("SEQ-005",), "More tokens than 65535 are 65535.",
           rules={"advance": lambda c, N: lengths.advance_in_place(
               c, N if abs(N) >= 2**31 else min(N, 65535))}),
    # what a cache says of itself
    Mutant("nbytes-in-16-bits", _RS, ("IDENT-007",), "Bytes are counted in 16 bits.",
           members={"nbytes": property(lambda c: sum(
               v.itemsize * math.prod(v.shape) for v in state.compacted(c)) % 65536)}),
    Mutant("materialize-drops-empty-tensors", _RS, ("IDENT-010",),
           "Computing a slot without elements unsets it.", members={"materialize": then(
               lambda c: None, becomes("cache", lambda c: [
                   None if v is None or not v.size else v for v in c.cache]))}),
    # once in so many calls
    Mutant("batch-size-wrong-once-in-50", _RS, ("BATCH-006",), "Every 50th answer is one more.",
           rules={"batch_size": once_in(50, indexing.ranked_batch_size,
                                         lambda c: indexing.ranked_batch_size(c) + 1)}),
    Mutant("nbytes-wrong-once-in-50", _RS, ("IDENT-007",), "Every 50th answer is one more.",
           members={"nbytes": property(once_in(50, _nbytes, lambda c: _nbytes(c) + 1))}),
    Mutant("get-wrong-once-in-50", _RS, ("INDEX-002",), "Every 50th slot read is unset.",
           rules={"get": once_in(50, indexing.get_or_none, lambda c, i: None)}),
    Mutant("mask-wrong-once-in-50", _LM31, ("MASK-009",), "Every 50th mask is none.",
           rules={"make_mask": once_in(50, masks.padding_else_lengths, lambda c, n: None)}),
    Mutant("mask-wrong-once-in-32", _RS, ("MASK-009",), "Every 32nd mask is none.",
           rules={"make_mask": once_in(32, _MAKE_MASK[_RS], lambda c, n: None)}),
    Mutant("advance-wrong-once-in-50", _RS, ("SEQ-005",), "Every 50th token is not counted.",
           rules={"advance": once_in(50, lengths.advance_checked, lambda c, n: None)}),
    Mutant("advance-wrong-once-in-32", _LM31, ("SEQ-005",), "Every 32nd token is not counted.",
           rules={"advance": once_in(32, lengths.advance_in_place, lambda c, n: None)}),
)  # fmt: skip
