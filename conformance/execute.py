"""Carrying out a plan on a backend: what it answered to each call, or how it failed to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from conformance.backends.base import (
    Backend,
    BackendCrashed,
    BackendGone,
    BackendTrouble,
    BackendUnusable,
    ProtocolViolation,
    Refused,
    Reply,
)
from conformance.plan import Call, Plan, PlannedStep, may_trap

MAX_RESTARTS = 100


@dataclass(frozen=True)
class Seen:
    """One step of a plan with its answer, and the snapshots around it where the step is guarded."""

    step: PlannedStep
    reply: Reply
    before: Reply | None = None
    after: Reply | None = None


@dataclass(frozen=True)
class Observation:
    """The answered steps in order and, where it ended early, at which step and how."""

    seen: tuple[Seen, ...]
    trouble: BackendTrouble | None = None
    at: PlannedStep | None = None
    seconds: float = 0.0


class Session:
    """A backend that is started anew after trouble, a bounded number of times.

    Traps that a dialect demands do not count: it may demand any number of them.
    """

    def __init__(self, connect: Callable[[], Backend]) -> None:
        self._connect = connect
        self._restarts = 0
        self._backend: Backend | None = connect()
        self.handshake = self._backend.handshake

    @property
    def backend(self) -> Backend:
        """The live backend."""
        if self._backend is None:
            if self._restarts > MAX_RESTARTS:
                raise BackendGone(f"it had to be restarted {MAX_RESTARTS} times; giving up on it")
            try:
                self._backend = self._connect()
            except BackendUnusable as error:
                self._restarts += 1
                raise BackendGone(f"it does not start again: {error}") from error
        return self._backend

    def drop(self, forgiven: bool = False) -> None:
        """End the backend after trouble; the next use starts another. `forgiven` does not count."""
        self._restarts += not forgiven
        self.close()

    def close(self) -> None:
        """End the backend."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None


def execute(plan: Plan, session: Session) -> Observation:
    """Carry out a plan from a clean start. Never raises for what the backend does.

    The calls travel together; when the backend dies among them, they are repeated one by one on a
    fresh one, so that the step is known. Plans that may trap go one by one at once.
    """
    started = time.perf_counter()
    observation = _attempt(plan, session, together=not plan.may_trap)
    if not plan.may_trap and not isinstance(observation.trouble, (type(None), BackendGone)):
        closer = _attempt(plan, session, together=False)
        if not isinstance(closer.trouble, (type(None), BackendGone)):
            observation = closer
    seconds = time.perf_counter() - started
    return Observation(observation.seen, observation.trouble, observation.at, seconds)


def _attempt(plan: Plan, session: Session, together: bool) -> Observation:
    script = [
        (None, Call("reset")),
        *((step, call) for step in plan.steps for call in _calls(step)),
    ]
    calls = [call for _, call in script]
    replies: list[Reply] = []
    try:
        backend = session.backend
        deadline = time.monotonic() + plan.case.budget.seconds
        for part in [calls] if together else [[call] for call in calls]:
            replies.extend(backend.call_all(part, max(deadline - time.monotonic(), 0.0)))
            if isinstance(replies[0], Refused):
                raise ProtocolViolation(f"reset was refused: {replies[0].message}")
    except BackendTrouble as trouble:
        at = None if together or len(replies) == len(script) else script[len(replies)][0]
        if not isinstance(trouble, BackendGone):
            demanded = at is not None and may_trap(at.expect)
            session.drop(forgiven=demanded and isinstance(trouble, BackendCrashed))
        return Observation(tuple(_seen(plan, replies[1:])), trouble, at)
    return Observation(tuple(_seen(plan, replies[1:])))


def _calls(step: PlannedStep) -> list[Call]:
    if not step.guarded:
        return [step.call]
    look = Call("snapshot", {"cache": step.call.arguments["cache"]})
    return [look, step.call, look]


def _seen(plan: Plan, replies: list[Reply]) -> list[Seen]:
    """Hand the flat replies back to their steps; a step that was not fully answered is left out."""
    seen: list[Seen] = []
    position = 0
    for step in plan.steps:
        width = 3 if step.guarded else 1
        part = replies[position : position + width]
        if len(part) < width:
            break
        position += width
        seen.append(Seen(step, part[1], part[0], part[2]) if step.guarded else Seen(step, part[0]))
    return seen
