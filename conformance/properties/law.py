"""What a law is, and one trial of it: calls, and comparisons of their results.

Laws are sentences about any cache of a kind, each stated once and checked on the backend alone.
They know nothing of the reference, so that they hold the reference itself to account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Any

from conformance import values
from conformance.calls import Call, Refused, Reply
from conformance.engine.dialect import Dialect
from conformance.engine.kind import Kind
from conformance.engine.operation import RECEIVER
from conformance.engine.plan import absent
from conformance.engine.session import RESET
from conformance.properties.drawn import answer
from conformance.transport.backend import Backend


@dataclass(frozen=True)
class Law:
    """A sentence with the requirements that say it, and how to try it.

    `needs` are the operations of the kind that a trial uses. `limit` says why the law says nothing
    in a dialect. What a trial leaves out where a dialect carries a known hazard stands in the
    trial. `makes` is what the trial is given.
    """

    id: str
    text: str
    requires: tuple[str, ...]
    needs: Set[str]
    trial: Callable[[Any], None]
    limit: Callable[[Dialect], str | None] = lambda dialect: None
    makes: type[Trial] | None = None

    def not_applicable(self, kind: Kind, dialect: Dialect, operations: Set[str]) -> str | None:
        """Why it is not tried on a backend with these operations; None if it is."""
        needs = {kind.operations[name].wire for name in self.needs}
        for op in sorted(needs):
            if absent(dialect, op) is not None:
                return f"{dialect.id} has no {op}"
        for op in sorted(needs & dialect.traps.keys()):
            return f"{dialect.id} traps at every {op}: {dialect.traps[op]}"
        limited = self.limit(dialect)
        if limited is not None:
            return limited
        missing = sorted(needs - operations)
        return f"the backend declares no {', '.join(missing)}" if missing else None


class Broken(Exception):
    """The law does not hold in a trial."""


class Trial:
    """One trial on a live backend. BackendTrouble passes through; `calls` and `replies` tell."""

    def __init__(
        self,
        draw: Callable[..., Any],
        backend: Backend,
        dialect: Dialect,
        kind: Kind,
        operations: Set[str],
    ) -> None:
        self.draw = draw
        self.dialect = dialect
        self._kind = kind
        self._operations = operations
        self.calls: list[Call] = []
        self.replies: list[Reply] = []
        self._backend = backend
        self._answered(Call(RESET.wire))

    # ------------------------------------------------------------------ calls

    def reply(self, name: str, /, **arguments: Any) -> Reply:
        """Carry out a call that may be refused."""
        return self._answered(Call(self._kind.operations[name].wire, arguments))

    def _answered(self, call: Call) -> Reply:
        self.calls.append(call)
        self.replies.append(answer(self._backend, call))
        return self.replies[-1]

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Carry out a call; a refusal breaks the law."""
        reply = self.reply(name, **arguments)
        if isinstance(reply, Refused):
            raise Broken(f"{name} was {values.reply(reply)}")
        return reply.value

    def look(self, cache: str) -> dict[str, Any]:
        """The snapshot of a cache."""
        shown: dict[str, Any] = self.call(self._kind.look.name, **{RECEIVER.field: cache})
        return shown

    def carries(self, hazard: str) -> bool:
        """Whether the dialect has this known defect, so that the law cannot hold in full."""
        return hazard in self.dialect.hazards

    def has(self, *names: str) -> bool:
        """Whether backend and dialect have these operations."""
        return {self._kind.operations[name].wire for name in names} <= self._operations

    @property
    def looks(self) -> list[str]:
        """The operations that only look at a cache, and take nothing beside it."""
        return [
            name
            for name, operation in self._kind.operations.items()
            if operation.looks and [each.name for each in operation.sent] == [RECEIVER.field]
        ]

    # ------------------------------------------------------------------ comparing

    def equal(self, what: str, expected: Any, got: Any) -> None:
        """Bit for bit; Broken says both."""
        if not values.same(expected, got):
            raise Broken(f"{what}: {values.words(got)} instead of {values.words(expected)}")

    def alike(
        self, what: str, expected: dict[str, Any], got: dict[str, Any], parts: Iterable[str] = ()
    ) -> None:
        """Two snapshots agree, in these parts or in all."""
        for part in parts or expected.keys() | got.keys():
            self.equal(f"{part} of {what}", expected.get(part), got.get(part))
