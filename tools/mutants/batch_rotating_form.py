"""Wrong batch caches with a window: rows, state, metadata, copies, what is read."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.batch_kv import rows
from reference_impl.tokens import own as own_arrays
from reference_impl.tokens import rolled
from tools.mutants.batch_rotating_more import LM31, LM32, RS, batch, own
from tools.mutants.shared import copied, reads, writes

# Rows


def _named_rows_leave(c: Any, batch_indices: Any) -> None:
    count = c.offset.size
    leaving = {index % count for index in batch_indices}
    own(LM32).filter(c, [row for row in range(count) if row not in leaving])


def _only_with_tokens(c: Any, batch_indices: Any) -> None:
    if c.keys is not None:
        own(LM31).filter(c, batch_indices)


def _cuts_padding(c: Any, batch_indices: Any) -> None:
    own(LM32).filter(c, batch_indices)
    spare = min(c.left_padding.tolist())
    if spare > 0 and c.keys is not None and c.index < c.keys.shape[2]:
        c.index -= spare
        c.written -= spare
        c.keys, c.values = c.keys[..., spare:, :], c.values[..., spare:, :]


def _by_place(c: Any, batch_indices: Any) -> None:
    before = c.offset
    own(LM31).filter(c, batch_indices)
    if c.rotated:
        c.offset = before[: len(batch_indices)]


def _joined_as_they_lie(c: Any, other: Any) -> None:
    rows.join_rows(c, other)
    c.written = max(c.written, other.written)
    c.rotated = c.rotated or other.rotated


def _drained(c: Any, other: Any) -> None:
    own(LM31).extend(c, other)
    other.keys = other.values = None
    other.offset = -other.left_padding


def _empty_skipped(c: Any, other: Any) -> None:
    if other.keys is not None:
        own(LM32).extend(c, other)


def _written_of_its_own(c: Any, other: Any) -> None:
    written = c.written
    own(LM32).extend(c, other)
    c.written = written if c.keys is None else max(written, 1)


def _padding_of_now(c: Any, idx: Any) -> Any:
    if c.rotated:
        c.left_padding = mx.maximum(c.left_padding, 1)
    return own(LM32).extract(c, idx)


def _cut_when_extracted(c: Any, idx: Any) -> Any:
    single = own(LM31).extract(c, idx)
    single.keys, single.values = (a[..., -c.max_size :, :] for a in (single.keys, single.values))
    single.index = single.keys.shape[2]
    return single


def _offset_of_stored(c: Any, idx: Any) -> Any:
    single = own(LM32).extract(c, idx)
    single.offset = single.keys.shape[2]
    return single


def _row_leaves(c: Any, idx: Any) -> Any:
    single = own(LM31).extract(c, idx)
    c.filter([row for row in range(c.offset.size) if row != idx])
    return single


def _merge(change: Any, dialect: str = LM32) -> Any:
    """The batch of what `change` makes of the caches."""
    return classmethod(
        lambda cls, caches: own(dialect).merge.__func__(cls, change(list(caches)))
    )  # fmt: skip


def _of_one_size(caches: list[Any]) -> list[Any]:
    widest = max(cache.max_size for cache in caches)
    for cache in caches:
        cache.max_size = widest
    return caches


def _as_they_lie(caches: list[Any]) -> list[Any]:
    for cache in caches:
        if cache.keys is not None and cache.index < cache.keys.shape[2] <= cache.max_size \
                and cache.offset > cache.keys.shape[2]:  # fmt: skip
            cache.keys = rolled(cache.keys, cache.index, 2)
    return caches


def _with_tokens(caches: list[Any]) -> list[Any]:
    found = [cache for cache in caches if cache.keys is not None]
    if not found:
        raise ValueError("nothing to merge")
    return found


# State, metadata, what it shows


def _swapped(c: Any) -> Any:
    found: list[Any] = own(RS).state.fget(c)
    return [*found[1::-1], *found[2:]]


def _only_arrays(c: Any, value: Any) -> None:
    c.keys, c.values, c.offset, c.left_padding = value
    c.offset = mx.array([c.keys.shape[2]] * c.offset.size) - c.left_padding


def _filled_up(c: Any, value: Any) -> None:
    value = list(value)[:4]
    known = [c.keys, c.values, c.offset, c.left_padding]
    c.keys, c.values, c.offset, c.left_padding = value + known[len(value) :]


def _restored_in_order(cls: Any, *form: Any) -> Any:
    made = own(RS).from_state.__func__(cls, *form)
    if made.rotated:
        made.rotated, made.index = False, made.keys.shape[2]
    return made


def _unchecked(cls: Any, state: Any, meta_state: Any) -> Any:
    made = cls.blank()
    made.state, made.meta_state = state, meta_state
    return made


def _empty_state(c: Any, value: Any) -> None:
    if len(list(value)):
        own(RS).state.fset(c, value)
    else:
        c.keys = c.values = None


def _takes_back(c: Any) -> Any:
    found = own(LM31).state.fget(c)
    c.offset = c.offset - 1
    return found


def _three_texts(c: Any) -> Any:
    return own(LM31).meta_state.fget(c)[:3]


def _missing_is_zero(c: Any, value: Any) -> None:
    texts = [*value, "0", "0", "0", "0"][:4]
    numbers = [int(text) if text.isdecimal() else 0 for text in texts[:3]]
    c.max_size, c.written, c.index = numbers
    c.rotated = bool(texts[3])


def _decimals_cut(c: Any, value: Any) -> None:
    own(LM31).meta_state.fset(c, [*(text.split(".")[0] for text in value[:3]), *value[3:]])


def _refuses_texts(c: Any, value: Any) -> None:
    raise ValueError("a batch keeps no metadata")


def _one_by_one(c: Any, value: Any) -> None:
    if value and value[0].isdecimal():
        c.max_size = int(value[0])
    if len(value) > 1 and value[1].isdecimal():
        c.offset = c.offset + int(value[1])
    own(RS).meta_state.fset(c, value)


def _live_offset(c: Any, keys: Any, values: Any) -> Any:
    before = c.offset
    found = own(RS).update_and_fetch(c, keys, values)
    before += keys.shape[2]
    c.offset = before
    return found


def _trims_in_place(c: Any, n: Any) -> Any:
    before = c.offset
    removed = own(RS).trim(c, n)
    before -= removed
    c.offset = before
    return removed


def _twin(c: Any, **changed: Any) -> Any:
    twin = object.__new__(type(c))
    vars(twin).update({name: own_arrays(value) for name, value in vars(c).items()})
    vars(twin).update(changed)
    return twin


def _looking_appends(c: Any) -> Any:
    found = own(LM32).keys_and_values(c)
    c.offset = c.offset + 1
    return found


MUTANTS = (
    batch("batch-rotating-named-rows-leave", LM32, ("BATCHROTATING-009",), "The named rows leave.",
        members={"filter": _named_rows_leave}),
    batch("batch-rotating-filter-needs-tokens", LM31, ("BATCHROTATING-009",),
        "Before the first update no row leaves.", members={"filter": _only_with_tokens}),
    batch("batch-rotating-filter-cuts-padding", LM32, ("BATCHROTATING-009",),
        "Padding that all rows have is cut off the buffer.", members={"filter": _cuts_padding}),
    batch("batch-rotating-offsets-stay", LM31, ("BATCHROTATING-009",),
        "Offsets of a window that has turned over stay where they were.",
        members={"filter": _by_place}),
    batch("batch-rotating-extends-as-it-lies", LM32, ("BATCHROTATING-010",),
        "Windows are joined as they lie.", members={"extend": _joined_as_they_lie}),
    batch("batch-rotating-joined-is-drained", LM31, ("BATCHROTATING-010",),
        "The batch that joins is empty afterwards.", members={"extend": _drained}),
    batch("batch-rotating-empty-not-joined", LM32, ("BATCHROTATING-010",),
        "A batch that has not run does not join.", members={"extend": _empty_skipped}),
    batch("batch-rotating-count-of-its-own", LM32, ("BATCHROTATING-010",),
        "A longer batch that joins is not counted.", members={"extend": _written_of_its_own}),
    batch("batch-rotating-extracts-less", LM32, ("BATCHROTATING-011",),
        "A row of a window that has turned over leaves its oldest token.",
        members={"extract": _padding_of_now}),
    batch("batch-rotating-extract-cut", LM31, ("BATCHROTATING-011",),
        "A row is cut to the window when it is taken out.",
        members={"extract": _cut_when_extracted}),
    batch("batch-rotating-extract-offset-of-stored", LM32, ("BATCHROTATING-011",),
        "The offset of a row that is taken out is the number of its stored tokens.",
        members={"extract": _offset_of_stored}),
    batch("batch-rotating-extracted-row-leaves", LM31, ("BATCHROTATING-011",),
        "A row that is taken out leaves the batch.", members={"extract": _row_leaves}),
    batch("batch-rotating-merges-other-windows", LM32, ("BATCHROTATING-012",),
        "Windows of different sizes become one of the largest.",
        members={"merge": _merge(_of_one_size)}),
    batch("batch-rotating-merges-as-it-lies", LM31, ("BATCHROTATING-012",),
        "Keys of a window that has turned over are merged in another order than the values.",
        members={"merge": _merge(_as_they_lie, LM31)}),
    batch("batch-rotating-merges-those-with-tokens", LM32, ("BATCHROTATING-012",),
        "Caches without tokens are no rows.", members={"merge": _merge(_with_tokens)}),
    batch("batch-rotating-merged-in-reverse", LM31, ("BATCHROTATING-012",),
        "Merged rows stand in reverse.", members={"merge": _merge(lambda cs: cs[::-1], LM31)}),
    batch("batch-rotating-state-swapped", RS, ("BATCHROTATING-013",),
        "Values are saved before keys.",
        members={"state": reads(own, RS, "state", _swapped)}),
    batch("batch-rotating-offset-not-read", LM31, ("BATCHROTATING-013",),
        "Offsets of a state are computed from its tokens, wherever it was.",
        members={"state": writes(own, LM31, "state", _only_arrays)}),
    batch("batch-rotating-state-filled-up", LM31, ("BATCHROTATING-021",),
        "Arrays that lack are those that were there.",
        members={"state": writes(own, LM31, "state", _filled_up)}),
    batch("batch-rotating-empty-state-counts-on", RS, ("BATCHROTATING-021",),
        "A state without arrays leaves the counts.",
        members={"state": writes(own, RS, "state", _empty_state)}),
    batch("batch-rotating-restored-in-order", RS, ("BATCHROTATING-013",),
        "A restored window has not turned over.",
        members={"from_state": classmethod(_restored_in_order)}),
    batch("batch-rotating-restored-unchecked", RS, ("BATCHROTATING-021",),
        "Numbers are not compared with the tokens.",
        members={"from_state": classmethod(_unchecked)}),
    batch("batch-rotating-saving-takes-a-token", LM31, ("BATCHROTATING-018",),
        "Reading the state moves the offsets.",
        members={"state": reads(own, LM31, "state", _takes_back)}),
    batch("batch-rotating-three-texts", LM31, ("BATCHROTATING-013",),
        "Metadata does not say whether the window has turned over.",
        members={"meta_state": reads(own, LM31, "meta_state", _three_texts)}),
    batch("batch-rotating-texts-that-lack-are-0", LM31, ("BATCHROTATING-021",),
        "Texts that lack or are no numbers are 0.",
        members={"meta_state": writes(own, LM31, "meta_state", _missing_is_zero)}),
    batch("batch-rotating-decimals-cut", LM31, ("BATCHROTATING-021",),
        "A fraction is cut to its whole.",
        members={"meta_state": writes(own, LM31, "meta_state", _decimals_cut)}),
    batch("batch-rotating-texts-refused", LM31, ("BATCHROTATING-013",), "All metadata is refused.",
        "mlx-lm 0.32", members={"meta_state": writes(own, LM31, "meta_state", _refuses_texts)}),
    batch("batch-rotating-texts-half-read", RS, ("BATCHROTATING-021",),
        "Numbers before the one that is wrong are taken.",
        members={"meta_state": writes(own, RS, "meta_state", _one_by_one)}),
    batch("batch-rotating-offsets-in-place", RS, ("BATCHROTATING-019",),
        "Offsets count in the array.",
        "mlx-lm 0.31.3", members={"update_and_fetch": _live_offset, "trim": _trims_in_place},
        sequence=True),
    batch("batch-rotating-copy-shares", LM32, ("BATCHROTATING-014",),
        "A copy has the buffers of its original.",
        members={"__reduce_ex__": copied(lambda c: _twin(c, keys=c.keys, values=c.values))},
        sequence=True),
    batch("batch-rotating-copy-forgets-lengths", LM31, ("BATCHROTATING-014",),
        "A copy has no lengths.",
        members={"__reduce_ex__": copied(lambda c: _twin(c, lengths=None))}),
    batch("batch-rotating-copy-unturned", LM32, ("BATCHROTATING-014",),
        "A copy of a window that has turned over begins at its start.",
        members={"__reduce_ex__": copied(lambda c: _twin(c, index=0) if c.rotated else _twin(c))}),
    batch("batch-rotating-empty-until-full", LM32, ("BATCHROTATING-015",),
        "A batch is empty until its window is full.",
        members={"empty": lambda c: c.written < c.max_size}),
    batch("batch-rotating-bytes-need-tokens", LM32, ("BATCHROTATING-015",),
        "An empty batch cannot say its bytes.",
        members={"nbytes": property(lambda c: c.keys.nbytes + c.values.nbytes)}),
    batch("batch-rotating-size-of-window", LM31, ("BATCHROTATING-015",), "The size is the window.",
        members={"size": lambda c: c.max_size if c.written else 0}),
    batch("batch-rotating-looking-appends", LM32, ("BATCHROTATING-018",),
        "Looking moves the offsets.",
        members={"keys_and_values": _looking_appends}),
    batch("batch-rotating-materialize-resets", RS, ("BATCHROTATING-018",),
        "Materializing resets the index.",
        members={"materialize": lambda c: setattr(c, "index", 0)}),
    batch("batch-rotating-label-of-batch", RS, ("BATCHROTATING-015",), "The label is BatchKVCache.",
        members={"reference_class_name": "BatchKVCache"}),
)  # fmt: skip
