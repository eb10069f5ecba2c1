"""Reference and backend side by side: the same calls to both, and where they part."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from msgspec.structs import replace

from conformance.calls import Call, Reply
from conformance.engine.dialect import Dialect
from conformance.engine.kinds import Kinds
from conformance.engine.operation import Gives
from conformance.engine.plan import absent
from conformance.properties.agreement import first_difference
from conformance.properties.better import Mended
from conformance.properties.drawn import Drawn
from conformance.transport.backend import (
    Backend,
    BackendGone,
    BackendTrouble,
    ProtocolViolation,
)
from conformance.transport.causes import Violation
from conformance.transport.restarting import RestartingBackend

SECONDS = 20.0  # for the calls of one sequence together


@dataclass(frozen=True)
class Answers:
    """Replies in order; fewer than there were calls where the backend got into trouble."""

    replies: tuple[Reply, ...]
    trouble: BackendTrouble | None = None


@dataclass(frozen=True)
class Disagreement:
    """Calls with both answers; they part at the last one."""

    drawn: Drawn
    answers: Answers

    @property
    def kind(self) -> str:
        """What a shorter sequence must show as well: a wrong answer, or this sort of trouble."""
        trouble = self.answers.trouble
        return "answer" if trouble is None else type(trouble).__name__

    @property
    def is_refused_by_adapter(self) -> bool:
        """Whether the adapter does not take the arguments of the last call."""
        trouble = self.answers.trouble
        return (
            isinstance(trouble, ProtocolViolation)
            and trouble.cause is Violation.ARGUMENTS_NOT_TAKEN
        )


@dataclass(frozen=True)
class Comparison:
    """The reference in a dialect, and beside it the backend that is judged."""

    reference: Backend
    backend: RestartingBackend
    dialect: Dialect
    kinds: Kinds
    mended: Mended = field(default_factory=Mended)

    @property
    def rules(self) -> Dialect:
        """The dialect without the defects that the backend has mended: what laws go by."""
        return replace(self.dialect, hazards=self.dialect.hazards - self.mended.hazards)

    @property
    def operations(self) -> Set[str]:
        """What a case can use, both can do and the dialect has."""
        ours, theirs = (each.handshake.capabilities for each in (self.reference, self.backend))
        both = set(ours) & set(theirs) & set(self.kinds.case_operations)
        return {op for op in both if absent(self.dialect, op) is None}

    def compare(self, drawn: Drawn) -> Disagreement | None:
        """Give the backend the calls; where it parts from the reference, if it does."""
        apart = drawn.traps and self.backend.is_process
        got = answers(self.backend, drawn.calls, last_apart=apart)
        at = first_difference(drawn, got.replies, got.trouble)
        if at is None or (at < len(got.replies) and self._is_mended(drawn, at)):
            return None
        shown = Answers(got.replies[: at + 1], got.trouble if at >= len(got.replies) else None)
        return Disagreement(drawn.until(at), shown)

    def _is_mended(self, drawn: Drawn, at: int) -> bool:
        """Whether the two part at an operation that shows a defect which the backend has mended.

        What follows builds on other caches and is not compared.
        """
        if not self.mended.operations:
            return False
        rows = [self.kinds.operations[call.op] for call in reversed(drawn.calls[: at + 1])]
        shows = next((row for row in rows if row.gives is not Gives.SNAPSHOT), rows[0])
        return shows.wire in self.mended.operations


def answers(
    backend: RestartingBackend,
    calls: Sequence[Call],
    last_apart: bool = False,
    seconds: float = SECONDS,
) -> Answers:
    """Carry out calls that begin with `reset`. Never raises for what the backend does.

    They travel in one message; when the backend dies among them, they are repeated one by one on a
    fresh one, so that the call is known. `last_apart` is for a last call that may end the process:
    where it dies before that, the call at which it does is looked for too.
    """
    parts = [calls[:-1], calls[-1:]] if last_apart and len(calls) > 1 else [calls]
    found = _attempt(backend, parts, seconds, last_apart)
    if found.trouble is None or isinstance(found.trouble, BackendGone):
        return found
    if last_apart and len(found.replies) == len(calls) - 1:
        return found  # at the last call, which is known
    closer = _attempt(backend, [[call] for call in calls], seconds)
    return closer if not isinstance(closer.trouble, (type(None), BackendGone)) else found


def _attempt(
    backend: RestartingBackend,
    parts: Sequence[Sequence[Call]],
    seconds: float,
    forgiving: bool = False,
) -> Answers:
    replies: list[Reply] = []
    try:
        for part in parts:
            replies.extend(backend.backend.call_all(part, seconds))
    except BackendTrouble as trouble:
        backend.drop(trouble, demanded=forgiving)
        return Answers(tuple(replies), trouble)
    backend.forget_restarts()
    return Answers(tuple(replies))
