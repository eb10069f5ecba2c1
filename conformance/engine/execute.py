"""Carrying out a plan on a backend: what it answered to each call, or how it failed to."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.calls import Call, Refused, Reply
from conformance.engine.filearguments import placed, workspace, written
from conformance.engine.plan import Plan, PlannedStep
from conformance.engine.session import MEMORY, RESET
from conformance.transport.backend import (
    Backend,
    BackendCrashed,
    BackendGone,
    BackendTrouble,
    ProtocolViolation,
)
from conformance.transport.causes import Violation
from conformance.transport.memory import DeviceGauge, Gauge, Gauges, ProcessGauge
from conformance.transport.restarting import RestartingBackend

_LEAVE_SECONDS = 5.0  # for the reset after a case, however much of its time the case took
_ON_A_GPU = 6


@dataclass(frozen=True)
class Seen:
    """One step of a plan with its answer, the snapshots around it where the step is guarded, and
    the file that it wrote.
    """

    step: PlannedStep
    reply: Reply
    before: Reply | None = None
    after: Reply | None = None
    file: bytes | None = None


@dataclass(frozen=True)
class Observation:
    """The answered steps in order and, where it ended early, at which step and how."""

    seen: tuple[Seen, ...]
    trouble: BackendTrouble | None = None
    at: PlannedStep | None = None
    seconds: float = 0.0
    memory_mb: float | None = None


def execute(plan: Plan, session: RestartingBackend) -> Observation:
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
    return replace(observation, seconds=time.perf_counter() - started)


def _attempt(plan: Plan, session: RestartingBackend, together: bool) -> Observation:
    with workspace().use() if plan.files else nullcontext(Path()) as folder:
        return _in_folder(plan, session, together, folder)


def _in_folder(plan: Plan, session: RestartingBackend, together: bool, folder: Path) -> Observation:
    script = [
        (None, Call(RESET.wire)),
        *(
            (step, Call(call.op, placed(call.arguments, folder)))
            for step in plan.steps
            for call in _calls(step)
        ),
    ]
    replies: list[Reply] = []
    gauge: Gauge | None = None
    try:
        backend = session.backend
        deadline = time.monotonic() + plan.case.budget.seconds * _patience(backend)
        with _gauge(plan, backend) as gauge:
            for part in _parts([call for _, call in script], together, gauge is not None):
                replies.extend(backend.call_all(part, max(deadline - time.monotonic(), 0.0)))
                if isinstance(replies[0], Refused):
                    raise ProtocolViolation(
                        Violation.RESET_REFUSED, f"reset was refused: {replies[0].message}"
                    )
                if gauge is not None and len(replies) == 1:
                    gauge.mark()  # the memory of the case before is no credit for this one
        if session.is_process:
            _take_leave(backend, deadline)
    except BackendTrouble as trouble:
        at = None if together or len(replies) == len(script) else script[len(replies)][0]
        session.drop(trouble, demanded=at is not None and at.may_trap)
        return Observation(tuple(_seen(plan, replies[1:], folder)), trouble, at)
    session.forget_restarts()
    used = None if gauge is None else gauge.growth
    return Observation(tuple(_seen(plan, replies[1:], folder)), memory_mb=used)


def _patience(backend: Backend) -> int:
    """How many times the seconds of a case: a GPU compiles each kernel for its first use, which
    takes up to a second, and a case may need a dozen of them.
    """
    return _ON_A_GPU if backend.handshake.implementation.accelerated else 1


def _take_leave(backend: Backend, deadline: float) -> None:
    """See that a process outlives the case: it may die after its last answer, or of what it frees.

    The next case, which would find it dead, has nothing to do with that.
    """
    try:
        patience = max(deadline - time.monotonic(), _LEAVE_SECONDS)
        list(backend.call_all([Call("reset")], patience))
    except BackendCrashed as crash:
        how = f"{crash.how} after the last answer of the case"
        raise BackendCrashed(how, crash.stderr, crash.signal) from None


def _parts(calls: list[Call], together: bool, reset_apart: bool) -> list[list[Call]]:
    """The messages: all calls in one or each in its own, with the reset before what is measured."""
    if not together:
        return [[call] for call in calls]
    return [calls[:1], calls[1:]] if reset_apart else [calls]


def _gauge(plan: Plan, backend: Backend) -> AbstractContextManager[Gauge | None]:
    """Memory is measured where the case limits it and the backend is a process that can be."""
    if plan.case.budget.memory_mb is None or backend.pid is None:
        return nullcontext()
    return memory_gauge(backend, backend.pid)


def memory_gauge(backend: Backend, pid: int) -> Gauge:
    """Of its process; on a GPU, whose arrays no process holds, of what it says itself, too."""
    process = ProcessGauge(pid)
    who = backend.handshake
    if not who.implementation.accelerated or MEMORY.wire not in who.capabilities:
        return process
    return Gauges(process, DeviceGauge(lambda: backend.call(MEMORY.wire)))


def _calls(step: PlannedStep) -> list[Call]:
    if not step.guarded:
        return [step.call]
    look = Call(step.kind.look.wire, {"cache": step.call.arguments["cache"]})
    return [look, step.call, look]


def _seen(plan: Plan, replies: list[Reply], folder: Path) -> list[Seen]:
    """Hand the flat replies back to their steps; a step that was not fully answered is left out."""
    seen: list[Seen] = []
    position = 0
    for step in plan.steps:
        width = 3 if step.guarded else 1
        part = replies[position : position + width]
        if len(part) < width:
            break
        position += width
        if step.guarded:
            seen.append(Seen(step, part[1], part[0], part[2]))
        else:
            seen.append(Seen(step, part[0], file=written(step.call.arguments, folder)))
    return seen
