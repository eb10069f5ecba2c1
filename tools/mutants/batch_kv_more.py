"""Wrong batch caches: what a port takes wrongly in tokens, padding, rows and what it shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.batch_kv import rows
from tools.mutants.plain import like, misfit_cut, no_tokens_refused
from tools.mutants.shared import reads

RS, LM31, LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_RANK = 4

_batch = partial(Mutant, kind="batch_kv", label="BatchKVCache")


def _own(dialect: str) -> Any:
    return cache_classes(dialect)["BatchKVCache"]


# Tokens and padding


def _padding_blanked(c: Any, keys: Any, values: Any) -> Any:
    found = _own(LM31).update_and_fetch(c, keys, values)
    real = (mx.arange(c.index) >= c.left_padding[:, None])[:, None, :, None]
    return tuple(mx.where(real, array, 0) for array in found)


def _one_offset_for_all(c: Any, keys: Any, values: Any) -> Any:
    found = _own(LM32).update_and_fetch(c, keys, values)
    if not c.left_padding.any():
        c.offset = mx.array(c.index)
    return found


def _offsets_of_255(c: Any, keys: Any, values: Any) -> Any:
    found = _own(LM32).update_and_fetch(c, keys, values)
    c.offset = c.offset[mx.minimum(mx.arange(c.offset.size), 255 - 1)]
    return found


def _newest_in_front(c: Any, keys: Any, values: Any) -> Any:
    before = None if c.keys is None else _own(LM31).keys_and_values(c)
    found = _own(LM31).update_and_fetch(c, keys, values)
    if before is None:
        return found
    c.keys, c.values = mx.concatenate([keys, before[0]], 2), mx.concatenate([values, before[1]], 2)
    return c.keys, c.values


def _added_to_zeros(keys: Any, values: Any) -> Any:
    return keys + mx.zeros_like(keys), values + mx.zeros_like(values)


def _refused_counts(c: Any, keys: Any, values: Any) -> Any:
    try:
        return _own(RS).update_and_fetch(c, keys, values)
    except Exception:
        c.offset = c.offset + 1
        raise


def _any_rank(c: Any, keys: Any, values: Any) -> Any:
    if keys.ndim == _RANK - 1:
        keys, values = keys[:, None], values[:, None]
    return _own(LM32).update_and_fetch(c, keys, values)


def _mask_of_one_at_least(c: Any, N: Any, *args: Any, **kwargs: Any) -> Any:
    return _own(LM32).make_mask(c, max(N, 1), *args, **kwargs)


def _causal_alone(c: Any, N: Any, return_array: Any = False, **kwargs: Any) -> Any:
    found = _own(LM31).make_mask(c, N, return_array, **kwargs)
    return found if return_array or c.left_padding.any() or kwargs.get("window_size") else "causal"


def _before_the_padding(c: Any, *, left_padding: Any = None, **kwargs: Any) -> Any:
    if left_padding is not None and c.keys is None:
        c.left_padding = c.left_padding + mx.array(left_padding)
        left_padding = None
    return _own(LM32).prepare(c, left_padding=left_padding, **kwargs)


def _prepared_or_refused(c: Any) -> None:
    if c.right_padding is None:
        raise RuntimeError("prepare comes before finalize")
    _own(LM31).finalize(c)


def _zero_is_all(c: Any, n: Any) -> Any:
    return _own(LM32).trim(c, n or c.index)


def _empty_refused(c: Any, n: Any) -> Any:
    if not c.index:
        raise IndexError("no tokens are left")
    return _own(LM31).trim(c, n)


def _live_offset(c: Any) -> Any:
    found = _own(RS).state.fget(c)
    return [*found[:2], c.offset, *found[3:]]


def _counting_in_place(c: Any, keys: Any, values: Any) -> Any:
    offset = c.offset
    found = _own(RS).update_and_fetch(c, keys, values)
    offset += keys.shape[2]
    c.offset = offset
    return found


# Rows


def _named_rows_leave(c: Any, batch_indices: Any) -> None:
    count = c.offset.size
    leaving = {index % count for index in batch_indices}
    _own(LM32).filter(c, [row for row in range(count) if row not in leaving])


def _only_with_tokens(c: Any, batch_indices: Any) -> None:
    if c.keys is not None:
        _own(LM31).filter(c, batch_indices)


def _padding_of_first(c: Any, batch_indices: Any) -> None:
    rows.pick_rows(c, batch_indices)
    spare = c.left_padding.tolist()[0]
    if spare > 0 and c.keys is not None:
        c.keys, c.values = c.keys[..., spare:, :], c.values[..., spare:, :]
    c.index -= spare
    c.left_padding = c.left_padding - spare


def _drained(c: Any, other: Any) -> None:
    _own(LM32).extend(c, other)
    other.keys = other.values = None


def _heads_cut(c: Any, other: Any) -> None:
    if c.keys is not None and other.keys is not None:
        heads = c.keys.shape[1]
        other.keys, other.values = other.keys[:, :heads], other.values[:, :heads]
    _own(LM31).extend(c, other)


def _of_the_batch(c: Any, idx: Any) -> Any:
    single = type(c)(c.left_padding[idx : idx + 1].tolist())
    _own(LM32).extend(single, c)
    single.filter([idx + 1])
    return single


def _row_leaves(c: Any, idx: Any) -> Any:
    single = _own(LM31).extract(c, idx)
    c.filter([row for row in range(c.offset.size) if row != idx])
    return single


def _longest_first(cls: Any, caches: Any) -> Any:
    return _own(LM32).merge.__func__(cls, caches[::-1])


def _with_free_room(cls: Any, caches: Any) -> Any:
    for cache in caches:
        if cache.keys is not None:
            cache.offset = min(cache.offset + 1, cache.keys.shape[2])
    return _own(LM31).merge.__func__(cls, caches)


def _tokens_needed(cls: Any, caches: Any) -> Any:
    if all(cache.keys is None for cache in caches):
        raise ValueError("nothing to merge")
    return _own(LM32).merge.__func__(cls, caches)


# What it shows


def _state_finalizes(c: Any) -> Any:
    found = _own(LM32).state.fget(c)
    c.offset = mx.maximum(c.offset - 1, 0)
    return found


def _looking_appends(c: Any) -> Any:
    found = _own(LM32).keys_and_values(c)
    c.index += 1
    return found


def _at_the_start(c: Any) -> None:
    c.index = 0


_UPDATE = "update_and_fetch"
MUTANTS = (
    _batch("batch-kv-padding-blanked", LM31, ("BATCHKV-001",),
        "An update gives zeros in the place of padding.", members={_UPDATE: _padding_blanked}),
    _batch("batch-kv-one-offset-without-padding", LM32, ("BATCHKV-002",),
        "Rows without padding have one offset together.",
        members={_UPDATE: _one_offset_for_all}),
    _batch("batch-kv-offsets-of-255-rows", LM32, ("BATCHKV-002",),
        "Rows behind the 255th have the offset of that one.",
        members={_UPDATE: _offsets_of_255}),
    _batch("batch-kv-newest-in-front", LM31, ("BATCHKV-001",), "New tokens go in front.",
        members={_UPDATE: _newest_in_front}),
    _batch("batch-kv-no-tokens-refused", LM32, ("BATCHKV-001",), "No tokens are an error.",
        members={_UPDATE: no_tokens_refused(_own, LM32)}),
    _batch("batch-kv-values-of-key-width", LM31, ("BATCHKV-004",),
        "Values are as wide as keys.",
        members={_UPDATE: like(_own, LM31, lambda k, v: (k[..., : v.shape[-1]], v))}),
    _batch("batch-kv-one-head", RS, ("BATCHKV-004",), "One head is kept.",
        members={_UPDATE: like(_own, RS, lambda k, v: (k[:, :1], v[:, :1]))}),
    _batch("batch-kv-added-to-zeros", LM32, ("BATCHKV-004",),
        "Tokens are added to a blank buffer, so that minus zero is zero.",
        members={_UPDATE: like(_own, LM32, _added_to_zeros)}),
    _batch("batch-kv-misfit-cut", LM31, ("BATCHKV-025",), "What does not fit is cut.",
        members={_UPDATE: misfit_cut(_own, LM31)}),
    _batch("batch-kv-refused-is-counted", RS, ("BATCHKV-025",), "Refused tokens are counted.",
        members={_UPDATE: _refused_counts}),
    _batch("batch-kv-any-rank", LM32, ("BATCHKV-025",), "Heads that lack are made up.",
        members={_UPDATE: _any_rank}),
    _batch("batch-kv-state-is-live", RS, ("BATCHKV-020",),
        "The state shows the offsets themselves, which count in place.",
        members={"state": reads(_own, RS, "state", _live_offset), _UPDATE: _counting_in_place},
        sequence=True),
    _batch("batch-kv-mask-of-one-at-least", LM32, ("BATCHKV-005",),
        "A mask for no tokens is one for a token.", members={"make_mask": _mask_of_one_at_least}),
    _batch("batch-kv-causal-without-padding", LM31, ("BATCHKV-005",),
        "Without padding the mask is \"causal\".", members={"make_mask": _causal_alone}),
    _batch("batch-kv-padding-not-off-the-offset", LM32, ("BATCHKV-008",),
        "Left padding of prepare is not taken off the offsets.",
        members={"prepare": _before_the_padding}),
    _batch("batch-kv-finalize-needs-prepare", LM31, ("BATCHKV-010",),
        "finalize without right padding is an error.",
        members={"finalize": _prepared_or_refused}),
    _batch("batch-kv-trim-none-is-all", LM32, ("BATCHKV-011",), "Taking nothing back takes all.",
        members={"trim": _zero_is_all}),
    _batch("batch-kv-trim-needs-tokens", LM31, ("BATCHKV-011",),
        "Taking tokens back from a batch without any is an error.",
        members={"trim": _empty_refused}),
    _batch("batch-kv-named-rows-leave", LM32, ("BATCHKV-013",), "The named rows leave.",
        members={"filter": _named_rows_leave}),
    _batch("batch-kv-filter-needs-tokens", LM31, ("BATCHKV-014",),
        "Before the first update no row leaves.", members={"filter": _only_with_tokens}),
    _batch("batch-kv-padding-of-the-first-row", LM32, ("BATCHKV-013",),
        "The padding of the first row that stays is taken off all.",
        members={"filter": _padding_of_first}),
    _batch("batch-kv-joined-is-drained", LM32, ("BATCHKV-016",),
        "The batch that joins is empty afterwards.", members={"extend": _drained}),
    _batch("batch-kv-joined-heads-cut", LM31, ("BATCHKV-016",),
        "Heads too many of a batch that joins are dropped.", members={"extend": _heads_cut}),
    _batch("batch-kv-extracts-a-batch", LM32, ("BATCHKV-018",),
        "A row that is taken out is a batch of one.", members={"extract": _of_the_batch}),
    _batch("batch-kv-extracted-row-leaves", LM31, ("BATCHKV-018",),
        "A row that is taken out leaves the batch.", members={"extract": _row_leaves}),
    _batch("batch-kv-merged-in-reverse", LM32, ("BATCHKV-021",),
        "Merged rows stand in reverse.", members={"merge": classmethod(_longest_first)}),
    _batch("batch-kv-merges-free-room", LM31, ("BATCHKV-021",),
        "A token behind the end of each cache is merged.",
        members={"merge": classmethod(_with_free_room)}),
    _batch("batch-kv-merge-needs-tokens", LM32, ("BATCHKV-021",),
        "Caches without tokens do not merge.", members={"merge": classmethod(_tokens_needed)}),
    _batch("batch-kv-saving-takes-a-token", LM32, ("BATCHKV-022",),
        "Reading the state moves the offsets.",
        members={"state": reads(_own, LM32, "state", _state_finalizes)}),
    _batch("batch-kv-label-of-plain", RS, ("BATCHKV-024",), "The label is KVCache.",
        members={"reference_class_name": "KVCache"}),
    _batch("batch-kv-empty-by-index", LM31, ("BATCHKV-024",),
        "A batch from which all was taken back is empty.",
        members={"empty": lambda c: c.index == 0}),
    _batch("batch-kv-bytes-need-tokens", LM32, ("BATCHKV-024",),
        "An empty batch cannot say its bytes.",
        members={"nbytes": property(lambda c: c.keys.nbytes + c.values.nbytes)}),
    _batch("batch-kv-looking-appends", LM32, ("BATCHKV-024",), "Looking adds a token.",
        members={"keys_and_values": _looking_appends}),
    _batch("batch-kv-materialize-resets", RS, ("BATCHKV-024",), "Materializing resets the index.",
        members={"materialize": _at_the_start}),
    _batch("batch-kv-metadata-of-padding", LM31, ("BATCHKV-024",),
        "Metadata is the left padding.",
        members={"meta_state": property(lambda c: ",".join(map(str, c.left_padding.tolist())))}),
)  # fmt: skip
