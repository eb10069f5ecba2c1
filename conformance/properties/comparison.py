"""Reference and backend side by side: the same calls to both, and where they part."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from conformance.calls import Call, Reply
from conformance.engine.dialect import Dialect
from conformance.kinds import KINDS
from conformance.properties.agreement import first_difference
from conformance.properties.sequences import Drawn
from conformance.transport.backend import Backend, BackendGone, BackendTrouble
from conformance.transport.restarting import RestartingBackend

SECONDS = 20.0  # for the calls of one sequence together


@dataclass(frozen=True)
class Answers:
    """Replies in order; fewer than there were calls where the backend got into trouble."""

    replies: tuple[Reply, ...]
    trouble: BackendTrouble | None = None


@dataclass(frozen=True)
class Difference:
    """Calls with both sides' answers; they part at the last one."""

    drawn: Drawn
    answers: Answers

    @property
    def kind(self) -> str:
        """What a shorter sequence must show as well: a wrong answer, or this sort of trouble."""
        trouble = self.answers.trouble
        return "answer" if trouble is None else type(trouble).__name__


@dataclass(frozen=True)
class Sides:
    """Who is compared: the reference in a dialect, and the backend that is judged."""

    model: Backend
    session: RestartingBackend
    dialect: Dialect

    @property
    def operations(self) -> Set[str]:
        """What a case can use on caches, both can do and the dialect has."""
        both = set(self.model.handshake.capabilities) & set(self.session.handshake.capabilities)
        return both & set(KINDS["slots"].steps) - set(self.dialect.absent)

    def compare(self, drawn: Drawn) -> Difference | None:
        """Give the backend the calls; where it parts from the reference, if it does."""
        apart = drawn.traps and self.session.is_process
        got = answers(self.session, drawn.calls, last_apart=apart)
        at = first_difference(drawn, got.replies, got.trouble)
        if at is None:
            return None
        shown = Answers(got.replies[: at + 1], got.trouble if at >= len(got.replies) else None)
        return Difference(drawn.until(at), shown)


def answers(
    session: RestartingBackend,
    calls: Sequence[Call],
    last_apart: bool = False,
    seconds: float = SECONDS,
) -> Answers:
    """Carry out calls that begin with `reset`. Never raises for what the backend does.

    They travel in one message; when the backend dies among them, they are repeated one by one on a
    fresh one, so that the call is known. `last_apart` is for a last call that may end the process.
    """
    parts = [calls[:-1], calls[-1:]] if last_apart and len(calls) > 1 else [calls]
    found = _attempt(session, parts, seconds, last_apart)
    if found.trouble is None or last_apart or isinstance(found.trouble, BackendGone):
        return found
    closer = _attempt(session, [[call] for call in calls], seconds)
    return closer if not isinstance(closer.trouble, (type(None), BackendGone)) else found


def _attempt(
    session: RestartingBackend,
    parts: Sequence[Sequence[Call]],
    seconds: float,
    forgiving: bool = False,
) -> Answers:
    replies: list[Reply] = []
    try:
        for part in parts:
            replies.extend(session.backend.call_all(part, seconds))
    except BackendTrouble as trouble:
        session.drop(trouble, demanded=forgiving)
        return Answers(tuple(replies), trouble)
    session.forget_restarts()
    return Answers(tuple(replies))
