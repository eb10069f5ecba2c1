"""Wrong batch operations: filter, extend, extract, merge."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from conformance.mutants.alter import Rule, altered, becomes, forget, keeping, then
from conformance.mutants.catalogue import demonstration
from conformance.mutants.mutant import Mutant
from reference_impl.slots.rules import batch
from reference_impl.traps import trapping

_LM31, _LM32 = "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
_LM = "https://github.com/ml-explore/mlx-lm/pull"
_FORKS = "osaurus, ekryski and afm"


def _picking(pick: Rule) -> dict[str, Any]:
    """filter with another way to choose rows: `pick(rows, indices)`, rows never None."""
    return {"filter": altered(batch.filter_all, pick_rows=lambda rows, indices: None
                              if rows is None else pick(rows, indices))}  # fmt: skip


def _joining(**calls: Any) -> dict[str, Any]:
    """extend with other mlx functions behind its back."""

    class Changed:
        zeros = staticmethod(calls.get("zeros", mx.zeros))
        concatenate = staticmethod(calls.get("concatenate", mx.concatenate))

    return {"extend": altered(batch.extend_zero_filled, mx=Changed)}


def _taking_either(cache: Any, other: Any) -> None:
    padding, lengths = cache.left_padding, cache.lengths
    batch.extend_dropping_padding(cache, other)
    cache.left_padding = _both_or_none(padding, other.left_padding)
    cache.lengths = _both_or_none(lengths, other.lengths)


def _both_or_none(a: Any, b: Any) -> Any:
    return None if a is None or b is None else mx.concatenate([a, b])


def _where_both_have(cache: Any, other: Any) -> None:
    cache.cache = [
        None if a is None or b is None else mx.concatenate([a, b])
        for a, b in zip(cache.cache, other.cache, strict=False)
    ]
    cache.left_padding = None


def _batch_size_after_joining(cache: Any, other: Any) -> None:
    padding, lengths = cache.left_padding, cache.lengths
    cache.left_padding = cache.lengths = None
    batch.extend_zero_filled(cache, other)
    theirs = other.left_padding
    if padding is not None or theirs is not None:
        a = mx.zeros((cache.batch_size,), mx.int32) if padding is None else padding
        b = mx.zeros((other.batch_size,), mx.int32) if theirs is None else theirs
        cache.left_padding = mx.concatenate([a, b])
    cache.lengths = lengths


def _extend_all_slots(cache: Any, other: Any) -> None:
    longer = max(len(cache.cache), len(other.cache))
    for side in (cache, other):
        side.cache = [*side.cache, *[None] * (longer - len(side.cache))]
    batch.extend_zero_filled(cache, other)


def _extend_and_drain(cache: Any, other: Any) -> None:
    batch.extend_zero_filled(cache, other)
    other.cache = [None] * len(other.cache) if other is not cache else cache.cache


def _extracted(change: Any) -> dict[str, Any]:
    """extract with something done to what it gives: `change(single, cache, index)`."""

    def extract(cache: Any, idx: Any) -> Any:
        single = batch.extract_row(cache, idx)
        change(single, cache, idx)
        return single

    return {"extract": extract}


def _with_row(name: str) -> Any:
    def change(single: Any, cache: Any, index: int) -> None:
        if (rows := getattr(cache, name)) is not None:
            setattr(single, name, rows[index : index + 1])

    return change


def _extract_written(cache: Any, idx: Any) -> Any:
    single = type(cache)(len(cache.cache))
    single.cache = [slot[idx : idx + 1] for slot in cache.cache if slot is not None]
    return single


def _merged(change: Any) -> dict[str, Any]:
    """merge with something done to what it gives: `change(merged, caches)`."""

    def merge(cls: Any, caches: Any) -> Any:
        made = batch.merge_single_rows(cls, caches)
        change(made, caches)
        return made

    return {"merge": classmethod(merge)}


def _merging(change: Any) -> dict[str, Any]:
    """merge of other caches: `change(caches)`."""
    return {"merge": classmethod(lambda cls, caches: batch.merge_single_rows(cls, change(caches)))}


def _merge_written_rows(cls: Any, caches: Any) -> Any:
    made = batch.merge_single_rows(cls, caches)
    for index, slot in enumerate(made.cache):
        rows = [i for i, c in enumerate(caches) if c.cache[index] is not None]
        made.cache[index] = slot if slot is None else slot[mx.array(rows)]
    return made


def _merge_joined_rows(cls: Any, caches: Any) -> Any:
    if any(v is None for c in caches for v in c.cache) or not caches:
        return batch.merge_single_rows(cls, caches)
    made = cls(len(caches[0].cache))
    made.cache = [mx.concatenate([c[i] for c in caches]) for i in range(len(made.cache))]
    return made


def _with_zeros(caches: Any) -> Any:
    for index in range(len(caches[0].cache) if caches else 0):
        if all(index < len(cache.cache) and cache.cache[index] is None for cache in caches):
            caches[0].cache[index] = mx.zeros((1, 1))
    return caches


def _carry(name: str) -> Any:
    def change(merged: Any, caches: Any) -> None:
        rows = [getattr(cache, name) for cache in caches]
        if all(r is not None for r in rows):
            setattr(merged, name, mx.concatenate(rows))

    return change


def _empty_the_merged(merged: Any, caches: Any) -> None:
    for cache in caches:
        cache.cache = [None] * len(cache.cache)


def _most_slots_first(caches: Any) -> Any:
    width = max((len(cache.cache) for cache in caches), default=0)
    for cache in caches:
        cache.cache = [*cache.cache, *[None] * (width - len(cache.cache))]
    return caches


def _some_rows(cache: Any, indices: Any) -> None:
    if not indices:
        raise ValueError("no rows to keep")
    batch.filter_all_by_int32(cache, indices)


def _others(rows: Any, indices: Any) -> Any:
    return rows[[row for row in range(rows.shape[0]) if row not in indices] or [0]]


def _write_rows(rows: Any, indices: Any) -> Any:
    picked = rows[indices]
    if picked.shape == rows.shape and picked.size:
        rows[...] = picked
        return rows
    return picked


def _half_filtered(cache: Any, indices: Any) -> None:
    for index, slot in enumerate(cache.cache):
        cache.cache[index] = None if slot is None else slot[indices]
    cache.left_padding = None if cache.left_padding is None else cache.left_padding[indices]
    cache.lengths = None if cache.lengths is None else cache.lengths[indices]


def _loses_slot_0(cache: Any, other: Any) -> None:
    before = cache.cache
    try:
        batch.extend_zero_filled(cache, other)
    except Exception:
        cache.cache = [None, *before[1:]]
        raise


def _every_slot_needed(cache: Any, indices: Any) -> None:
    cache.cache = [slot[indices] for slot in cache.cache]


def _extract_itself(cache: Any, index: int) -> Any:
    single = all(slot is not None and slot.shape[:1] == (1,) for slot in cache.cache)
    known = cache.left_padding is not None or cache.lengths is not None
    return batch.extract_row(cache, index) if index or known or not single else cache


def _extract_rows(cache: Any, index: int) -> Any:
    single = type(cache)(len(cache.cache))
    single.cache = [s[index : index + 1] if s is None or s.ndim else s for s in cache.cache]
    return single


class _Window(list[Any]):
    """One row of a batch that is looked up whenever it is asked for."""

    def __init__(self, source: Any, row: int) -> None:
        super().__init__(source.cache)
        self._source, self._row = source, row

    def __iter__(self) -> Any:
        return (slot[self._row : self._row + 1] for slot in self._source.cache)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]


def _fixed_two(cache: Any, indices: Any) -> None:
    batch.filter_all(cache, indices)
    cache.cache = (cache.cache + [None] * 2)[:2] if len(cache.cache) > 2 else cache.cache


MUTANTS = (
    # filter
    Mutant("filter-in-order", _LM31, ("BATCHOP-001", "BATCHOP-037"), "Rows stay in their order.",
           rules=_picking(lambda rows, i: rows[sorted(i)])),
    Mutant("filter-without-repeats", _LM31, ("BATCHOP-001",), "A row is kept only once.",
           rules=_picking(lambda rows, i: rows[list(dict.fromkeys(i))])),
    Mutant("filter-removes", _LM32, ("BATCHOP-001",), "The rows that are named are dropped.",
           rules=_picking(_others)),
    Mutant("filter-last-axis", _LM31, ("BATCHOP-001",), "Rows are taken from the last axis.",
           "SharpAI extends on axis -2", rules=_picking(lambda rows, i: mx.take(
               rows, mx.array([n % rows.shape[-1] for n in i], dtype=mx.int32), axis=-1))),
    Mutant("filter-unsigned", _LM31, ("BATCHOP-002",), "A negative index is taken for row 0.",
           rules=_picking(lambda rows, i: rows[[max(n, 0) for n in i]])),
    Mutant("filter-without-indices-is-all", _LM31, ("BATCHOP-004",), "No indices keep every row.",
           rules=_picking(lambda rows, i: rows[i] if i else rows)),
    Mutant("filter-without-indices-refused", _SWIFT4, ("BATCHOP-004",), "No indices are refused.",
           "mlx-lm", rules={"filter": trapping(_some_rows)}),
    Mutant("filter-packs-slots", _LM31, ("BATCHOP-005",), "filter drops unset slots.",
           rules={"filter": then(batch.filter_all, becomes("cache", lambda c: [
               v for v in c.cache if v is not None]))}),
    Mutant("filter-needs-every-slot", _LM32, ("BATCHOP-005", "BATCHOP-036"),
           "filter fails on an unset slot.", "mlx-lm before #918", f"{_LM}/918",
           rules={"filter": _every_slot_needed}),
    demonstration("filter-loses-the-label"),
    Mutant("filter-keeps-padding", _LM31, ("BATCHOP-006",), "filter leaves left padding as it was.",
           rules={"filter": keeping("left_padding", batch.filter_all)}),
    Mutant("filter-drops-padding", _SWIFT4, ("BATCHOP-006",), "filter forgets left padding.",
           _FORKS, rules={"filter": trapping(then(
               batch.filter_all_by_int32, forget("left_padding")))}),
    Mutant("filter-drops-lengths", _LM32, ("BATCHOP-006",), "filter forgets lengths.",
           rules={"filter": then(batch.filter_all, forget("lengths"))}),
    Mutant("filter-half-done", _LM31, ("BATCHOP-007",),
           "A filter refused at slot 1 has done slot 0.", rules={"filter": _half_filtered}),
    Mutant("filter-in-place", _LM31, ("BATCHOP-008",), "Rows are moved inside the stored tensors.",
           "osaurus-ai/vmlx-swift, _updateInternal", rules=_picking(_write_rows), sequence=True),
    Mutant("filter-of-two-slots", _LM32, ("REGR-018",), "filter knows two slots only.",
           "osaurus BatchArraysCache", "https://github.com/jundot/omlx/issues/2536",
           rules={"filter": _fixed_two}),
    # extend
    Mutant("extend-in-front", _LM31, ("BATCHOP-009", "BATCHOP-037"), "The other rows come first.",
           rules=_joining(concatenate=lambda parts: mx.concatenate(parts[::-1]))),
    Mutant("extend-on-the-last-axis", _LM32, ("BATCHOP-009",), "Rows are joined on axis -2.",
           "SharpAI/mlx-swift-lm, KVCache.swift:1305", rules=_joining(
               concatenate=lambda parts: mx.concatenate(parts, axis=max(-2, -parts[0].ndim)))),
    Mutant("extend-takes-either", _LM31, ("BATCHOP-010", "REGR-005", "BATCHOP-013", "REGR-007"),
           "A slot that one side lacks is the other's tensor as it is.",
           f"mlx-lm before #1169, {_FORKS}", f"{_LM}/1169", rules={"extend": _taking_either}),
    Mutant("extend-takes-one", _SWIFT3, ("BATCHOP-010",), "A slot that one side lacks is unset.",
           rules={"extend": trapping(_where_both_have)}),
    Mutant("extend-fills-with-ones", _LM32, ("BATCHOP-010",), "Missing rows are filled with ones.",
           rules=_joining(zeros=mx.ones)),
    Mutant("extend-writes-unset-slots", _LM31, ("BATCHOP-011",),
           "A slot unset twice becomes zeros.", rules={"extend": then(
               batch.extend_zero_filled, becomes("cache", lambda c: [
                   mx.zeros((c.batch_size, 1)) if v is None else v for v in c.cache]))}),
    Mutant("extend-fresh-has-no-rows", _LM31, ("BATCHOP-012",), "A fresh side counts no sequence.",
           "Layr-Labs' batchSize is 0", rules=_joining(
               zeros=lambda shape, dtype: mx.zeros((0 if shape[0] == 1 else shape[0],
                                                    *shape[1:]), dtype))),
    Mutant("extend-counts-afterwards", _LM31, ("BATCHOP-013", "REGR-006"),
           "The batch size is read after the slots were joined.", "mlx-lm before #1177",
           f"{_LM}/1177", rules={"extend": _batch_size_after_joining}),
    demonstration("extend-drops-padding"),
    Mutant("extend-drops-lengths", _LM32, ("BATCHOP-014",),
           "extend forgets lengths.", rules={"extend": then(
               batch.extend_zero_filled, forget("lengths"))}),
    Mutant("extend-keeps-its-dtype", _LM31, ("BATCHOP-015", "REGR-010"),
           "Joined rows have the first dtype.",
           "mlx-lm's merge", rules=_joining(concatenate=lambda parts: mx.concatenate(
               [p.astype(parts[0].dtype) for p in parts]))),
    Mutant("extend-zeros-are-float32", _LM32, ("BATCHOP-015",), "Missing rows are float32 zeros.",
           rules=_joining(zeros=lambda shape, dtype: mx.zeros(shape, mx.float32))),
    Mutant("extend-to-the-longer", _LM31, ("BATCHOP-016", "REGR-011"),
           "The larger number of slots is kept.",
           rules={"extend": _extend_all_slots}),
    Mutant("extend-flattens", _LM31, ("BATCHOP-017",), "Rows of other widths are cut to fit.",
           rules=_joining(concatenate=lambda parts: mx.concatenate(
               [p[..., : min(q.shape[-1] for q in parts)] if p.ndim > 1 else p for p in parts]))),
    Mutant("extend-half-done", _LM32, ("BATCHOP-017", "BATCHOP-018"),
           "Slot 0 is gone when slot 1 is refused.",
           rules={"extend": _loses_slot_0}),
    Mutant("extend-drains-the-other", _LM31, ("BATCHOP-019",), "extend takes the other's slots.",
           rules={"extend": _extend_and_drain}),
    # extract
    Mutant("extract-the-next", _LM31, ("BATCHOP-020", "BATCHOP-035", "BATCHOP-022"),
           "Row i + 1 is extracted.",
           members={"extract": lambda c, idx: batch.extract_row(c, idx + 1)}),
    Mutant("extract-to-the-end", _LM32, ("BATCHOP-020", "REGR-012"),
           "All rows from i on are extracted.", members=_extracted(
               lambda one, c, i: setattr(one, "cache", [v[i:] for v in c.cache]))),
    Mutant("extract-without-batch-axis", _LM31, ("BATCHOP-020",), "The row loses its batch axis.",
           members=_extracted(lambda one, c, i: setattr(one, "cache", [
               v[0] if v.shape[0] else v for v in one.cache]))),
    Mutant("extract-pins-the-batch", _LM31, ("BATCHOP-024",),
           "What is extracted stays a part of the batch.", "mlx-lm's is a view", f"{_LM}/1701",
           members=_extracted(lambda one, c, i: setattr(one, "cache", _Window(c, i))),
           sequence=True),
    Mutant("extract-keeps-padding", _LM31, ("BATCHOP-021",),
           "An extracted cache has left padding.", members=_extracted(_with_row("left_padding"))),
    Mutant("extract-keeps-lengths", _LM32, ("BATCHOP-021",), "An extracted cache has lengths.",
           members=_extracted(_with_row("lengths"))),
    Mutant("extract-packs-slots", _LM31, ("BATCHOP-023",), "Unset slots are left out.",
           members={"extract": _extract_written}),
    Mutant("extract-shares-scalars", _LM32, ("BATCHOP-023",),
           "A slot without an axis goes whole to every row.", members={"extract": _extract_rows}),
    Mutant("extract-of-the-only-row-is-the-batch", _LM31, ("BATCHOP-024",),
           "A batch of one row is given out itself.", members={"extract": _extract_itself},
           sequence=True),
    # merge
    Mutant("merge-backwards", _LM31, ("BATCHOP-025", "BATCHOP-035"), "The last cache comes first.",
           members=_merging(lambda caches: caches[::-1])),
    Mutant("merge-drops-unset-rows", _LM31, ("BATCHOP-026",),
           "A cache without the slot has no row.", "vllm-mlx's BatchMambaCache",
           members={"merge": classmethod(_merge_written_rows)}),
    Mutant("merge-repeats-rows", _LM32, ("BATCHOP-026",), "Missing rows are those of the first.",
           members=_merged(lambda made, caches: setattr(made, "cache", [
               s if s is None else mx.concatenate([
                   s[i : i + 1] if c.cache[n] is not None else s[:1] for i, c in
                   enumerate(caches)]) for n, s in enumerate(made.cache)]))),
    Mutant("merge-of-empty-has-no-padding", _LM31, ("BATCHOP-027",),
           "Merged empty caches have no left padding.", members=_merged(
               lambda made, caches: setattr(made, "left_padding", None))),
    Mutant("merge-in-float16", _LM31, ("BATCHOP-030", "BATCHOP-035", "REGR-010"),
           "Merged float32 is float16.",
           members=_merged(lambda made, caches: setattr(made, "cache", [
               s if s is None or s.dtype != mx.float32 else s.astype(mx.float16)
               for s in made.cache]))),
    Mutant("merge-keeps-padding", _LM32, ("BATCHOP-031",), "Merged caches keep left padding.",
           members=_merged(_carry("left_padding"))),
    Mutant("merge-keeps-lengths", _LM31, ("BATCHOP-031",), "Merged caches keep lengths.",
           members=_merged(_carry("lengths"))),
    Mutant("merge-zero-padding", _LM31, ("BATCHOP-031", "BATCHOP-025", "REGR-011"),
           "Every merged batch has a left padding of zeros.", "mlx-lm once", f"{_LM}/1736",
           members=_merged(lambda made, caches: setattr(
               made, "left_padding", mx.array([0] * len(caches))))),
    Mutant("merge-of-batches", _LM31, ("BATCHOP-032",), "Caches of more rows are merged too.",
           members={"merge": classmethod(_merge_joined_rows)}),
    Mutant("merge-of-the-widest", _LM32, ("BATCHOP-033",), "The largest number of slots decides.",
           members=_merging(_most_slots_first)),
    Mutant("merge-of-nothing", _LM31, ("BATCHOP-033",),
           "Merging no caches gives one without slots.", members={"merge": classmethod(
               lambda cls, caches: batch.merge_single_rows(cls, caches) if caches else cls(0))}),
    Mutant("merge-of-one-is-that-one", _LM32, ("BATCHOP-034",),
           "A merge of one cache is that cache.", members={"merge": classmethod(lambda cls, caches:
               caches[0] if len(caches) == 1 else batch.merge_single_rows(cls, caches))},
           sequence=True),
    Mutant("merge-makes-up-slots", _LM31, ("BATCHOP-029", "REGR-008"),
           "A slot that no cache has written is zeros.", members=_merging(_with_zeros)),
    Mutant("merge-of-one-shares", _LM31, ("BATCHOP-034",),
           "Merging a single cache gives its very tensors.", "a shortcut for batches of one",
           members=_merged(lambda made, caches: setattr(
               made, "cache", [*caches[0].cache] if len(caches) == 1 else made.cache))),
    Mutant("merge-drains", _LM31, ("BATCHOP-034",), "merge takes the slots out of its caches.",
           members=_merged(_empty_the_merged)),
)  # fmt: skip
