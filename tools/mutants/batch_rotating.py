"""Wrong batch caches with a window."""

from __future__ import annotations

from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.alter import keeping
from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from tools.mutants.shared import copied, in_front, with_padding

_LM31, _LM32 = "mlx-lm-0.31", "mlx-lm-0.32"

_batch = partial(Mutant, kind="batch_rotating", label="BatchRotatingKVCache")


def _own(dialect: str) -> Any:
    return cache_classes(dialect)["BatchRotatingKVCache"]


def _rows_swapped(cache: Any, keys: Any, values: Any) -> Any:
    if cache.written and cache.written < cache.max_size - 1 and keys.shape[2] == 1:
        keys, values = keys[::-1], values[::-1]
    return _own(_LM32).update_and_fetch(cache, keys, values)


def _never_turns(cache: Any, keys: Any, values: Any) -> Any:
    if cache.written >= cache.max_size and keys.shape[2] == 1 and not cache.rotated:
        cache.index = cache.max_size - 1
    return _own(_LM32).update_and_fetch(cache, keys, values)


def _chunk_cut(cache: Any, keys: Any, values: Any) -> Any:
    found = _own(_LM31).update_and_fetch(cache, keys, values)
    if keys.shape[2] > 1 and cache.keys.shape[2] > cache.max_size:
        cache.keys, cache.values = (
            array[..., -cache.max_size :, :] for array in (cache.keys, cache.values)
        )
        cache.index = cache.max_size
        return cache.keys, cache.values
    return found


def _padding_seen(cache: Any, N: Any, window_size: Any = None, return_array: Any = False) -> Any:
    padding = cache.left_padding
    cache.left_padding = mx.zeros_like(padding)
    try:
        return _own(_LM32).make_mask(cache, N, window_size, return_array)
    finally:
        cache.left_padding = padding


def _unturned(cache: Any, N: Any, window_size: Any = None, return_array: Any = False) -> Any:
    found = _own(_LM32).make_mask(cache, N, window_size, return_array)
    if N == 1 and (cache.rotated or cache.index >= cache.max_size):
        index = 0 if cache.index >= cache.max_size else cache.index
        return mx.roll(found, -index - 1, -1)
    return found


def _single_anyway(cache: Any, keys: Any, values: Any) -> Any:
    if keys.shape[2] == 1:
        cache.lengths = None
    return _own(_LM32).update_and_fetch(cache, keys, values)


def _in_old_order(cache: Any, batch_indices: Any) -> None:
    _own(_LM32).filter(cache, sorted(batch_indices))


def _as_it_lies(cache: Any, idx: Any) -> Any:
    rotated, index = cache.rotated, cache.index
    if rotated:
        cache.rotated, cache.index = False, cache.max_size
    try:
        return _own(_LM31).extract(cache, idx)
    finally:
        cache.rotated, cache.index = rotated, index


def _longest_offset(cls: Any, caches: Any) -> Any:
    merged = _own(_LM32).merge.__func__(cls, caches)
    merged.offset = mx.zeros_like(merged.offset) + max(cache.offset for cache in caches)
    return merged


def _state_without_offset(cache: Any) -> Any:
    keys, values, offset, *others = _own(_LM32).state.fget(cache)
    return (keys, values, mx.zeros_like(offset), *others)


MUTANTS = (
    _batch("batch-rotating-rows-swapped", _LM32, ("BATCHROTATING-001",),
        "A single token below the window is stored for the wrong row.",
        members={"update_and_fetch": _rows_swapped}),
    _batch("batch-rotating-overwrites-newest", _LM32, ("BATCHROTATING-002",),
        "The first token beyond the window takes the place of the newest.",
        members={"update_and_fetch": _never_turns}),
    _batch("batch-rotating-chunk-cut", _LM31, ("BATCHROTATING-003",),
        "A chunk is cut to the window.", members={"update_and_fetch": _chunk_cut}),
    _batch("batch-rotating-padding-seen", _LM32, ("BATCHROTATING-004",),
        "The mask hides no padding.", members={"make_mask": _padding_seen}),
    _batch("batch-rotating-mask-unturned", _LM32, ("BATCHROTATING-005",),
        "The mask of a single token is in order of time.", members={"make_mask": _unturned}),
    _batch("batch-rotating-never-finalized", _LM31, ("BATCHROTATING-006",),
        "finalize does nothing but to allow single tokens.",
        members={"finalize": lambda cache: setattr(cache, "lengths", None)}),
    _batch("batch-rotating-single-before-finalize", _LM32, ("BATCHROTATING-007",),
        "A single token before finalize forgets the right padding.",
        members={"update_and_fetch": _single_anyway}),
    _batch("batch-rotating-trims-no-offset", _LM32, ("BATCHROTATING-008",),
        "Offsets stay when tokens go.", members={"trim": keeping("offset", _own(_LM32).trim)}),
    _batch("batch-rotating-always-trimmable", _LM31, ("BATCHROTATING-008",),
        "A full window says that it can be trimmed.", members={"is_trimmable": lambda cache: True}),
    _batch("batch-rotating-filter-sorts", _LM32, ("BATCHROTATING-009",),
        "Rows stay in their old order.", members={"filter": _in_old_order}),
    _batch("batch-rotating-joined-in-front", _LM31, ("BATCHROTATING-010",),
        "Rows that join come first.", members={"extend": in_front(_own(_LM31).extend)}),
    _batch("batch-rotating-extracts-padding", _LM32, ("BATCHROTATING-011",),
        "A row that is taken out has its padding.",
        members={"extract": with_padding(_own(_LM32).extract)}),
    _batch("batch-rotating-extracts-as-it-lies", _LM31, ("BATCHROTATING-011",),
        "A row of a window that has turned over comes out as it lies.",
        members={"extract": _as_it_lies}),
    _batch("batch-rotating-merge-counts-padding", _LM32, ("BATCHROTATING-012",),
        "All merged rows have the offset of the longest.",
        members={"merge": classmethod(_longest_offset)}),
    _batch("batch-rotating-offset-not-saved", _LM32, ("BATCHROTATING-013",),
        "The state has offsets of 0.",
        members={"state": _own(_LM32).state.getter(_state_without_offset)}),
    _batch("batch-rotating-copy-is-itself", _LM32, ("BATCHROTATING-014",),
        "A copy is the batch itself.", members={"__reduce_ex__": copied(lambda cache: cache)},
        sequence=True),
    _batch("batch-rotating-size-of-all", _LM31, ("BATCHROTATING-015",),
        "The size counts all tokens that ever came.",
        members={"size": lambda cache: cache.written}),
)  # fmt: skip
