"""Slot caches that are mlx-lm 0.31's, but for one known defect that each of them has mended."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.dialects.mlx_lm_0_31 import ArraysCache
from reference_impl.slots.rules import lengths
from reference_impl.slots.rules.batch import pick_rows


def _any_unset(cache: Any) -> bool:
    return all(slot is None for slot in cache.cache)


def _keeping_rows(cache: Any, index: Any) -> Any:
    made = ArraysCache.extract(cache, index)
    made.left_padding = pick_rows(cache.left_padding, slice(index, index + 1))
    made.lengths = pick_rows(cache.lengths, slice(index, index + 1))
    return made


def _keeping_holes(cache: Any, index: Any) -> Any:
    made = type(cache)(len(cache.cache))
    for slot, held in enumerate(cache.cache):
        made[slot] = None if held is None else mx.contiguous(held[index : index + 1])
    return made


def _checked(cache: Any, index: Any) -> Any:
    if not 0 <= index < cache.batch_size:
        raise IndexError("there is no such row")
    return ArraysCache.extract(cache, index)


def _no_padding_of_fresh(cls: Any, caches: Any) -> Any:
    made = ArraysCache.merge.__func__(cls, caches)
    if all(slot is None for cache in caches for slot in cache.cache):
        made.left_padding = None
    return made


def _int32_lengths(cache: Any, lengths: Any, **_: Any) -> None:
    cache.lengths = mx.array(lengths, dtype=mx.int32)


def _any_filter(cache: Any, batch_indices: Any) -> None:
    ArraysCache.filter(cache, mx.array(batch_indices, dtype=mx.int32))


def _merge_without_holes(cls: Any, caches: Any) -> Any:
    """As before, but a slot that no cache has written stays unset."""
    try:
        return ArraysCache.merge.__func__(cls, caches)
    except StopIteration:
        made = cls(len(caches[0].cache))
    for slot in range(len(made.cache)):
        held = [cache.cache[slot] for cache in caches]
        like = next((each for each in held if each is not None), None)
        if like is not None:
            rows = [mx.zeros_like(like) if each is None else each for each in held]
            made[slot] = mx.concatenate(rows)
    return made


class EmptyLooksAtAllSlots(ArraysCache):
    empty = _any_unset
    merge = classmethod(_merge_without_holes)


class ExtractKeepsRows(ArraysCache):
    extract = _keeping_rows


class ExtractKeepsHoles(ArraysCache):
    extract = _keeping_holes


class ExtractChecks(ArraysCache):
    extract = _checked


class AdvanceReplaces(ArraysCache):
    advance = lengths.advance_replacing


class PrepareMayClear(ArraysCache):
    prepare = lengths.prepare_or_clear


class LengthsAreInt32(ArraysCache):
    prepare = _int32_lengths


class MergeOfFreshIsFresh(ArraysCache):
    merge = classmethod(_no_padding_of_fresh)


class FilterTakesNothing(ArraysCache):
    filter = _any_filter


def _written(caches: Any) -> list[Any]:
    return [slot for cache in caches for slot in cache.cache if slot is not None]


def _slots_alike(caches: Any) -> None:
    if len({len(cache.cache) for cache in caches}) > 1 and _written(caches):
        raise IndexError("the caches have different numbers of slots")


def _checked_filter(cache: Any, batch_indices: Any) -> None:
    rows = batch_indices.tolist() if isinstance(batch_indices, mx.array) else batch_indices
    if _written([cache]) and not all(-cache.batch_size <= row < cache.batch_size for row in rows):
        raise ValueError("there is no such row")
    ArraysCache.filter(cache, batch_indices)


def _checked_extend(cache: Any, other: Any) -> None:
    _slots_alike([cache, other])
    ArraysCache.extend(cache, other)


def _promoted(cls: Any, caches: Any) -> Any:
    """The widest dtype of a slot is that of the batch."""
    made = ArraysCache.merge.__func__(cls, caches)
    for slot, held in enumerate(zip(*(cache.cache for cache in caches), strict=False)):
        rows = [each for each in held if each is not None]
        if len({each.dtype for each in rows}) > 1:
            like = mx.concatenate(rows)[:1]
            made[slot] = mx.concatenate(
                [
                    mx.zeros((cache.batch_size, *like.shape[1:]), like.dtype)
                    if each is None
                    else each.astype(like.dtype)
                    for each, cache in zip(held, caches, strict=True)
                ]
            )
    return made


def _checked_merge(cls: Any, caches: Any) -> Any:
    """Of caches that make a batch as they are: nothing is cut, stretched or rounded."""
    _slots_alike(caches)
    for held in zip(*(cache.cache for cache in caches), strict=False):
        if len({each.shape[1:] for each in held if each is not None}) > 1:
            raise ValueError("the caches have other rows")
    return _promoted(cls, caches)


class BatchesAreChecked(ArraysCache):
    filter = _checked_filter
    extend = _checked_extend
    merge = classmethod(_checked_merge)


class StateIsACopy(ArraysCache):
    state = property(lambda cache: list(cache.cache), ArraysCache.state.fset)


# The name of the class here -> the hazards that it does not have.
MENDED = {
    "EmptyLooksAtAllSlots": {
        "empty-looks-at-slot-0", "empty-needs-a-slot", "merge-needs-every-slot",
    },
    "ExtractKeepsRows": {"extract-leaves-metadata"},
    "ExtractKeepsHoles": {"extract-needs-every-slot"},
    "ExtractChecks": {"extract-slices-unchecked"},
    "AdvanceReplaces": {"advance-changes-held-arrays"},
    "PrepareMayClear": {"prepare-needs-lengths"},
    "LengthsAreInt32": {"no-lengths-are-float32"},
    "MergeOfFreshIsFresh": {"merge-of-fresh-caches-sets-left-padding"},
    "FilterTakesNothing": {"filter-refuses-no-indices"},
    "BatchesAreChecked": {
        "extend-cuts-slots", "merge-cuts-slots", "merge-stretches-rows",
        "merge-takes-the-first-dtype",
    },
    "StateIsACopy": {"state-is-the-live-list"},
}  # fmt: skip
for _name in MENDED:  # what a snapshot says of it
    globals()[_name].__name__ = ArraysCache.__name__


class ExtractChecksAndForgets(ExtractChecks):
    """And with a mistake: what it forgets at the end of a prompt is one row vector."""

    def finalize(self) -> None:
        self.lengths = None


ExtractChecksAndForgets.__name__ = ArraysCache.__name__
