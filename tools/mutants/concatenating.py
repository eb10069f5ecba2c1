"""Wrong concatenating caches."""

from __future__ import annotations

from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.alter import keeping
from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.kv import rules
from reference_impl.tokens import first as head
from reference_impl.tokens import joined
from tools.mutants.masking import (
    always_array,
    array_for_one,
    counting,
    mask,
    no_window,
    not_itself,
    of_the_chunk,
)
from tools.mutants.plain import (
    LM31,
    LM32,
    UPDATE,
    first_answer_short,
    first_row,
    first_two,
    from_the_front,
    from_zero,
    in_float32,
    in_front,
    later_chunks_count_one,
    like,
    misfit_cut,
    no_tokens_refused,
    one_for_both,
    singles_count_two,
    starting_at_one,
    with_buffers,
)
from tools.mutants.shared import alias, copied, reads, restoring, writes

_concat = partial(Mutant, kind="concatenate", label="ConcatenateKVCache")


def _concatenating(dialect: str) -> Any:
    return cache_classes(dialect)["ConcatenateKVCache"]


def _short(c: Any) -> Any:
    return (head(c.keys, -1), head(c.values, -1)) if c.keys is not None else (None, None)


def _none_empties(c: Any, value: Any) -> None:
    if len(value):
        _concatenating(LM31).state.fset(c, value)
    else:
        c.keys, c.values, c.offset = None, None, 0


def _offset_lost(c: Any) -> Any:
    twin = alias(c)
    twin.offset = 0
    return twin


def _joined_twice(c: Any) -> Any:
    """deepcopy of a cache whose tokens are doubled."""
    twin = alias(c)
    if twin.keys is not None:
        twin.keys, twin.values = joined(c.keys, c.keys), joined(c.values, c.values)
    return twin


