"""Laws of serialized state: what comes back, where the arrays go, and what a refusal leaves."""

from __future__ import annotations

from hypothesis import strategies as st

from conformance.calls import Refused
from conformance.engine.dialect import Dialect
from conformance.kinds.slots.dialects import ROWS, places_by_metadata, state_shape
from conformance.kinds.slots.laws.trial import PARTS, Content, SlotTrial, int32
from conformance.properties.law import Law
from conformance.tensor import Tensor

_count = st.integers(0, 4)
_tokens = st.integers(0, 5)
_items = st.lists(st.integers(0, 5), max_size=4)
_odd = st.sampled_from(("x", "-1", " 1", "1,,2", "4294967296", "99999999999999999999", "1048577"))
_what = st.sampled_from(("set", "advance", "finalize"))


def _content(t: SlotTrial) -> Content:
    """What comes back whole in the dialect."""
    found = t.content(
        padding=not t.carries("left-padding-not-saved"),
        lengths=not t.carries("lengths-not-saved"),
    )
    padding = found.left_padding
    many = padding is not None and len(padding) > len(found.slots)
    if many and t.carries("padding-capped-by-slot-count"):
        padding = None
    return Content(found.slots, padding, found.lengths)


def _round_trip(t: SlotTrial) -> None:
    t.build("x", _content(t))
    before = t.look("x")
    t.call("round_trip", cache="x", into="y")
    t.alike("the original", before, t.look("x"))
    t.alike("the restored cache", before, t.look("y"))
    t.call("round_trip", cache="y", into="z")
    t.alike("the cache restored once more", before, t.look("z"))


def _restored(t: SlotTrial, into: str, saved: tuple[list[object], list[object]]) -> None:
    state, meta = saved
    t.call("from_state", cache=into, class_name="ArraysCache", state=state, meta_state=meta)


def _saved(t: SlotTrial, cache: str) -> tuple[list[object], list[object]]:
    meta = t.call("meta_state", cache=cache) if t.has("meta_state") else []
    return t.call("state", cache=cache), meta if isinstance(meta, list) else []


def _replay(t: SlotTrial) -> None:
    """By way of the wire: in mlx-lm a state that is kept in memory changes along with the cache
    (hazards state-is-the-live-list, advance-changes-held-arrays)."""
    content = _content(t)
    t.build("x", content)
    saved = _saved(t, "x")
    turns = [_turn(t, content) for _ in range(t.draw(_tokens))]
    for op, arguments in turns:
        t.call(op, cache="x", **arguments)
    _restored(t, "y", saved)
    for op, arguments in turns:
        t.call(op, cache="y", **arguments)
    t.alike("the restored cache, after the same turns", t.look("x"), t.look("y"))


def _turn(t: SlotTrial, content: Content) -> tuple[str, dict[str, object]]:
    op = t.draw(_what)
    if op == "advance" and t.has(op):
        return op, {"n": t.draw(_tokens)}
    if op == "finalize" and t.has(op):
        return op, {}
    if not content.slots:
        return "class_name", {}
    return "set", {"slot": t.draw(_count) % len(content.slots), "value": t.tensor(content.rows)}


def _keeps_no_metadata(dialect: Dialect) -> str | None:
    if places_by_metadata(dialect):
        return None
    return f"{dialect.id} keeps no metadata: its state says where the arrays go"


def _places(t: SlotTrial) -> None:
    arrays = [t.tensor(2) for _ in range(t.draw(_count))]
    count, listed = t.draw(_count), t.draw(_items)
    if not t.carries("unbounded-slot-count"):
        listed = listed[:count]  # the slot count bounds the list as well, so that more are refused
    padding = t.ints(min(count, 2)) if t.draw(st.booleans()) and count else None
    texts = [str(count), ",".join(map(str, listed))]
    texts += [] if padding is None else [",".join(map(str, padding))]
    t.call("from_state", cache="x", class_name="ArraysCache", state=arrays, meta_state=texts)
    placed: dict[str, Tensor] = {}
    for array, slot in zip(arrays, listed, strict=False):
        if slot < count:
            placed[str(slot)] = array
    shown = t.look("x")
    t.equal("slot_count", count, shown["slot_count"])
    t.equal("slots", placed, shown["slots"])
    t.equal("left_padding", int32(padding), shown["left_padding"])


def _refusal(t: SlotTrial) -> None:
    t.build("x", t.content())
    before = t.look("x")
    texts = [str(t.draw(_count)), ",".join(map(str, t.draw(_items))), t.draw(_odd)]
    texts[t.draw(st.integers(0, 2))] = t.draw(_odd)
    op = "from_serialized" if t.has("from_serialized") and t.draw(st.booleans()) \
        else "set_meta_state"  # fmt: skip
    arrays = {"state": [t.tensor(1)]} if op == "from_serialized" else {}
    if isinstance(t.reply(op, cache="x", meta_state=texts, **arrays), Refused):
        t.alike("the cache that refused", before, t.look("x"))


def _assigned(t: SlotTrial) -> None:
    t.build("x", t.content())
    content = _content(t)
    t.build("y", content)
    kept, target = t.look("x"), t.look("y")
    t.call("set_state", cache="x", state=t.call("state", cache="y"))
    shown = t.look("x")
    if places_by_metadata(t.dialect):
        written = [slot for slot in content.slots if slot is not None]
        packed = {str(index): slot for index, slot in enumerate(written)}
        t.equal("slot_count", len(written), shown["slot_count"])
        t.equal("slots", packed, shown["slots"])
    else:
        t.alike("the cache", target, shown, ("slot_count", "slots"))
    rows = target if state_shape(t.dialect) == ROWS else kept
    t.alike("the cache", rows, shown, ("left_padding", "lengths", *PARTS[:1]))


LAWS = (
    Law("restore-of-save", "What is restored from a cache's own serialized form is that cache.",
        ("RESTORE-029", "RESTORE-030", "RESTORE-031", "RESTORE-032", "RESTORE-034", "RESTORE-037",
         "META-007"), {"new", "set", "round_trip", "snapshot"}, _round_trip),
    Law("replay", "A cache that is restored and goes the same way again arrives at the same place.",
        ("RESTORE-036", "REGR-001"),
        {"new", "set", "state", "from_state", "class_name", "snapshot"}, _replay),
    Law("metadata-places", "Arrays go one by one to the slots that the metadata lists.",
        ("RESTORE-002", "RESTORE-016", "RESTORE-017", "RESTORE-018", "RESTORE-019"),
        {"from_state", "snapshot"}, _places, limit=_keeps_no_metadata),
    Law("refusal-leaves", "Metadata that is refused changes nothing.",
        ("RESTORE-014", "RESTORE-024", "HOSTILE-005"),
        {"new", "set", "set_meta_state", "snapshot"}, _refusal),
    Law("state-assigned", "Assigned state replaces what it consists of, and nothing else.",
        ("STATE-004", "STATE-005", "STATE-006", "STATE-008"),
        {"new", "set", "state", "set_state", "snapshot"}, _assigned),
)  # fmt: skip
