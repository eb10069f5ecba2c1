"""Laws of batches: filtering, joining, merging and taking out, row by row."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from conformance.kinds.slots.laws.trial import (
    NEEDS_SLOTS,
    Content,
    Ints,
    SlotTrial,
    int32,
    joined,
    picked,
    zeros,
)
from conformance.properties.law import Law
from conformance.tensor import Tensor

_few = st.integers(1, 3)
_index = st.integers(-3, 2)
_yes = st.booleans()
FORGETS = "batch-operations-forget-left-padding"
# What older releases of mlx-lm leave to the whole batch, or to the cache that others join.
LEAVES_PADDING = "filter-leaves-left-padding"
LEAVES_ROWS = "extend-leaves-padding-and-lengths"


def _indices(t: SlotTrial, rows: int) -> list[int]:
    """One to three, negative ones included; beyond the rows a gather is undefined
    (hazard filter-does-not-check-indices), and none are refused in mlx-lm."""
    return [(t.draw(_index) % rows) - (rows if t.draw(_yes) else 0) for _ in range(t.draw(_few))]


def _filtered(t: SlotTrial) -> None:
    content = t.content(full=t.carries(NEEDS_SLOTS))
    indices = _indices(t, content.rows)
    t.build("x", content)
    t.call("filter", cache="x", batch_indices=indices)
    shown = t.look("x")
    written = {str(i): picked(s, indices) for i, s in enumerate(content.slots) if s is not None}
    t.equal("slots", written, shown["slots"])
    t.equal("slot_count", len(content.slots), shown["slot_count"])
    padding = None if t.carries(FORGETS) else content.left_padding
    for part, values, left in (
        ("left_padding", padding, LEAVES_PADDING), ("lengths", content.lengths, NEEDS_SLOTS)
    ):  # fmt: skip
        kept = values if values is None or t.carries(left) else [values[i] for i in indices]
        t.equal(part, int32(kept), shown[part])


def _twice(t: SlotTrial) -> None:
    content = t.content(full=t.carries(NEEDS_SLOTS))
    first = _indices(t, content.rows)
    second = _indices(t, len(first))
    for cache, turns in (("x", [first, second]), ("y", [[first[i] for i in second]])):
        t.build(cache, content)
        for indices in turns:
            t.call("filter", cache=cache, batch_indices=indices)
    t.alike("the cache that was filtered once", t.look("x"), t.look("y"))


def _alike(t: SlotTrial, count: int, single: bool = False, holes: bool = True) -> list[Content]:
    """Caches whose slots have one dtype and width each; `holes` leaves some of them unset."""
    models = [t.tensor(1) for _ in range(t.draw(_few))]
    padding, lengths = t.draw(_yes), t.draw(_yes) and t.has("prepare")
    made = []
    for _ in range(count):
        rows = 1 if single else t.draw(_few)
        slots = [None if holes and not t.draw(_index) else t.like(m, rows) for m in models]
        if all(slot is None for slot in slots):
            slots[0] = t.like(models[0], rows)  # else its batch size would be another one
        made.append(Content(
            tuple(slots),
            t.ints(rows) if padding and t.draw(_yes) and not single else None,
            t.ints(rows) if lengths and t.draw(_yes) and not single else None,
        ))  # fmt: skip
    return made


def _sum(values: Sequence[Ints], rows: Sequence[int]) -> Ints:
    """Row vectors behind each other, zero for each sequence of a side without."""
    if all(value is None for value in values):
        return None
    return [v for value, n in zip(values, rows, strict=True) for v in (value or [0] * n)]


def _slot_sum(parts: Sequence[Tensor | None], rows: Sequence[int]) -> Tensor | None:
    model = next((part for part in parts if part is not None), None)
    if model is None:
        return None
    return joined([zeros(model, n) if p is None else p for p, n in zip(parts, rows, strict=True)])


def _joined(t: SlotTrial) -> None:
    left, right = _alike(t, 2, holes=not t.carries("extend-takes-the-written-side"))
    t.build("x", left)
    t.build("y", right)
    other = t.look("y")
    t.call("extend", cache="x", other="y")
    shown = t.look("x")
    rows = (left.rows, right.rows)
    slots = [_slot_sum(pair, rows) for pair in zip(left.slots, right.slots, strict=True)]
    written = {str(i): slot for i, slot in enumerate(slots) if slot is not None}
    t.equal("slots", written, shown["slots"])
    padding = _sum((left.left_padding, right.left_padding), rows)
    lengths = _sum((left.lengths, right.lengths), rows)
    if t.carries(LEAVES_ROWS):
        padding, lengths = left.left_padding, left.lengths
    t.equal("left_padding", int32(None if t.carries(FORGETS) else padding), shown["left_padding"])
    t.equal("lengths", int32(lengths), shown["lengths"])
    t.alike("the other cache", other, t.look("y"))


def _grouped(t: SlotTrial) -> None:
    contents = _alike(t, 3, holes=False)
    for names in ("abc", "def"):
        for cache, content in zip(names, contents, strict=True):
            t.build(cache, content)
    first = t.look("a")
    t.call("extend", cache="a", other="b")
    t.call("extend", cache="a", other="c")
    t.call("extend", cache="e", other="f")
    t.call("extend", cache="d", other="e")
    t.alike("the cache joined in another grouping", t.look("a"), t.look("d"))
    t.call("filter", cache="a", batch_indices=list(range(contents[0].rows)))
    t.alike("the first part, filtered out again", first, t.look("a"), ("slots", "slot_count"))


def _merged(t: SlotTrial) -> list[Content]:
    """Caches that merge takes: of one row, every slot set, one dtype and shape a slot, without
    row vectors. Hazards merge-needs-every-slot, extract-needs-every-slot, merge-takes-the-first-
    dtype, merge-stretches-rows and merge-drops-metadata say what becomes of others."""
    contents = _alike(t, t.draw(_few), single=True, holes=False)
    for cache, content in zip("abc", contents, strict=False):
        t.build(cache, content)
    return contents


def _taken_out(t: SlotTrial) -> None:
    contents = _merged(t)
    names = list("abc"[: len(contents)])
    before = [t.look(name) for name in names]
    t.call("merge", caches=names, into="m")
    for index, name in enumerate(names):
        t.call("extract", cache="m", index=index, into="x")
        t.alike(f"row {index} of the merged batch", before[index], t.look("x"))
        t.alike(f"{name}, which was merged", before[index], t.look(name))
        t.call("set", cache="x", slot=0, value=t.tensor(2))
    whole = t.look("m")
    for index in range(len(contents)):
        t.call("extract", cache="m", index=index, into=names[index])
    t.call("merge", caches=names, into="n")
    t.alike("the batch merged of its rows", whole, t.look("n"))


def _as_extended(t: SlotTrial) -> None:
    contents = _merged(t)
    names = list("abc"[: len(contents)])
    t.call("merge", caches=names, into="m")
    slots = [_slot_sum(parts, [1] * len(parts)) for parts in
             zip(*(content.slots for content in contents), strict=True)]  # fmt: skip
    shown = t.look("m")
    t.equal("slots", {str(i): slot for i, slot in enumerate(slots)}, shown["slots"])
    for name in names[1:]:
        t.call("extend", cache="a", other=name)
    t.alike("the parts joined by extend", shown, t.look("a"))


LAWS = (
    Law("filter", "filter keeps the rows that are named, of everything, in that order.",
        ("BATCHOP-001", "BATCHOP-002", "BATCHOP-005", "BATCHOP-006"),
        {"new", "set", "filter", "snapshot"}, _filtered),
    Law("filter-composes", "Filtering twice is filtering once, the first indices by the second.",
        ("BATCHOP-036",), {"new", "set", "filter", "snapshot"}, _twice),
    Law("extend", "extend puts the other's rows behind, zeros where a side has none.",
        ("BATCHOP-009", "BATCHOP-010", "BATCHOP-013", "BATCHOP-014", "BATCHOP-019"),
        {"new", "set", "extend", "snapshot"}, _joined),
    Law("extend-in-any-grouping", "Joins may be made in any grouping, and filter undoes them.",
        ("BATCHOP-037",), {"new", "set", "extend", "filter", "snapshot"}, _grouped),
    Law("extract-of-merge", "Row i of a merged batch is the i-th cache; merging rows undoes it.",
        ("BATCHOP-020", "BATCHOP-025", "BATCHOP-034", "BATCHOP-035"),
        {"new", "set", "extract", "merge", "snapshot"}, _taken_out),
    Law("extend-is-merge", "Merging single sequences is extending the first by the others.",
        ("BATCHOP-025", "BATCHOP-009"),
        {"new", "set", "extend", "merge", "snapshot"}, _as_extended),
)  # fmt: skip
