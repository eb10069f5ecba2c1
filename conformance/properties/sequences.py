"""Sequences of operations, drawn against the live reference so that they stay meaningful.

What may follow depends on what came before: how many rows a cache has, which slots are set. The
reference in the dialect is asked while the sequence is drawn; its answers are kept with the calls,
and any other backend is then given the same calls in one message.

After every operation every cache is looked at, not only the one that it names: what is shared by
mistake shows in the others.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from conformance.calls import Call, Refused, Reply, Returned
from conformance.engine.dialect import Dialect
from conformance.kinds.slots.arguments import Arguments
from conformance.outcomes.trap import is_trap
from conformance.tensor import Tensor
from conformance.transport.backend import Backend, OperationRefused

HANDLES = ("a", "b", "c", "d")
NAMES = ("h", "i")  # of what is held
# Several operations that are rarely drawn one after the other by chance, and what they need.
MOVES: dict[str, Set[str]] = {
    "fill": {"set"},
    "exchange": {"state", "from_state"},
    "gather": {"new", "set", "merge"},
    "share": {"copy", "write_in_place"},
    "pad": {"new", "set"},
}
# What changes much is drawn often; what looks at one thing is looked at by a snapshot anyway.
WEIGHTS = {"set": 4, "extend": 3, "merge": 2, "filter": 3, "round_trip": 2, "make_mask": 2,
           "advance": 2, "fill": 4, "exchange": 2, "gather": 2, "copy": 2, "pad": 2,
           "held": 3}  # fmt: skip
LOOKS = {"batch_size", "class_name", "empty", "is_trimmable", "max_size", "nbytes", "size"}

_handle = st.sampled_from(HANDLES)
_name = st.sampled_from(NAMES)
_rows = st.sampled_from(("state", "left_padding", "lengths"))
_any = st.sampled_from(("state", "slot", "left_padding", "lengths"))
_tens = st.integers(0, 9)
_few = st.integers(1, 3)


@dataclass
class Drawn:
    """Calls, and what the reference answered to each."""

    calls: list[Call] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    def until(self, index: int) -> Drawn:
        """Everything up to a call, it included."""
        return Drawn(self.calls[: index + 1], self.replies[: index + 1])

    @property
    def traps(self) -> bool:
        """Whether the dialect lets the process die at the last call."""
        last = self.replies[-1] if self.replies else None
        return is_trap(last)


def vocabulary(dialect: Dialect, operations: Set[str]) -> list[str]:
    """The operations and moves to choose from, the weightier ones more than once."""
    rare = LOOKS | dialect.traps.keys()
    weights = {op: 1 if op in rare else 2 * WEIGHTS.get(op, 1) for op in operations}
    weights |= {move: 2 * WEIGHTS.get(move, 1) for move, needs in MOVES.items()
                if needs <= operations}  # fmt: skip
    weights.pop("snapshot", None)
    return [name for name, weight in sorted(weights.items()) for _ in range(weight)]


def sequences(
    model: Backend, dialect: Dialect, operations: Set[str], longest: int = 24
) -> st.SearchStrategy[Drawn]:
    """Calls that begin with a new cache, with the answers of `model`; all caches seen after each.

    `operations` are those that both sides have; without `new` and `snapshot` there is nothing to
    draw, which is a ValueError.
    """
    missing = {"new", "snapshot"} - operations
    if missing:
        raise ValueError(f"sequences of operations need {' and '.join(sorted(missing))}")
    names = st.sampled_from(vocabulary(dialect, operations))
    return _sequences(model, dialect, operations, names, longest)


@st.composite
def _sequences(
    draw: st.DrawFn,
    model: Backend,
    dialect: Dialect,
    operations: Set[str],
    names: st.SearchStrategy[str],
    longest: int,
) -> Drawn:
    author = _Author(draw, model, dialect, operations)
    for _ in range(draw(st.integers(1, longest))):
        author.write(draw(names) if author.caches else "new")
        if author.drawn.traps:
            break
    return author.drawn


class _Author:
    """Writes one sequence. `caches` is the latest snapshot of each, by handle."""

    def __init__(
        self, draw: st.DrawFn, model: Backend, dialect: Dialect, operations: Set[str]
    ) -> None:
        self._draw = draw
        self._model = model
        self._operations = operations
        # A write in place is seen in what was read from a slot only where this hazard is.
        self._holds = _any if "slot-is-the-live-array" in dialect.hazards else _rows
        self._arguments = Arguments(draw, dialect)
        self._names: set[str] = set()
        self.caches: dict[str, dict[str, Any]] = {}
        self.drawn = Drawn()
        self._record(Call("reset"), Returned(model.call("reset")))

    def write(self, name: str) -> None:
        """Append an operation or a move, with arguments that fit the caches there are."""
        written = getattr(self, f"_write_{name}", None)
        if written is not None:
            written()
        elif name in ("new", "new_mamba", "from_state"):
            self._step(name, cache=self._draw(_handle), **(self._arguments.of(name, {}) or {}))
        else:
            cache = self._existing()
            arguments = self._arguments.of(name, self.caches[cache])
            if arguments is not None:
                if name in ("copy", "round_trip", "extract"):
                    arguments["into"] = self._draw(_handle)
                self._step(name, cache=cache, **arguments)

    def _existing(self) -> str:
        return self._draw(st.sampled_from(sorted(self.caches)))

    # ------------------------------------------------------------------ carrying out

    def _step(self, op: str, **arguments: Any) -> Any:
        """Carry out a call on the model and look at all caches; its result, None if refused."""
        if self.drawn.traps:
            return None
        call = Call(op, arguments)
        reply = answer(self._model, call)
        if is_trap(reply):
            if self._draw(_tens) > 2:  # most sequences go on as if it had not been written
                self._rebuild()
                return None
            self._record(call, reply)
            return None
        self._record(call, reply)
        made = arguments.get("into", arguments.get("cache"))
        if isinstance(reply, Returned) and made is not None:
            self.caches.setdefault(made, {})
        self._look()
        return reply.value if isinstance(reply, Returned) else None

    def _look(self) -> None:
        for handle in sorted(self.caches):
            call = Call("snapshot", {"cache": handle})
            reply = answer(self._model, call)
            self._record(call, reply)
            if isinstance(reply, Returned):
                self.caches[handle] = reply.value

    def _record(self, call: Call, reply: Reply) -> None:
        self.drawn.calls.append(call)
        self.drawn.replies.append(reply)

    def _rebuild(self) -> None:
        """Undo what a trap left half done: a real process would be gone."""
        for call in self.drawn.calls:
            if call.op != "snapshot":
                answer(self._model, call)

    # ------------------------------------------------------------------ one method a name

    def _write_extend(self) -> None:
        self._step("extend", cache=self._existing(), other=self._existing())

    def _write_merge(self) -> None:
        """Mostly caches of one row with every slot set, which is what can be merged."""
        single = [handle for handle, shown in sorted(self.caches.items()) if _is_single(shown)]
        pool = single if single and self._draw(_tens) < 8 else sorted(self.caches)
        chosen = [self._draw(st.sampled_from(pool)) for _ in range(self._draw(_few))]
        self._step("merge", caches=chosen, into=self._draw(_handle))

    def _write_hold(self) -> None:
        cache, what = self._existing(), self._draw(self._holds)
        name, slot = self._draw(_name), {}
        if what == "slot":
            slot = self._arguments.of("get", self.caches[cache]) or {}
        self._step("hold", cache=cache, what=what, name=name, **slot)
        if isinstance(self._replied("hold"), Returned):
            self._names.add(name)

    def _write_held(self) -> None:
        if not self._names and "hold" in self._operations:
            self._write_hold()
        elif self._names:
            self._step("held", name=self._draw(st.sampled_from(sorted(self._names))))

    def _replied(self, op: str) -> Reply | None:
        """The answer to the latest call of `op`."""
        rows = zip(reversed(self.drawn.calls), reversed(self.drawn.replies), strict=True)
        return next((reply for call, reply in rows if call.op == op), None)

    def _write_fill(self) -> None:
        self._fill(self._existing(), self._arguments.rows)

    def _fill(self, handle: str, rows: int) -> None:
        count = self.caches.get(handle, {}).get("slot_count") or 0
        for slot in range(min(count, 4)):
            if self._draw(_tens):  # now and then a slot stays unset
                self._step("set", cache=handle, slot=slot, value=self._arguments.tensor(rows))

    def _write_gather(self) -> None:
        """Two new caches of one row, filled, and merged."""
        slots, sources = self._draw(_few), HANDLES[:2]
        for handle in sources:
            self._step("new", cache=handle, size=slots, left_padding=None)
            self._fill(handle, 1)
        self._step("merge", caches=list(sources), into=HANDLES[2])

    def _write_pad(self) -> None:
        """A new cache with left padding and as many rows, and lengths where there are any."""
        handle, rows = self._draw(_handle), self._arguments.rows
        padding = [self._draw(_tens) for _ in range(rows)]
        self._step("new", cache=handle, size=self._draw(_few), left_padding=padding)
        self._fill(handle, rows)
        if "prepare" in self._operations and self._draw(_tens) < 5:
            lengths = [self._draw(_tens) for _ in range(rows)]
            self._step("prepare", cache=handle, lengths=lengths)

    def _write_exchange(self) -> None:
        """A cache restored, under any handle, from what another one serialized to.

        Both sides' answers are compared, so what the reference wrote here the backend wrote too:
        each restores the other's state.
        """
        source, target = self._existing(), self._draw(_handle)
        state = self._step("state", cache=source)
        meta = self._step("meta_state", cache=source) if "meta_state" in self._operations else None
        meta = meta if isinstance(meta, list) else []
        if not isinstance(state, list):
            return
        ways = ["from_state", *({"from_serialized", "set_state"} & self._operations
                                if target in self.caches else ())]  # fmt: skip
        way = self._draw(st.sampled_from(sorted(ways)))
        if way == "from_state":
            label = self.caches[source].get("class_name", "ArraysCache")
            self._step(way, cache=target, class_name=label, state=state, meta_state=meta)
        elif way == "from_serialized":
            self._step(way, cache=target, state=state, meta_state=meta)
        else:
            self._step(way, cache=target, state=state)
            if meta and "set_meta_state" in self._operations:
                self._step("set_meta_state", cache=target, meta_state=meta)

    def _write_share(self) -> None:
        """Overwrite in place what a copy may share with its original."""
        source, twin = self._existing(), self._draw(_handle)
        self._step("copy", cache=source, into=twin)
        side = self._draw(st.sampled_from((source, twin)))
        arguments = self._arguments.of("write_in_place", self.caches.get(side, {}))
        if arguments is not None:
            self._step("write_in_place", cache=side, **arguments)


def answer(backend: Backend, call: Call) -> Reply:
    """The reply to one call."""
    try:
        return Returned(backend.call(call.op, **call.arguments))
    except OperationRefused as refusal:
        return Refused(refusal.kind, refusal.message, refusal.payload)


def _is_single(shown: dict[str, Any]) -> bool:
    slots = shown.get("slots") or {}
    return len(slots) == shown.get("slot_count") and all(
        isinstance(slot, Tensor) and slot.shape[:1] == (1,) for slot in slots.values()
    )
