"""Sequences of operations, drawn against the live reference so that they stay meaningful.

What may follow depends on what came before: how many rows a cache has, which slots are set. The
reference in the dialect is asked while the sequence is drawn; its answers are kept with the calls,
and any other backend is then given the same calls in one message.

After every operation every cache is looked at, not only the one that it names: what is shared by
mistake shows in the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from hypothesis import strategies as st

from conformance.calls import Call, Reply, Returned
from conformance.engine.dialect import Dialect
from conformance.engine.kind import Kind
from conformance.engine.operation import RECEIVER, Gives, Handle, Operation, Space
from conformance.engine.session import RESET
from conformance.outcomes.trap import is_trap
from conformance.properties.drawing import Drawing, Move, Shown
from conformance.properties.drawn import Drawn, answer
from conformance.transport.backend import Backend

HANDLES = ("a", "b", "c", "d")
RARE = 1  # the weight of what a dialect always traps at

Drawings = Mapping[str, tuple[Kind, type[Drawing]]]

_handle = st.sampled_from(HANDLES)
_tens = st.integers(0, 9)


def needed(kind: Kind, drawing: type[Drawing]) -> Set[str]:
    """The operations, as they are called on the wire, without which nothing is drawn."""
    return {kind.operations[drawing.start].wire, kind.look.wire}


def vocabulary(dialect: Dialect, operations: Set[str], drawings: Drawings) -> list[str]:
    """The operations and moves to choose from, `KIND/NAME`, the weightier ones more than once."""
    weights: dict[str, int] = {}
    for kind, drawing in drawings.values():
        for name, operation in kind.operations.items():
            if operation.gives is Gives.SNAPSHOT or not operation.kinds <= drawings.keys():
                continue
            if operation.wire in operations:
                traps = operation.wire in dialect.traps
                weights[f"{kind.name}/{name}"] = RARE if traps else operation.weight
        for move in drawing.moves:
            if {kind.operations[name].wire for name in move.needs} <= operations:
                weights[f"{kind.name}/{move.name}"] = move.weight
    return [name for name, weight in sorted(weights.items()) for _ in range(weight)]


def sequences(
    reference: Backend,
    dialect: Dialect,
    operations: Set[str],
    drawings: Drawings,
    longest: int = 24,
) -> st.SearchStrategy[Drawn]:
    """Calls that begin with a new cache of the first kind, with the answers of the reference.

    All caches are seen after each. `operations` are those that both sides have. ValueError where
    they do not suffice to draw anything.
    """
    missing = needed(*next(iter(drawings.values()))) - operations
    if missing:
        raise ValueError(f"sequences of operations need {' and '.join(sorted(missing))}")
    names = st.sampled_from(vocabulary(dialect, operations, drawings))
    return _sequences(reference, dialect, operations, drawings, names, longest)


@st.composite
def _sequences(
    draw: st.DrawFn,
    reference: Backend,
    dialect: Dialect,
    operations: Set[str],
    drawings: Drawings,
    names: st.SearchStrategy[str],
    longest: int,
) -> Drawn:
    looks = {name: kind.look for name, (kind, _) in drawings.items()}
    sequence = _DrawnSequence(draw, reference, operations, looks)
    writers = {
        name: _KindWriter(sequence, kind, drawing(draw, dialect))
        for name, (kind, drawing) in drawings.items()
    }
    first, (_, drawing) = next(iter(drawings.items()))
    for _ in range(draw(st.integers(1, longest))):
        chosen = draw(names) if sequence.shown else f"{first}/{drawing.start}"
        kind, _, name = chosen.partition("/")
        writers[kind].write(name)
        if sequence.drawn.traps:
            break
    return sequence.drawn


class _DrawnSequence:
    """Calls as they are appended. `shown` is the latest snapshot of each cache, by handle."""

    def __init__(
        self,
        draw: st.DrawFn,
        reference: Backend,
        operations: Set[str],
        looks: Mapping[str, Operation],
    ) -> None:
        self.draw = draw
        self.operations = operations
        self.shown: dict[str, Shown] = {}
        self.looks: dict[str, Operation] = {}  # of each cache
        self._looks = looks  # of each kind
        self.drawn = Drawn()
        self._reference = reference
        self._record(Call(RESET.wire), answer(reference, Call(RESET.wire)))

    def append(self, operation: Operation, arguments: dict[str, Any]) -> Any:
        """Carry out a call and look at all caches; its result, None if it is refused."""
        if self.drawn.traps:
            return None
        call = Call(operation.wire, arguments)
        reply = answer(self._reference, call)
        if is_trap(reply):
            if self.draw(_tens) > 2:  # most sequences go on as if it had not been written
                self._rebuild()
                return None
            self._record(call, reply)
            return None
        self._record(call, reply)
        if isinstance(reply, Returned) and operation.makes is not None:
            for (space, handle), kind in operation.makes.made(arguments, operation.kind).items():
                if space is Space.CACHE:
                    self.shown.setdefault(handle, {})
                    self.looks[handle] = self._looks[kind]
        self._look()
        return reply.value if isinstance(reply, Returned) else None

    def _look(self) -> None:
        for handle in sorted(self.shown):
            call = Call(self.looks[handle].wire, {RECEIVER.field: handle})
            reply = answer(self._reference, call)
            self._record(call, reply)
            if isinstance(reply, Returned):
                self.shown[handle] = reply.value

    def _record(self, call: Call, reply: Reply) -> None:
        self.drawn.calls.append(call)
        self.drawn.replies.append(reply)

    def _rebuild(self) -> None:
        """Undo what a trap left half done: a real process would be gone."""
        looks = {look.wire for look in self.looks.values()}
        for call in self.drawn.calls:
            if call.op not in looks:
                answer(self._reference, call)


class _KindWriter:
    """Writes the operations of one kind into a sequence."""

    def __init__(self, sequence: _DrawnSequence, kind: Kind, drawing: Drawing) -> None:
        self.draw = sequence.draw
        self._sequence = sequence
        self._kind = kind
        self._drawing = drawing
        self._moves: dict[str, Move] = {move.name: move for move in drawing.moves}

    def write(self, name: str) -> None:
        """Append an operation or a move, with arguments that fit the caches there are."""
        own = getattr(self._drawing, f"write_{name}", None)
        if (own or name in self._moves) and not self._pool(RECEIVER):
            self._begin()
        elif name in self._moves:
            self._moves[name].write(self._drawing, self)
        elif own is not None:
            own(self)
        else:
            self._write(self._kind.operations[name])

    def _begin(self) -> None:
        """Make the first cache of the kind."""
        own = getattr(self._drawing, f"write_{self._drawing.start}", None)
        if own is not None:
            own(self)
        else:
            self._write(self._kind.operations[self._drawing.start])

    def _write(self, operation: Operation) -> None:
        """With any caches that there are, and a handle of any name for one that it makes."""
        handles: dict[str, Any] = {}
        for read in operation.reads:
            if not self._pool(read):
                return
            handles[read.field] = self._one_of(read)
        if operation.makes is not None and not operation.reads:
            handles[operation.makes.field] = self.handle()
        shown = self._sequence.shown.get(handles.get(RECEIVER.field, ""), {})
        arguments = self._drawing.arguments(operation.name, shown if operation.reads else {})
        if arguments is None:
            return
        if operation.makes is not None and operation.reads:
            arguments = {**arguments, operation.makes.field: self.handle()}
        self.step(operation.name, **handles, **arguments)

    def _pool(self, read: Handle) -> list[str]:
        looks = self._sequence.looks.items()
        return sorted(h for h, look in looks if read.takes(look.kind, self._kind.name))

    def _one_of(self, read: Handle) -> str:
        return self.draw(st.sampled_from(self._pool(read)))

    # ------------------------------------------------------------------ for a kind's own writing

    @property
    def caches(self) -> dict[str, Shown]:
        """The latest snapshot of each cache of the kind, by handle."""
        return {handle: self._sequence.shown[handle] for handle in self._pool(RECEIVER)}

    @property
    def everyone(self) -> list[str]:
        """The handles of all caches, of whatever kind."""
        return sorted(self._sequence.shown)

    def has(self, *names: str) -> bool:
        """Whether both sides have these operations."""
        wires = {self._kind.operations[name].wire for name in names}
        return wires <= self._sequence.operations

    def existing(self) -> str:
        """The handle of one of the caches."""
        return self._one_of(RECEIVER)

    def handle(self) -> str:
        """A handle, in use or not."""
        return self.draw(_handle)

    def step(self, name: str, /, **arguments: Any) -> Any:
        """Append an operation; its result, None if it was refused."""
        return self._sequence.append(self._kind.operations[name], arguments)

    def last_reply(self, name: str) -> Reply | None:
        """The answer to the latest call of an operation."""
        drawn, wire = self._sequence.drawn, self._kind.operations[name].wire
        rows = zip(reversed(drawn.calls), reversed(drawn.replies), strict=True)
        return next((reply for call, reply in rows if call.op == wire), None)
