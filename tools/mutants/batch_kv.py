"""Wrong batch caches."""

from __future__ import annotations

from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.alter import keeping
from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.attention import causal
from tools.mutants.shared import copied, in_front, with_padding

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"

_batch = partial(Mutant, kind="batch_kv", label="BatchKVCache")


def _own(dialect: str) -> Any:
    return cache_classes(dialect)["BatchKVCache"]


def _after(dialect: str, name: str, change: Any) -> dict[str, Any]:
    """The dialect's own operation, and `change(cache)` after it."""

    def changed(cache: Any, *args: Any, **kwargs: Any) -> Any:
        result = getattr(_own(dialect), name)(cache, *args, **kwargs)
        change(cache)
        return result

    return {name: changed}


def _rows_swapped(cache: Any, keys: Any, values: Any) -> Any:
    if keys.shape[0] > 2:
        keys, values = keys[::-1], values[::-1]
    return _own(_LM32).update_and_fetch(cache, keys, values)


def _with_free_room(cache: Any, keys: Any, values: Any) -> Any:
    found = _own(_LM32).update_and_fetch(cache, keys, values)
    return (cache.keys, cache.values) if cache.index > cache.step else found


def _grown_empty(cache: Any, keys: Any, values: Any) -> Any:
    if cache.keys is not None and cache.index + keys.shape[2] > cache.keys.shape[2]:
        cache.keys, cache.values = mx.zeros_like(cache.keys), mx.zeros_like(cache.values)
    return _own(_LM31).update_and_fetch(cache, keys, values)


def _in_float32(cache: Any, keys: Any, values: Any) -> Any:
    wide = keys.astype(mx.float32), values.astype(mx.float32)
    return _own(_LM32).update_and_fetch(cache, *wide)


def _padding_seen(cache: Any, N: Any, return_array: Any = False, *, window_size: Any = None) -> Any:
    return causal(N, cache.index, window_size, mx.zeros_like(cache.left_padding))


def _none_for_one(cache: Any, N: Any, return_array: Any = False, **kwargs: Any) -> Any:
    return None if N == 1 else _own(_LM32).make_mask(cache, N, return_array, **kwargs)


def _window_one_wider(cache: Any, N: Any, return_array: Any = False, *, window_size: Any = None) \
        -> Any:  # fmt: skip
    wider = None if window_size is None else window_size + 1
    return _own(_LM31).make_mask(cache, N, return_array, window_size=wider)


def _mask_counts(cache: Any, N: Any, return_array: Any = False, **kwargs: Any) -> Any:
    found = _own(_LM32).make_mask(cache, N, return_array, **kwargs)
    cache.left_padding = cache.left_padding - N
    return found


def _padding_too_late(cache: Any, *, left_padding: Any = None, **kwargs: Any) -> Any:
    if left_padding is not None and cache.keys is not None:
        more = mx.array(left_padding)
        cache.left_padding, cache.offset = cache.left_padding + more, cache.offset - more
        left_padding = None
    return _own(_LM32).prepare(cache, left_padding=left_padding, **kwargs)


def _padding_replaced(cache: Any, *, left_padding: Any = None, **kwargs: Any) -> Any:
    if left_padding is not None:
        cache.left_padding = mx.array(left_padding)
        cache.offset = -cache.left_padding
    return _own(_LM31).prepare(cache, **kwargs)


def _turned_left(cache: Any) -> Any:
    padding = cache.right_padding
    if padding is not None:
        cache.right_padding = -padding
        _own(_LM32).finalize(cache)
        cache.left_padding, cache.offset = cache.left_padding + 2 * padding, \
            cache.offset - 2 * padding  # fmt: skip


def _finalized_again(cache: Any) -> Any:
    padding = cache.right_padding
    _own(_LM32).finalize(cache)
    cache.right_padding = padding


def _lengths_trusted(cache: Any, *, lengths: Any = None, right_padding: Any = None,
                     **kwargs: Any) -> Any:  # fmt: skip
    if lengths is not None and right_padding is None:
        right_padding = [max(lengths) - length for length in lengths]
    return _own(_LM32).prepare(cache, right_padding=right_padding, **kwargs)


def _negative_is_none(cache: Any, n: Any) -> Any:
    return _own(_LM31).trim(cache, max(n, 0)) - min(n, 0)


def _no_common_padding(cache: Any, batch_indices: Any) -> Any:
    _own(_LM32).filter(cache, sorted(batch_indices))


