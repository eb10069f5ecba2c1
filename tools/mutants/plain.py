"""Wrong plain caches: what they could do wrongly, and concatenating ones alike."""

from __future__ import annotations

from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.alter import keeping
from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.kv import rules
from reference_impl.tokens import after, joined
from reference_impl.tokens import first as head
from reference_impl.tokens import own as own_arrays
from tools.mutants.masking import (
    always_array,
    array_for_one,
    counting,
    mask,
    no_window,
    not_itself,
    of_the_chunk,
    window_one_more,
)
from tools.mutants.shared import Own, alias, copied, reads, restoring, writes

RS, LM31, LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
SWIFT3, SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
_RANK = 4

_kv = partial(Mutant, kind="kv", label="KVCache")


def _plain(dialect: str) -> Any:
    return cache_classes(dialect)["KVCache"]


# Appending


def like(own: Own, dialect: str, change: Any) -> Any:
    """Of tokens that are changed first."""
    return lambda c, keys, values: own(dialect).update_and_fetch(c, *change(keys, values))


def in_front(own: Own, dialect: str) -> Any:
    def update(c: Any, keys: Any, values: Any) -> Any:
        if c.keys is None or not c.offset:
            return own(dialect).update_and_fetch(c, keys, values)
        before = own_arrays([head(c.keys, c.offset), head(c.values, c.offset)])
        own(dialect).update_and_fetch(c, keys, values)
        c.keys, c.values = joined(keys, before[0]), joined(values, before[1])
        return c.keys, c.values

    return update


def _room_given(c: Any, keys: Any, values: Any) -> Any:
    rules.append(c, keys, values)
    return (c.keys, c.values) if c.offset > c.step else (
        head(c.keys, c.offset), head(c.values, c.offset))  # fmt: skip