MUTANTS = (
    _concat("concat-newest-in-front", LM31, ("CONCAT-001",), "New tokens go in front.",
            members={UPDATE: in_front(_concatenating, LM31)}),
    _concat("concat-offset-counts-chunks", LM32, ("CONCAT-001",),
            "Tokens after the first chunk count as one.",
            members={UPDATE: later_chunks_count_one(_concatenating, LM32)}),
    _concat("concat-singles-count-two", LM31, ("CONCAT-002",),
            "A single token after others counts as two.",
            members={UPDATE: singles_count_two(_concatenating, LM31)}),
    _concat("concat-first-answer-short", LM32, ("CONCAT-001",),
            "The answer to a first update lacks its last token.",
            members={UPDATE: first_answer_short(_concatenating, LM32)}),
    _concat("concat-starts-at-one", LM31, ("CONCAT-002", "CONCAT-007"), "A new cache has offset 1.",
            members={"__init__": starting_at_one, UPDATE: from_zero(_concatenating, LM31)}),
    _concat("concat-mask-hides-itself", LM32, ("CONCAT-004",), "In an array no token sees itself.",
            members={"make_mask": mask(_concatenating, LM32, not_itself)}),
    _concat("concat-bytes-need-tokens", LM31, ("CONCAT-007",),
            "An empty cache cannot say its bytes.",
            members={"nbytes": property(lambda c: c.keys.nbytes + c.values.nbytes)}),
    _concat("concat-state-one-short", LM31, ("CONCAT-008",), "The last token is not saved.",
            members={"state": reads(_concatenating, LM31, "state", _short)}),
    _concat("concat-no-arrays-empty", LM31, ("CONCAT-009",),
            "State of no arrays empties the cache.",
            "mlxrs in other kinds",
            members={"state": writes(_concatenating, LM31, "state", _none_empties)}),
    _concat("concat-copy-at-the-start", LM32, ("CONCAT-010",), "A copy is at offset 0.",
            members={"__reduce_ex__": copied(_offset_lost)}),
    _concat("concat-fetches-the-newest", LM32, ("CONCAT-001",), "The last two tokens are read.",
            members={"keys_and_values": lambda c: (c.keys[..., -2:, :], c.values[..., -2:, :])}),
    _concat("concat-metadata-of-one-text", LM31, ("CONCAT-008",), "Metadata is one empty text.",
            "mlx-swift-lm",
            members={"meta_state": reads(_concatenating, LM31, "meta_state", lambda c: [""])}),
    _concat("concat-no-tokens-refused", LM31, ("CONCAT-001",), "No tokens are an error.",
            members={UPDATE: no_tokens_refused(_concatenating, LM31)}),
    _concat("concat-trim-leaves-offset", LM31, ("CONCAT-003",), "Trimming leaves the offset.",
            members={"trim": keeping("offset", rules.trim_any)}),
    _concat("concat-trim-says-what-was-asked", LM32, ("CONCAT-003",),
            "More than there is to take back is said to be taken.",
            members={"trim": lambda c, n: max(rules.trim_any(c, n), n)}),
    _concat("concat-trim-at-least-one", LM31, ("CONCAT-003",), "Taking nothing back takes one.",
            members={"trim": lambda c, n: rules.trim_any(c, n or 1)}),
    _concat("concat-trim-from-the-front", LM32, ("CONCAT-003",), "The first tokens go.",
            members={"trim": from_the_front}),
    _concat("concat-trimmable-when-filled", LM31, ("CONCAT-003",),
            "An empty cache is not trimmable.",
            members={"is_trimmable": lambda c: c.offset > 0}),
    _concat("concat-mask-always-array", LM31, ("CONCAT-004",), "There is an array for every chunk.",
            members={"make_mask": mask(_concatenating, LM31, always_array)}),
    _concat("concat-mask-array-for-one", LM32, ("CONCAT-004",), "A single token has an array.",
            members={"make_mask": mask(_concatenating, LM32, array_for_one)}),
    _concat("concat-mask-of-the-chunk", LM31, ("CONCAT-004",), "The mask has no past.",
            members={"make_mask": mask(_concatenating, LM31, of_the_chunk)}),
    _concat("concat-mask-ignores-window", LM32, ("CONCAT-004",), "The window is ignored.",
            members={"make_mask": mask(_concatenating, LM32, no_window)}),
    _concat("concat-mask-takes-a-token", LM31, ("CONCAT-011",),
            "Asking for a mask takes a token back.",
            members={"make_mask": mask(_concatenating, LM31, counting)}),
    _concat("concat-in-float32", LM31, ("CONCAT-005",), "Tokens are kept in float32.",
            members={UPDATE: like(_concatenating, LM31, lambda k, v: (
                k.astype(mx.float32), v.astype(mx.float32)))}),
    _concat("concat-values-of-key-width", LM32, ("CONCAT-005",),
            "Values are cut to the width of keys.",
            members={UPDATE: like(_concatenating, LM32, lambda k, v: (k, v[..., : k.shape[-1]]))}),
    _concat("concat-one-row", LM31, ("CONCAT-005",), "One row is kept.",
            members={UPDATE: like(_concatenating, LM31, lambda k, v: (k[:1], v[:1]))}),
    _concat("concat-one-head", LM32, ("CONCAT-005",), "One head is kept.",
            members={UPDATE: like(_concatenating, LM32, lambda k, v: (k[:, :1], v[:, :1]))}),
    _concat("concat-misfit-cut", LM31, ("CONCAT-006",), "What does not fit is cut.",
            members={UPDATE: misfit_cut(_concatenating, LM31)}),
    _concat("concat-new-has-buffers", LM32, ("CONCAT-007",), "A new cache has buffers.",
            members={"__init__": with_buffers}),
    _concat("concat-empty-with-one", LM31, ("CONCAT-007",), "A cache with one token is empty.",
            members={"empty": lambda c: c.offset <= 1}),
    _concat("concat-restored-in-float32", LM32, ("CONCAT-008",), "Restored tokens are float32.",
            members={"from_state": restoring(_concatenating, LM32, in_float32)}),
    _concat("concat-restored-first-row", LM31, ("CONCAT-008",), "One row is restored.",
            members={"from_state": restoring(_concatenating, LM31, first_row)}),
    _concat("concat-restored-at-the-start", LM32, ("CONCAT-008",),
            "A restored cache is at offset 0.",
            members={"from_state": restoring(_concatenating, LM32, lambda c: setattr(
                c, "offset", 0))}),
    _concat("concat-state-of-one-array", LM31, ("CONCAT-009",), "One array is keys and values.",
            members={"state": writes(_concatenating, LM31, "state", one_for_both)}),
    _concat("concat-state-of-three-arrays", LM32, ("CONCAT-009",), "Arrays too many are ignored.",
            members={"state": writes(_concatenating, LM32, "state", first_two)}),
    _concat("concat-any-metadata", LM31, ("CONCAT-009",), "Any metadata is ignored.",
            members={"meta_state": writes(
                _concatenating, LM31, "meta_state", lambda c, value: None)}),
    _concat("concat-copy-doubles", LM31, ("CONCAT-010",), "A copy has every token twice.",
            members={"__reduce_ex__": copied(_joined_twice)}),
    _concat("concat-copy-shares", LM32, ("CONCAT-010",), "A copy has the buffers of its original.",
            "copy.copy of an mlx-lm cache",
            members={"__reduce_ex__": copied(alias)},
            sequence=True),
)  # fmt: skip
