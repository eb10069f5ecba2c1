"""Laws of slots, copies and of what a cache says of itself."""

from __future__ import annotations

from hypothesis import strategies as st

from conformance.kinds.slots.dialects import (
    COMPACTED,
    HOLES,
    ROWS,
    places_by_metadata,
    state_shape,
)
from conformance.kinds.slots.laws.trial import NEEDS_SLOTS, Content, SlotTrial, int32
from conformance.properties.law import Law
from conformance.tensor import Tensor, tensor

_index = st.integers(0, 3)
_tokens = st.integers(0, 5)


def _construction(t: SlotTrial) -> None:
    content = t.content()
    padding = content.left_padding
    t.build("x", content)
    shown = t.look("x")
    t.equal("slot_count", len(content.slots), shown["slot_count"])
    written = {str(i): slot for i, slot in enumerate(content.slots) if slot is not None}
    t.equal("slots", written, shown["slots"])
    t.equal("left_padding", int32(padding), shown["left_padding"])
    t.equal("lengths", int32(content.lengths), shown["lengths"])


def _writing(t: SlotTrial) -> None:
    content = t.content(full=True)
    t.build("x", content)
    before = t.look("x")
    slot = t.draw(_index) % len(content.slots)
    value = t.tensor(t.draw(_index))
    t.call("set", cache="x", slot=slot, value=value)
    t.equal("the slot that was written", value, t.call("get", cache="x", slot=slot))
    after = t.look("x")
    t.equal("slots", {**before["slots"], str(slot): value}, after["slots"])
    t.alike("the cache", before, after, ("class_name", "slot_count", "left_padding", "lengths"))


def _reading(t: SlotTrial) -> None:
    content = t.content()
    t.build("x", content)
    before = t.look("x")
    for op in (*t.looks, "materialize"):
        if t.has(op):
            t.reply(op, cache="x")
    if content.slots and t.has("make_mask", "get"):
        t.reply("make_mask", cache="x", n=t.draw(_tokens))
        t.reply("get", cache="x", slot=0)
    t.alike("the cache that was read", before, t.look("x"))


def _batch_size(t: SlotTrial) -> None:
    content = t.content()
    t.build("x", content)
    t.equal("batch size", content.rows, t.call("batch_size", cache="x"))


def _nbytes(t: SlotTrial) -> None:
    content = t.content()
    t.build("x", content)
    size = sum(len(slot.data) for slot in content.slots if slot is not None)
    t.equal("bytes", size, t.call("nbytes", cache="x"))


def changes(t: SlotTrial, cache: str, content: Content) -> None:
    """Change everything that a cache of this content has, as far as the backend can."""
    slots = [(i, slot) for i, slot in enumerate(content.slots) if slot is not None]
    if t.has("write_in_place"):
        for index, slot in slots:
            value = tensor(slot.dtype, slot.shape, [77] * slot.size)
            t.call("write_in_place", cache=cache, slot=index, value=value)
    if t.has("advance"):
        t.call("advance", cache=cache, n=t.draw(_tokens))
    for index, slot in slots[:1]:
        t.call("set", cache=cache, slot=index, value=t.like(slot, slot.shape[0]))
    filters = not t.carries(NEEDS_SLOTS) or len(slots) == len(content.slots)
    if t.has("filter") and slots and filters:
        t.call("filter", cache=cache, batch_indices=[0])
    if t.has("prepare"):
        t.call("prepare", cache=cache, lengths=[1])
    if t.has("finalize"):
        t.call("finalize", cache=cache)


def _isolation(t: SlotTrial) -> None:
    content = t.content()
    t.build("x", content)
    before = t.look("x")
    t.call("copy", cache="x", into="y")
    t.alike("the original", before, t.look("x"))
    twin = t.look("y")
    changed, kept, was = ("x", "y", twin) if t.draw(st.booleans()) else ("y", "x", before)
    compacts = t.carries("copy-compacts-slots")
    if not compacts:
        t.alike("the copy", before, twin)
    moved = compacts and changed == "y"
    changes(t, changed, Content(tuple(s for s in content.slots if s) if moved else content.slots))
    t.alike(f"{kept}, when {changed} changed", was, t.look(kept))


def _state(t: SlotTrial) -> None:
    content = t.content()
    t.build("x", content)
    slots: list[Tensor | None] = list(content.slots)
    written = [slot for slot in slots if slot is not None]
    rows = [int32(content.left_padding), int32(content.lengths)]
    shapes = {COMPACTED: written, HOLES: slots, ROWS: [slots, *rows]}
    t.equal("state", shapes[state_shape(t.dialect)], t.call("state", cache="x"))


def _metadata(t: SlotTrial) -> None:
    content = t.content()
    t.build("x", content)
    written = ",".join(str(i) for i, slot in enumerate(content.slots) if slot is not None)
    texts = [str(len(content.slots)), written]
    padding, lengths = content.left_padding, content.lengths
    if t.carries("lengths-not-saved"):
        lengths = None
    if padding is not None or lengths is not None:
        texts.append(",".join(map(str, padding or [])))
    if lengths is not None:
        texts.append(",".join(map(str, lengths)))
    expected = texts if places_by_metadata(t.dialect) else ""
    t.equal("metadata", expected, t.call("meta_state", cache="x"))


LAWS = (
    Law("construction", "A cache is what it was built of, and nothing else.",
        ("CONSTRUCT-001", "CONSTRUCT-002", "INDEX-003", "SEQ-001"),
        {"new", "set", "snapshot"}, _construction),
    Law("writing", "A slot gives back what was written, and no other part changes.",
        ("INDEX-002", "INDEX-003"), {"new", "set", "get", "snapshot"}, _writing),
    Law("reading", "Reading changes nothing.",
        ("STATE-003", "META-005", "MASK-009", "IDENT-010"), {"new", "set", "snapshot"}, _reading),
    Law("batch-size", "The batch size comes from the first written slot, or from the row vectors.",
        ("BATCH-001", "BATCH-002", "BATCH-003"), {"new", "set", "batch_size"}, _batch_size),
    Law("byte-count", "The byte count is the sum over the written slots.",
        ("IDENT-007",), {"new", "set", "nbytes"}, _nbytes),
    Law("copy-isolation", "Original and copy do not see each other's changes, in place or not.",
        ("COPY-001", "COPY-003", "COPY-004"), {"new", "set", "copy", "snapshot"}, _isolation),
    Law("state", "State is the content in the shape of the dialect.",
        ("STATE-001", "STATE-002"), {"new", "set", "state"}, _state),
    Law("metadata", "Metadata is slot count, written slots and row vectors, or nothing.",
        ("META-001", "META-002", "META-003"), {"new", "set", "meta_state"}, _metadata),
)  # fmt: skip