def _padding_kept(cache: Any, batch_indices: Any) -> Any:
    cache.keys = cache.keys[batch_indices] if cache.keys is not None else None
    cache.values = cache.values[batch_indices] if cache.values is not None else None
    cache.offset = cache.offset[batch_indices]
    cache.left_padding = cache.left_padding[batch_indices]


def _none_cleared(cache: Any, batch_indices: Any) -> Any:
    if not len(batch_indices):
        cache.offset = cache.left_padding = mx.array([], mx.int32)
        raise RuntimeError("no rows are left")
    _own(_LM31).filter(cache, batch_indices)


def _filter_finalizes(cache: Any, batch_indices: Any) -> Any:
    _own(_LM32).filter(cache, batch_indices)
    cache.right_padding = None


def _left_justified(cache: Any, other: Any) -> Any:
    if cache.keys is not None and other.keys is not None:
        index = max(cache.index, other.index)
        cache.index = other.index = index
    _own(_LM32).extend(cache, other)


def _skip_empty(cache: Any, other: Any) -> Any:
    if other.keys is not None:
        _own(_LM32).extend(cache, other)


def _tokens_short(cache: Any, idx: Any) -> Any:
    single = _own(_LM31).extract(cache, idx)
    if cache.right_padding is not None:
        single.offset -= 1
    return single


def _merge_left(cls: Any, caches: Any) -> Any:
    merged = _own(_LM32).merge.__func__(cls, caches)
    longest = max(cache.size() for cache in caches)
    merged.offset = mx.zeros_like(merged.offset) + longest
    return merged


def _padding_lost(cache: Any) -> Any:
    keys, values, offset, _, index = _own(_LM32).state.fget(cache)
    return keys, values, offset, mx.zeros_like(offset), index


def _prepared_forgotten(cache: Any) -> Any:
    twin = type(cache)([0])
    vars(twin).update(vars(cache))
    twin.right_padding = None
    return twin


def _offsets_in_place(cache: Any, tokens: Any) -> None:
    cache.offset += tokens


def _refused_silently(cache: Any, keys: Any, values: Any) -> Any:
    try:
        return _own(_LM32).update_and_fetch(cache, keys, values)
    except ValueError:
        return cache.keys_and_values()