def _one_step(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is None and keys.shape[2] > c.step:
        keys, values = head(keys, c.step), head(values, c.step)
    return rules.append(c, keys, values)


def misfit_cut(own: Own, dialect: str) -> Any:
    def update(c: Any, keys: Any, values: Any) -> Any:
        if c.keys is not None and keys.ndim == _RANK:
            batch, heads, _, width = c.keys.shape
            keys = keys[:batch, :heads, :, :width]
            values = values[:batch, :heads, :, : c.values.shape[3]]
        return own(dialect).update_and_fetch(c, keys, values)

    return update


def _refused_counts(c: Any, keys: Any, values: Any) -> Any:
    try:
        return _plain(RS).update_and_fetch(c, keys, values)
    except Exception:
        c.offset += 1
        raise


def no_tokens_refused(own: Own, dialect: str) -> Any:
    def update(c: Any, keys: Any, values: Any) -> Any:
        if keys.shape[-2] == 0:
            raise ValueError("an update needs tokens")
        return own(dialect).update_and_fetch(c, keys, values)

    return update


def _no_tokens_are_one(c: Any, keys: Any, values: Any) -> Any:
    found = rules.append(c, keys, values)
    c.offset += not keys.shape[2]
    return found


def later_chunks_count_one(own: Own, dialect: str) -> Any:
    def update(c: Any, keys: Any, values: Any) -> Any:
        before = c.offset
        found = own(dialect).update_and_fetch(c, keys, values)
        c.offset = before + 1 if before else c.offset
        return found

    return update


def singles_count_two(own: Own, dialect: str) -> Any:
    def update(c: Any, keys: Any, values: Any) -> Any:
        before = c.offset
        found = own(dialect).update_and_fetch(c, keys, values)
        c.offset += before > 0 and keys.shape[-2] == 1
        return found

    return update


def first_answer_short(own: Own, dialect: str) -> Any:
    def update(c: Any, keys: Any, values: Any) -> Any:
        new = c.keys is None
        found = own(dialect).update_and_fetch(c, keys, values)
        return [head(half, -1) for half in found] if new else found

    return update


def starting_at_one(c: Any) -> None:
    c.keys = c.values = None
    c.offset = 1


def from_zero(own: Own, dialect: str) -> Any:
    def update(c: Any, keys: Any, values: Any) -> Any:
        c.offset = 0 if c.keys is None else c.offset
        return own(dialect).update_and_fetch(c, keys, values)

    return update


def with_buffers(c: Any) -> None:
    c.keys = c.values = mx.zeros((1, 1, 0, 1))
    c.offset = 0


# Taking back


def from_the_front(c: Any, n: Any) -> Any:
    removed = min(c.offset, n)
    if c.keys is not None and removed > 0:
        c.keys, c.values = after(c.keys, removed), after(c.values, removed)
    c.offset -= removed
    return removed


def _one_chunk_at_most(c: Any, n: Any) -> Any:
    return rules.trim_any(c, min(n, 2))


# Serialized form, copies


def _whole(c: Any) -> Any:
    _plain(LM31).state.fget(c)  # an empty cache fails as ever
    return c.keys, c.values


def _one_short(c: Any) -> Any:
    keys, values = _plain(LM31).state.fget(c)
    stop = max(keys.shape[2] - 1, 0)
    return head(keys, stop), head(values, stop)


def _takes_one_back(c: Any) -> Any:
    found = _plain(LM31).state.fget(c)
    c.offset = max(c.offset - 1, 0)
    return found


def one_for_both(c: Any, value: Any) -> None:
    c.keys, c.values = (value[0], value[0]) if len(value) == 1 else value
    c.offset = c.keys.shape[-2]


def first_two(c: Any, value: Any) -> None:
    c.keys, c.values = list(value)[:2]
    c.offset = c.keys.shape[-2]


def in_float32(c: Any) -> None:
    if c.keys is not None:
        c.keys, c.values = c.keys.astype(mx.float32), c.values.astype(mx.float32)


def first_row(c: Any) -> None:
    if c.keys is not None:
        c.keys, c.values = c.keys[:1], c.values[:1]


def _refuse_empty(c: Any) -> None:
    if c.keys is None:
        raise AttributeError("a cache without tokens")


def _not_empty(c: Any) -> None:
    if c.keys is None:
        c.keys = c.values = mx.zeros((1, 1, 0, 1))


def _quantized(c: Any, group_size: Any = 64, bits: Any = 4) -> Any:
    found = _plain(LM31).to_quantized(c, group_size, bits)
    found.offset = max(found.offset - 1, 0)
    return found


def _quantizing_empties(c: Any, group_size: Any = 64, bits: Any = 8) -> Any:
    found = _plain(SWIFT4).to_quantized(c, group_size, bits)
    c.offset, c.keys, c.values = 0, mx.zeros((1, 1, 0, 1)), mx.zeros((1, 1, 0, 1))
    return found


UPDATE = "update_and_fetch"
MUTANTS = (
    _kv("kv-newest-in-front", LM31, ("KV-001",), "New tokens go in front.",
        members={UPDATE: in_front(_plain, LM31)}),
    _kv("kv-offset-counts-chunks", LM32, ("KV-001",),
        "Tokens after the first chunk count as one.",
        members={UPDATE: later_chunks_count_one(_plain, LM32)}),
    _kv("kv-singles-count-two", LM31, ("KV-002",),
            "A single token after others counts as two.",
            members={UPDATE: singles_count_two(_plain, LM31)}),
    _kv("kv-first-answer-short", LM32, ("KV-001",),
            "The answer to a first update lacks its last token.",
            members={UPDATE: first_answer_short(_plain, LM32)}),
    _kv("kv-starts-at-one", LM31, ("KV-002", "KV-011"), "A new cache has offset 1.",
            members={"__init__": starting_at_one, UPDATE: from_zero(_plain, LM31)}),
    _kv("kv-mask-hides-itself", LM32, ("KV-006",), "In an array no token sees itself.",
            members={"make_mask": mask(_plain, LM32, not_itself)}),
    _kv("kv-room-is-tokens", LM31, ("KV-003",), "Beyond one step, free room is given too.",
        members={UPDATE: _room_given}),
    _kv("kv-one-step-at-most", SWIFT3, ("KV-003",), "A first chunk is cut to a step.",
        members={UPDATE: _one_step}),
    _kv("kv-trim-says-what-was-asked", LM31, ("KV-004",),
        "More than there is to take back is said to be taken.",
        members={"trim": lambda c, n: max(rules.trim_any(c, n), n)}),
    _kv("kv-trim-leaves-offset", LM32, ("KV-004",), "Nothing is taken back.",
        members={"trim": keeping("offset", rules.trim_any)}),
    _kv("kv-trim-at-least-one", SWIFT4, ("KV-004",), "Taking nothing back takes one.",
        members={"trim": lambda c, n: rules.trim_any(c, n or 1)}),
    _kv("kv-trim-from-the-front", LM31, ("KV-004",), "The first tokens go.",
        members={"trim": from_the_front}),
    _kv("kv-trim-of-two-at-most", LM32, ("KV-004",), "No more than two tokens are taken back.",
        members={"trim": _one_chunk_at_most}),
    _kv("kv-trimmable-when-filled", LM31, ("KV-004",), "An empty cache is not trimmable.",
        members={"is_trimmable": lambda c: c.offset > 0}),
    _kv("kv-negative-trim-is-positive", LM31, ("KV-005",),
        "A negative count is taken for a positive one.",
        members={"trim": lambda c, n: rules.trim_any(c, abs(n))}),
    _kv("kv-negative-trim-is-huge", RS, ("KV-005",), "A negative count takes all.",
        members={"trim": lambda c, n: _plain(RS).trim(c, n if n >= 0 else n + 2**64)}),
    _kv("kv-mask-always-array", RS, ("KV-006",), "There is an array for every chunk.",
        members={"make_mask": mask(_plain, RS, always_array)}),
    _kv("kv-mask-array-for-one", LM31, ("KV-006",), "A single token has an array.",
        members={"make_mask": mask(_plain, LM31, array_for_one)}),
    _kv("kv-mask-of-the-chunk", LM32, ("KV-006", "KV-007"), "The mask has no past.",
        members={"make_mask": mask(_plain, LM32, of_the_chunk)}),
    _kv("kv-mask-ignores-window", LM31, ("KV-007",), "The window is ignored.",
        members={"make_mask": mask(_plain, LM31, no_window)}),
    _kv("kv-mask-window-one-more", SWIFT3, ("KV-007",), "A window holds one token more.",
        members={"make_mask": mask(_plain, SWIFT3, window_one_more)}),
    _kv("kv-mask-takes-a-token", LM32, ("KV-021",), "Asking for a mask takes a token back.",
        members={"make_mask": mask(_plain, LM32, counting)}),
    _kv("kv-in-float32", LM31, ("KV-008",), "Tokens are kept in float32.",
        members={UPDATE: like(_plain, LM31, lambda k, v: (
            k.astype(mx.float32), v.astype(mx.float32)))}),
    _kv("kv-values-of-key-width", LM32, ("KV-008",), "Values are cut to the width of keys.",
        members={UPDATE: like(_plain, LM32, lambda k, v: (k, v[..., : k.shape[-1]]))}),
    _kv("kv-one-row", SWIFT3, ("KV-008",), "One row is kept.",
        members={UPDATE: like(_plain, SWIFT3, lambda k, v: (k[:1], v[:1]))}),
    _kv("kv-one-head", RS, ("KV-008",), "One head is kept.",
        members={UPDATE: like(_plain, RS, lambda k, v: (k[:, :1], v[:, :1]))}),
    _kv("kv-misfit-cut", LM31, ("KV-009",), "What does not fit is cut.",
        members={UPDATE: misfit_cut(_plain, LM31)}),
    _kv("kv-refused-is-counted", RS, ("KV-009",), "Refused tokens are counted.",
        members={UPDATE: _refused_counts}),
    _kv("kv-no-tokens-refused", LM31, ("KV-010",), "No tokens are an error.",
        members={UPDATE: no_tokens_refused(_plain, LM31)}),
    _kv("kv-no-tokens-are-one", SWIFT4, ("KV-010",), "No tokens count as one.",
        members={UPDATE: _no_tokens_are_one}),
    _kv("kv-new-has-buffers", LM32, ("KV-011",), "A new cache has buffers of no tokens.",
        members={"__init__": with_buffers}),
    _kv("kv-empty-with-one", LM31, ("KV-011",), "A cache with one token is empty.",
        members={"empty": lambda c: c.offset <= 1}),
    _kv("kv-bytes-need-tokens", RS, ("KV-011",), "An empty cache cannot say its bytes.",
        members={"nbytes": property(lambda c: c.keys.nbytes + c.values.nbytes)}),
    _kv("kv-size-is-the-step", LM31, ("KV-002",), "The size is that of the buffers.",
        members={"size": lambda c: 0 if c.keys is None else c.keys.shape[2]}),
    _kv("kv-state-with-room", LM31, ("KV-012",), "Free room is saved.",
        members={"state": reads(_plain, LM31, "state", _whole)}),
    _kv("kv-state-one-short", LM31, ("KV-012", "KV-013"), "The last token is not saved.",
        members={"state": reads(_plain, LM31, "state", _one_short)}),
    _kv("kv-state-takes-a-token", LM31, ("KV-021",), "Reading the state takes a token back.",
        members={"state": reads(_plain, LM31, "state", _takes_one_back)}),
    _kv("kv-metadata-of-one-text", RS, ("KV-012",), "Metadata is one empty text.",
        "mlx-swift-lm", members={"meta_state": reads(_plain, RS, "meta_state", lambda c: [""])}),
    _kv("kv-any-metadata", LM31, ("KV-015",), "Any metadata is ignored.",
        members={"meta_state": writes(_plain, LM31, "meta_state", lambda c, value: None)}),
    _kv("kv-restored-in-float32", LM32, ("KV-013",), "Restored tokens are float32.",
        members={"from_state": restoring(_plain, LM32, in_float32)}),
    _kv("kv-restored-first-row", RS, ("KV-013",), "One row is restored.",
        members={"from_state": restoring(_plain, RS, first_row)}),
    _kv("kv-restored-at-the-start", SWIFT4, ("KV-013",), "A restored cache is at offset 0.",
        members={"from_state": restoring(_plain, SWIFT4, lambda c: setattr(c, "offset", 0))}),
    _kv("kv-empty-not-restored", LM32, ("KV-014",), "A cache without tokens is not restored.",
        "mlx-lm 0.31", members={"from_state": restoring(_plain, LM32, _refuse_empty)}),
    _kv("kv-empty-restored-with-buffers", RS, ("KV-014",),
        "A cache without tokens comes back with buffers of none.",
        members={"from_state": restoring(_plain, RS, _not_empty)}),
    _kv("kv-state-of-one-array", LM31, ("KV-016",), "One array is keys and values.",
        members={"state": writes(_plain, LM31, "state", one_for_both)}),
    _kv("kv-state-of-three-arrays", LM31, ("KV-016",), "Arrays too many are ignored.",
        members={"state": writes(_plain, LM31, "state", first_two)}),
    _kv("kv-no-arrays-refused", RS, ("KV-016",), "State of no arrays is refused.",
        members={"state": writes(_plain, RS, "state", rules.take_two_arrays)}),
    _kv("kv-state-swapped", SWIFT3, ("KV-012", "KV-013"), "Keys and values are swapped.",
        members={"state": writes(_plain, SWIFT3, "state", lambda c, value: rules.take_pair(
            c, value[::-1]))}),
    _kv("kv-copy-shares", LM31, ("KV-017", "KV-018"), "A copy has the buffers of its original.",
        "copy.copy of an mlx-lm cache",
        members={"__reduce_ex__": copied(alias)},
        sequence=True),
    _kv("kv-copy-is-itself", RS, ("KV-017",), "A copy is the original.",
        members={"copy": lambda c: c}),
    _kv("kv-quantized-at-another-offset", LM31, ("KV-019",), "Conversion loses a position.",
        members={"to_quantized": _quantized}),
    _kv("kv-quantizing-empties", SWIFT4, ("KV-019",), "Conversion empties the plain cache.",
        members={"to_quantized": _quantizing_empties}),
    _kv("kv-fetches-room", LM32, ("KV-020",), "Free room is read.",
        members={"keys_and_values": lambda c: (c.keys, c.values)}),
    _kv("kv-materialize-resets", RS, ("KV-021",), "Materializing resets the offset.",
        members={"materialize": lambda c: setattr(c, "offset", 0)}),
    _kv("kv-label-of-swift", RS, ("KV-022",), "The label is KVCacheSimple.", "mlx-swift-lm",
        members={"reference_class_name": "KVCacheSimple"}),
)  # fmt: skip
