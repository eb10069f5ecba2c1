"""Laws of left padding, lengths and masks, by a definition that knows no array library."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from hypothesis import strategies as st

from conformance.kinds.slots.laws.trial import Content, Ints, SlotTrial, int32
from conformance.properties.law import Law
from conformance.tensor import Tensor, tensor

_tokens = st.integers(0, 6)
MASK_ENDS, PADDING_WINS = "mask-ends-with-slot-0", "mask-precedence"


def mask(hazards: Set[str], content: Content, n: int) -> Tensor | None:
    """The mask of n tokens: which positions take part, row by row; None where there is no mask."""
    padding, lengths = content.left_padding, content.lengths
    if MASK_ENDS in hazards and content.slots[0] is not None:
        return None
    if PADDING_WINS in hazards and padding is not None:
        lengths = None
    if padding is None and lengths is None:
        return None
    count = len(padding if padding is not None else lengths or [])
    taken = [
        (padding is None or position >= padding[row])
        and (lengths is None or position < lengths[row])
        for row in range(count)
        for position in range(n)
    ]
    return tensor("bool", [count, n], taken)


def _masks(t: SlotTrial) -> None:
    content = t.content()
    if not content.slots:
        content = Content((None,), content.left_padding, content.lengths)
    n = t.draw(_tokens)
    t.build("x", content)
    t.equal("mask", mask(t.dialect.hazards, content, n), t.call("make_mask", cache="x", n=n))


def _moved(t: SlotTrial) -> None:
    content, k, n = t.content(), t.draw(_tokens), t.draw(_tokens)
    t.build("x", content)
    whole = t.call("make_mask", cache="x", n=k + n)
    t.call("advance", cache="x", n=k)
    rest = t.call("make_mask", cache="x", n=n)
    if whole is None or rest is None:
        t.equal("mask", whole, rest)
        return
    flat, width = whole.elements(), k + n
    cut = [flat[row * width + k + i] for row in range(whole.shape[0]) for i in range(n)]
    t.equal("mask of the next chunk", tensor("bool", [whole.shape[0], n], cut), rest)


def _sum(t: SlotTrial) -> None:
    content, first, second = t.content(), t.draw(_tokens), t.draw(_tokens)
    t.build("x", content)
    for n in (first, second):
        t.call("advance", cache="x", n=n)
    shown = t.look("x")
    for part, values in (("left_padding", content.left_padding), ("lengths", content.lengths)):
        t.equal(part, int32(_less(values, first + second)), shown[part])


def _less(values: Ints, n: int) -> Ints:
    return None if values is None else [value - n for value in values]


def _prepared(t: SlotTrial) -> None:
    content, lengths = t.content(), t.ints(2)
    t.build("x", content)
    before = t.look("x")
    t.call("prepare", cache="x", lengths=lengths)
    t.alike("the prepared cache", {**before, "lengths": int32(lengths)}, t.look("x"))
    t.call("finalize", cache="x")
    cleared: dict[str, Any] = {**before, "lengths": None, "left_padding": None}
    t.alike("the finalized cache", cleared, t.look("x"))


LAWS = (
    Law("mask", "The mask is the dialect's condition on every position of every row.",
        ("MASK-001", "MASK-002", "MASK-003", "MASK-004", "MASK-005", "MASK-006"),
        {"new", "set", "make_mask"}, _masks),
    Law("mask-moves-on", "The mask of the next chunk is the rest of the old one.",
        ("MASK-014",), {"new", "set", "make_mask", "advance"}, _moved),
    Law("advance-adds-up", "Advancing twice is advancing once by the sum, for each sequence.",
        ("SEQ-005", "SEQ-006"), {"new", "set", "advance", "snapshot"}, _sum),
    Law("prepare-and-finalize", "prepare sets lengths alone; finalize clears both row vectors.",
        ("SEQ-001", "SEQ-004"), {"new", "set", "prepare", "finalize", "snapshot"}, _prepared),
)  # fmt: skip
