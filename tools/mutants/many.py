"""Wrong where many slots, rows, axes, texts or calls come together in one operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from conformance.mutants.alter import Rule, altered, becomes, then
from conformance.mutants.mutant import Mutant
from reference_impl.slots.rules import (
    batch,
    copying,
    indexing,
    lengths,
    masks,
    metadata,
    state,
)
from reference_impl.traps import trapping
from tools.mutants.shared import once_in

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"

Change = Callable[[Any], Any]


def by_text(slots: list[Any]) -> list[Any]:
    """In the order of their numbers as text."""
    return [slots[i] for i in sorted(range(len(slots)), key=str)]


def through(dtype: mx.Dtype, other: mx.Dtype, back: bool = True) -> Change:
    """A tensor of one dtype by way of another one, or left in that."""

    def change(tensor: Any) -> Any:
        if tensor.dtype != dtype:
            return tensor
        found = tensor.astype(other, stream=mx.cpu)  # the only one with float64
        return found.astype(dtype, stream=mx.cpu) if back else found

    return change


def _in_four_axes(tensor: Any) -> Any:
    return tensor if tensor.ndim <= 4 else tensor.reshape(*tensor.shape[:3], -1)


def _in_an_axis_more(rank: int) -> Change:
    return lambda tensor: tensor[..., None] if tensor.ndim == rank else tensor


def _each(change: Change) -> Change:
    return lambda slots: [None if slot is None else change(slot) for slot in slots]


def _first_ten(slots: list[Any]) -> list[Any]:
    return [*slots[:10], *[None] * len(slots[10:])]


# What goes wrong with the list of slots: name, dialect, words, change.
_Wrong = tuple[str, str, str, Change]
_INT64_OVER_FLOAT32 = _each(through(mx.int64, mx.float32))
_UINT64_OVER_FLOAT64 = _each(through(mx.uint64, mx.float64))
_UINT32_OVER_FLOAT32 = _each(through(mx.uint32, mx.float32))
_BATCHES: tuple[_Wrong, ...] = (
    ("of-ten-slots", _LM31, "Slots from the eleventh on are unset.", _first_ten),
    ("slots-by-text", _LM32, "Slot 10 comes before slot 2.", by_text),
    ("in-four-axes", _LM31, "More than four axes become four.", _each(_in_four_axes)),
    ("one-axis-as-two", _LM32, "A slot of one axis has two.", _each(_in_an_axis_more(1))),
    ("int64-over-float32", _LM31, "int64 goes over float32.", _INT64_OVER_FLOAT32),
    ("uint64-over-float64", _LM32, "uint64 goes over float64.", _UINT64_OVER_FLOAT64),
    ("uint32-over-float32", _LM31, "uint32 goes over float32.", _UINT32_OVER_FLOAT32),
)


def _merging(merge: Callable[[Any, list[Any]], Any]) -> dict[str, Any]:
    return {"merge": classmethod(lambda cls, caches: merge(cls, list(caches)))}


def _merged_then(change: Change) -> dict[str, Any]:
    def merge(cls: Any, caches: list[Any]) -> Any:
        merged = batch.merge_single_rows(cls, caches)
        merged.cache = change(merged.cache)
        return merged

    return _merging(merge)


def _merged_of(change: Change) -> dict[str, Any]:
    return _merging(lambda cls, caches: batch.merge_single_rows(cls, change(caches)))


def _extended_then(change: Change) -> dict[str, Any]:
    def extend(cache: Any, other: Any) -> None:
        batch.extend_zero_filled(cache, other)
        cache.cache = change(cache.cache)

    return {"extend": extend}


def _extracted_then(change: Change) -> dict[str, Any]:
    def extract(cache: Any, idx: Any) -> Any:
        single = batch.extract_row(cache, idx)
        single.cache = change(single.cache)
        return single

    return {"extract": extract}


def _of_batches() -> list[Mutant]:
    """The same faults in each way to make a batch of another one."""
    made = []
    for name, dialect, wrong, change in _BATCHES:
        for what, about, members in (
            ("merge", "BATCHOP-025", _merged_then(change)),
            ("extend", "BATCHOP-009", _extended_then(change)),
            ("extract", "BATCHOP-020", _extracted_then(change)),
        ):
            said = f"{what}: {wrong}"
            made.append(Mutant(f"{what}-{name}", dialect, (about,), said, members=members))
    return made


class _ZerosInAByte:
    """mx of a join whose zeros are counted in a byte."""

    concatenate = mx.concatenate

    @staticmethod
    def zeros(shape: Any, dtype: Any) -> Any:
        # What lacks a row is filled up by the last, so that the join itself does not fail.
        return mx.concatenate([
            mx.zeros((shape[0] % 256, *shape[1:]), dtype),
            mx.ones((shape[0] - shape[0] % 256, *shape[1:]), dtype),
        ])  # fmt: skip


def _extend_by_255(cache: Any, other: Any) -> None:
    twin = copying.copy_everything(other)
    twin.cache = [None if slot is None else slot[:255] for slot in other.cache]
    batch.extend_zero_filled(cache, twin)


def _padding_of_255(rule: Rule) -> Rule:
    """The rule, of left padding and lengths that end with the 255th row, repeated from there on."""

    def cut(rows: Any) -> Any:
        if rows is None or rows.size <= 255:
            return rows
        return mx.concatenate([rows[:255], mx.zeros((rows.size - 255,), rows.dtype)])

    def changed(cache: Any, *args: Any) -> Any:
        cache.left_padding, cache.lengths = cut(cache.left_padding), cut(cache.lengths)
        return rule(cache, *args)

    return changed


def _filter_named(change: Callable[[int], int]) -> Rule:
    def chosen(rows: Any, indices: Any) -> Any:
        return None if rows is None else rows[mx.array([change(i) for i in indices], mx.int32)]

    return altered(batch.filter_all, pick_rows=chosen)


def _filtered_then(change: Change) -> Rule:
    def filtered(cache: Any, batch_indices: Any) -> None:
        batch.filter_all(cache, batch_indices)
        cache.cache = change(cache.cache)

    return filtered


def _copied_then(rule: Rule, change: Callable[[list[Any], list[Any]], list[Any]]) -> Rule:
    def twin(cache: Any) -> Any:
        made = rule(cache)
        made.cache = change(made.cache, cache.cache)
        return made

    return twin


def _copy(name: str, wrong: str, change: Callable[[list[Any], list[Any]], list[Any]],
          about: str = "COPY-001", dialect: str = _RS) -> Mutant:  # fmt: skip
    rule = copying.copy_compacting if dialect == _SWIFT3 else copying.copy_everything
    return Mutant(f"copy-{name}", dialect, (about,), wrong,
                  rules={"copy": _copied_then(rule, change)})  # fmt: skip


def _state_of(name: str, dialect: str, wrong: str, change: Change) -> Mutant:
    def read(cache: Any) -> Any:
        if dialect == _LM32:
            return change(list(cache.cache)), cache.left_padding, cache.lengths
        return change(list(cache.cache) if dialect == _LM31 else state.compacted(cache))

    return Mutant(f"state-{name}", dialect, ("STATE-001",), wrong, rules={"read_state": read})


def _assigned(name: str, dialect: str, wrong: str, change: Change) -> Mutant:
    def write(cache: Any, value: Any) -> None:
        if dialect == _LM32:
            slots, *rows = value
            return state.take_three(cache, (change(list(slots)), *rows))
        taken = change(list(value))
        return (state.take_anything if dialect == _LM31 else state.take_arrays)(cache, taken)

    about = "STATE-006" if dialect == _LM32 else "STATE-004"
    return Mutant(f"assigned-state-{name}", dialect, (about,), wrong, rules={"write_state": write})


def _restored(name: str, dialect: str, wrong: str, change: Callable[[list[str]], list[str]],
              about: tuple[str, ...] = ("RESTORE-003",)) -> Mutant:  # fmt: skip
    """A restore from metadata that is read as `change(texts)`."""

    def restore(cls: Any, own: Any, label: str, value: Any, meta: Any) -> Any:
        return own(label, value, change(meta))

    return Mutant(f"restored-{name}", dialect, about, wrong, restore=restore)


def _at_a_comma(text: str, most: int) -> str:
    """The whole numbers of the first `most` characters."""
    return text if len(text) <= most else text[: most + 1].rpartition(",")[0]


def _meta(name: str, dialect: str, wrong: str, change: Callable[[list[str]], list[str]],
          about: str) -> Mutant:  # fmt: skip
    rule = metadata.slots_padding_and_lengths if dialect == _SWIFT4 else metadata.slots_and_padding
    return Mutant(f"metadata-{name}", dialect, (about,), wrong,
                  rules={"read_meta": lambda cache: change(rule(cache))})  # fmt: skip


def _cut(position: int, most: int) -> Callable[[list[str]], list[str]]:
    return lambda texts: [
        _at_a_comma(text, most) if at == position else text for at, text in enumerate(texts)
    ]


def _listed(most: int) -> Callable[[list[str]], list[str]]:
    """At most so many written slots."""
    return lambda texts: [texts[0], ",".join(texts[1].split(",")[:most]), *texts[2:]]


def _every_50th_lost() -> Callable[..., Any]:
    """Every 50th cache that is made again has its last slot unset."""
    made = 0

    def restore(cls: Any, own: Any, label: str, value: Any, meta: Any) -> Any:
        nonlocal made
        made += 1
        cache = own(label, value, meta)
        if made % 50 == 0 and cache.cache:
            cache.cache = [*cache.cache[:-1], None]
        return cache

    return restore


def _nothing(cache: Any, *_: Any) -> None:
    """An operation that is lost."""


MUTANTS = (
    *_of_batches(),
    *(
        Mutant(f"merge-{name}", dialect, ("BATCHOP-025",), wrong, members=_merged_of(change))
        for name, dialect, wrong, change in (
            ("of-128-caches", _LM31, "Caches beyond the 128th are dropped.", lambda c: c[:128]),
            ("of-255-caches", _LM32, "Caches beyond the 255th are dropped.", lambda c: c[:255]),
            ("of-256-caches", _LM31, "Caches beyond the 256th are dropped.", lambda c: c[:256]),
            ("counts-in-a-byte", _LM32, "Caches are counted in a byte.",
             lambda c: c[:len(c) % 256] if len(c) > 256 else c),
            ("repeats-the-first-100", _LM31, "Behind the 100th cache the first one comes again.",
             lambda c: [c[i % 100] for i in range(len(c))]),
        )
    ),
    # joining
    Mutant("extend-by-255-rows", _LM31, ("BATCHOP-009",), "The other side has 255 rows at most.",
           members={"extend": _extend_by_255}),
    Mutant("extend-zeros-in-a-byte", _LM32, ("BATCHOP-012",), "Zeros are counted in a byte.",
           members={"extend": altered(batch.extend_zero_filled, mx=_ZerosInAByte)}),
    Mutant("extend-padding-of-255", _LM31, ("BATCHOP-013",),
           "Left padding beyond the 255th row is 0 when rows join.",
           members={"extend": _padding_of_255(batch.extend_zero_filled)}),
    Mutant("extend-lost-once-in-50", _LM31, ("BATCHOP-009",), "Every 50th join is lost.",
           members={"extend": once_in(50, batch.extend_zero_filled, _nothing)}),
    Mutant("extract-wrong-once-in-50", _LM32, ("BATCHOP-020",), "Every 50th row is the first.",
           members={"extract": once_in(50, batch.extract_row,
                                       lambda c, idx: batch.extract_row(c, 0))}),
    Mutant("extract-in-16-bits", _LM31, ("BATCHOP-020",), "The row number has 16 bits.",
           members={"extract": lambda c, idx: batch.extract_row(c, idx % 65536)}),
    # filter
    Mutant("filter-index-in-16-bits", _LM31, ("BATCHOP-001",), "A row number has 16 bits.",
           rules={"filter": _filter_named(lambda i: i % 65536 if i >= 0 else i)}),
    Mutant("filter-index-capped-at-65535", _LM32, ("BATCHOP-001",),
           "Rows beyond 65535 are row 65535.",
           rules={"filter": _filter_named(lambda i: min(i, 65535))}),
    Mutant("filter-padding-of-255", _LM32, ("BATCHOP-006",),
           "Left padding and lengths beyond the 255th row are 0.",
           rules={"filter": _padding_of_255(batch.filter_all)}),
    Mutant("filter-lost-once-in-50", _LM31, ("BATCHOP-001",), "Every 50th filter is lost.",
           rules={"filter": once_in(50, batch.filter_all, _nothing)}),
    Mutant("filter-int64-over-float32", _LM32, ("BATCHOP-001",), "int64 goes over float32.",
           rules={"filter": _filtered_then(_INT64_OVER_FLOAT32)}),
    Mutant("filter-uint32-over-float32", _LM31, ("BATCHOP-001",), "uint32 goes over float32.",
           rules={"filter": _filtered_then(_UINT32_OVER_FLOAT32)}),
    Mutant("filter-slots-by-text", _SWIFT4, ("BATCHOP-001",), "Slot 10 comes before slot 2.",
           rules={"filter": trapping(then(batch.filter_all_by_int32, becomes(
               "cache", lambda c: by_text(c.cache))))}),
    # copies
    _copy("int64-over-float32", "int64 is copied over float32.",
          lambda slots, _: _INT64_OVER_FLOAT32(slots)),
    _copy("uint64-over-float64", "uint64 is copied over float64.",
          lambda slots, _: _UINT64_OVER_FLOAT64(slots)),
    _copy("scalars-in-one-axis", "A slot without axes has one in a copy.",
          lambda slots, _: _each(_in_an_axis_more(0))(slots)),
    _copy("rows-in-two-axes", "A slot of one axis has two in a copy.",
          lambda slots, _: _each(_in_an_axis_more(1))(slots), dialect=_SWIFT3),
    _copy("unsets-empty-tensors", "A slot without elements is unset in a copy.",
          lambda slots, _: [None if v is None or not v.size else v for v in slots]),
    _copy("holes-at-the-end", "From ten slots on, holes come last in a copy.",
          lambda slots, _: sorted(slots, key=lambda v: v is None) if len(slots) > 9 else slots),
    _copy("shares-from-the-ninth-slot", "Slots from the ninth on are shared with the original.",
          lambda slots, own: [*slots[:8], *own[8:]], "COPY-003"),
    _copy("shares-six-axes", "Slots of more than four axes are shared with the original.",
          lambda slots, own: [b if b is not None and b.ndim > 4 else a
                              for a, b in zip(slots, own, strict=True)], "COPY-003"),
    Mutant("copy-empty-once-in-50", _RS, ("COPY-001",), "Every 50th copy has no state.",
           rules={"copy": once_in(50, copying.copy_everything, _copied_then(
               copying.copy_everything, lambda slots, _: [None] * len(slots)))}),
    # state
    _state_of("in-four-axes", _RS, "More than four axes are handed out as four.",
              _each(_in_four_axes)),
    _state_of("scalars-in-one-axis", _LM31, "A slot without axes is handed out with one.",
              _each(_in_an_axis_more(0))),
    _state_of("rows-in-two-axes", _LM32, "A slot of one axis is handed out with two.",
              _each(_in_an_axis_more(1))),
    _state_of("uint64-over-float64", _RS, "uint64 is handed out over float64.",
              _UINT64_OVER_FLOAT64),
    Mutant("state-reversed-once-in-50", _RS, ("STATE-001",), "Every 50th state is empty.",
           rules={"read_state": once_in(50, state.compacted_handles, lambda c: [])}),
    _assigned("by-text", _LM31, "Tensor 10 is taken before tensor 2.", by_text),
    _assigned("by-text-in-rust", _RS, "Tensor 10 is taken before tensor 2.", by_text),
    _assigned("by-text-with-rows", _LM32, "Tensor 10 is taken before tensor 2.", by_text),
    _assigned("of-ten", _SWIFT4, "Ten tensors at most are taken.", lambda slots: slots[:10]),
    _assigned("of-eight", _RS, "Eight tensors at most are taken.", lambda slots: slots[:8]),
    # metadata and restoring
    _meta("slots-of-64-bytes", _RS, "The list of written slots has 64 characters at most.",
          _cut(1, 64), "META-001"),
    _meta("slots-of-256-bytes", _SWIFT3, "The list of written slots has 256 characters at most.",
          _cut(1, 256), "META-001"),
    _meta("of-128-slots", _SWIFT4, "At most 128 written slots are listed.", _listed(128),
          "META-001"),
    _meta("padding-of-64-bytes", _RS, "Left padding has 64 characters at most.", _cut(2, 64),
          "META-002"),
    _meta("padding-of-256-bytes", _SWIFT4, "Left padding has 256 characters at most.",
          _cut(2, 256), "META-002"),
    _restored("slots-of-64-bytes", _RS, "64 characters of the written slots are read.",
              _cut(1, 64)),
    _restored("padding-of-64-bytes", _RS, "64 characters of left padding are read.", _cut(2, 64)),
    _restored("padding-of-256-bytes", _SWIFT3, "256 characters of left padding are read.",
              _cut(2, 256)),
    _restored("of-ten-slots", _SWIFT4, "Ten written slots are read.", _listed(10)),
    _restored("slots-by-text", _RS, "The written slots are read in the order of text.",
              lambda texts: [texts[0], ",".join(sorted(texts[1].split(","))), *texts[2:]]
              if len(texts) > 1 else texts, ("RESTORE-029",)),
    Mutant("restored-short-once-in-50", _RS, ("RESTORE-029",),
           "Every 50th session comes back without its last slot.", restore=_every_50th_lost()),
    # counts
    Mutant("advance-in-32-bits", _RS, ("SEQ-007",), "Tokens are counted in 32 bits.",
           rules={"advance": lambda c, n: lengths.advance_checked(
               c, n % 2**32 if n > 2**32 else n)}),
    Mutant("advance-in-32-bits-in-mlx-lm", _LM31, ("SEQ-007",), "Tokens are counted in 32 bits.",
           rules={"advance": lambda c, N: lengths.advance_in_place(
               c, N % 2**32 if N > 2**32 else N)}),
    Mutant("lengths-of-255-sequences", _LM31, ("SEQ-001",), "255 lengths at most are taken.",
           rules={"prepare": lambda c, lengths=None, **_: setattr(
               c, "lengths", mx.array(lengths[:255] if lengths else lengths))}),
    Mutant("mask-of-255-lengths", _LM32, ("MASK-003",), "A mask has 255 rows at most.",
           rules={"make_mask": lambda c, N: None if (mask := masks.padding_and_lengths(c, N))
                  is None else mask[:255]}),
    Mutant("batch-size-of-padding-in-a-byte", _RS, ("BATCH-002",),
           "Left padding of more than 255 sequences counts 255.",
           rules={"batch_size": lambda c: min(255, indexing.ranked_batch_size(c)) if not any(
               v is not None for v in c.cache) else indexing.ranked_batch_size(c)}),
    # calls
    Mutant("set-lost-once-in-50", _RS, ("INDEX-003",), "Every 50th write is lost.",
           rules={"set": once_in(50, indexing.checked_set, _nothing)}),
    Mutant("set-scalar-in-one-axis", _RS, ("INDEX-003",), "A slot without axes is stored with one.",
           rules={"set": lambda c, i, v: indexing.checked_set(
               c, i, v[None] if isinstance(v, mx.array) and not v.ndim else v)}),
    Mutant("empty-wrong-once-in-50", _RS, ("IDENT-008",), "Every 50th answer is the other one.",
           rules={"empty": once_in(50, indexing.first_slot_unset_or_missing,
                                   lambda c: not indexing.first_slot_unset_or_missing(c))}),
    Mutant("materialize-drops-what-has-no-rows", _RS, ("IDENT-010",),
           "Computing a slot without rows unsets it.",
           members={"materialize": lambda c: setattr(c, "cache", [
               None if v is None or (v.ndim and not v.shape[0]) else v for v in c.cache])}),
)  # fmt: skip