MUTANTS = (
    _batch("batch-kv-rows-swapped", _LM32, ("BATCHKV-001",),
        "More than two rows are stored in reverse.", members={"update_and_fetch": _rows_swapped}),
    _batch("batch-kv-free-room-shown", _LM32, ("BATCHKV-003",),
        "Behind the first step of room an update gives the whole buffers.",
        members={"update_and_fetch": _with_free_room}),
    _batch("batch-kv-grows-empty", _LM31, ("BATCHKV-003",), "Growing buffers lose what was there.",
        members={"update_and_fetch": _grown_empty}),
    _batch("batch-kv-counts-padding", _LM32, ("BATCHKV-002",), "Offsets begin at -2 at most.",
        members=_after(_LM32, "__init__",
                       lambda c: setattr(c, "offset", mx.maximum(c.offset, -2)))),
    _batch("batch-kv-widens", _LM32, ("BATCHKV-004",), "Everything is stored in float32.",
        members={"update_and_fetch": _in_float32}),
    _batch("batch-kv-padding-seen", _LM32, ("BATCHKV-005",), "The mask hides no padding.",
        members={"make_mask": _padding_seen}),
    _batch("batch-kv-no-mask-for-one", _LM32, ("BATCHKV-005",), "A single token has no mask.",
        members={"make_mask": _none_for_one}),
    _batch("batch-kv-window-one-wider", _LM31, ("BATCHKV-006",), "A window is one token wider.",
        members={"make_mask": _window_one_wider}),
    _batch("batch-kv-mask-counts", _LM32, ("BATCHKV-007",), "Asking for a mask uses padding up.",
        members={"make_mask": _mask_counts}),
    _batch("batch-kv-padded-late", _LM32, ("BATCHKV-008",),
        "Left padding is taken by a batch with tokens.", members={"prepare": _padding_too_late}),
    _batch("batch-kv-padding-replaced", _LM31, ("BATCHKV-008",),
        "Left padding takes the place of what there was.", members={"prepare": _padding_replaced}),
    _batch("batch-kv-turned-left", _LM32, ("BATCHKV-009",), "Rows turn the other way.",
        members={"finalize": _turned_left}),
    _batch("batch-kv-never-finalized", _LM31, ("BATCHKV-009",), "finalize does nothing.",
        members={"finalize": lambda cache: None}),
    _batch("batch-kv-finalized-again", _LM32, ("BATCHKV-010",), "Each finalize turns the rows.",
        members={"finalize": _finalized_again}),
    _batch("batch-kv-lengths-trusted", _LM32, ("BATCHKV-010",),
        "Lengths alone are right padding.", members={"prepare": _lengths_trusted}),
    _batch("batch-kv-trims-no-offset", _LM32, ("BATCHKV-011",), "Offsets stay when tokens go.",
        members={"trim": keeping("offset", _own(_LM32).trim)}),
    _batch("batch-kv-trims-no-index", _LM31, ("BATCHKV-011",), "The index stays when tokens go.",
        members={"trim": keeping("index", _own(_LM31).trim)}),
    _batch("batch-kv-negative-trim-lies", _LM31, ("BATCHKV-012",),
        "A negative count does nothing and is given back as tokens trimmed.",
        members={"trim": _negative_is_none}),
    _batch("batch-kv-filter-sorts", _LM32, ("BATCHKV-013",), "Rows stay in their old order.",
        members={"filter": _no_common_padding}),
    _batch("batch-kv-filter-keeps-padding", _LM32, ("BATCHKV-013",),
        "Padding that all rows have stays.", members={"filter": _padding_kept}),
    _batch("batch-kv-filter-forgets-right-padding", _LM32, ("BATCHKV-014",),
        "Rows that leave take the right padding of all along.",
        members={"filter": _filter_finalizes}),
    _batch("batch-kv-filter-of-none-clears", _LM31, ("BATCHKV-015",),
        "A filter of no rows is refused with the batch half gone.",
        members={"filter": _none_cleared}),
    _batch("batch-kv-joined-at-the-left", _LM32, ("BATCHKV-016",),
        "Rows that join begin where the others begin.", members={"extend": _left_justified}),
    _batch("batch-kv-joined-in-front", _LM31, ("BATCHKV-016",), "Rows that join come first.",
        members={"extend": in_front(_own(_LM31).extend)}),
    _batch("batch-kv-empty-not-joined", _LM32, ("BATCHKV-017",),
        "A batch that has not run does not join.", members={"extend": _skip_empty}),
    _batch("batch-kv-extracts-padding", _LM32, ("BATCHKV-018",),
        "A row that is taken out has its padding.",
        members={"extract": with_padding(_own(_LM32).extract)}),
    _batch("batch-kv-extracts-one-short", _LM31, ("BATCHKV-019",),
        "A row that is taken out before finalize counts a token less than it has.",
        members={"extract": _tokens_short}),
    _batch("batch-kv-offset-in-place", _LM32, ("BATCHKV-020",), "Offsets count in the array.",
        members={"count": _offsets_in_place}, sequence=True),
    _batch("batch-kv-merge-counts-padding", _LM32, ("BATCHKV-021",),
        "All merged rows have the offset of the longest.",
        members={"merge": classmethod(_merge_left)}),
    _batch("batch-kv-padding-not-saved", _LM32, ("BATCHKV-022",), "The state has no left padding.",
        members={"state": _own(_LM32).state.getter(_padding_lost)}),
    _batch("batch-kv-copy-is-itself", _LM32, ("BATCHKV-023",), "A copy is the batch itself.",
        members={"__reduce_ex__": copied(lambda cache: cache)}, sequence=True),
    _batch("batch-kv-copy-forgets-right-padding", _LM31, ("BATCHKV-023",),
        "A copy has no right padding.", members={"__reduce_ex__": copied(_prepared_forgotten)}),
    _batch("batch-kv-never-trimmable", _LM32, ("BATCHKV-024",), "A batch cannot be trimmed.",
        members={"is_trimmable": lambda cache: False}),
    _batch("batch-kv-size-of-buffer", _LM31, ("BATCHKV-024",), "The size counts free room.",
        members={"size": lambda cache: 0 if cache.keys is None else cache.keys.shape[2]}),
    _batch("batch-kv-misfits-ignored", _LM32, ("BATCHKV-025",),
        "Tokens that do not fit are lost without an error.",
        members={"update_and_fetch": _refused_silently}),
)  # fmt: skip
