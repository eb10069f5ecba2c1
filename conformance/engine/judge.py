"""Comparing what a backend did with what its dialect demands: every bit, slot and kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.calls import Refused
from conformance.engine.execute import Observation, Seen
from conformance.engine.operation import Gives
from conformance.engine.plan import Plan, PlannedStep
from conformance.engine.verdict import (
    Choice,
    Lost,
    Megabytes,
    Mismatch,
    NoAnswer,
    Side,
    Status,
    StepRecord,
    TooMuchMemory,
    Unanswered,
    Verdict,
)
from conformance.outcomes.difference import SUCCESS, Difference
from conformance.outcomes.outcome import Answer, Outcome
from conformance.outcomes.trap import is_trap
from conformance.transport.backend import (
    BackendCrashed,
    BackendHung,
    BackendTooLarge,
    BackendTrouble,
)
from conformance.values import Data, excerpt

_LOST: dict[type[BackendTrouble], Status] = {
    BackendCrashed: Status.CRASH,
    BackendHung: Status.HANG,
    BackendTooLarge: Status.OVER_BUDGET,
}


def judge(plan: Plan, observation: Observation) -> Verdict:
    """The verdict on an observation; reports all differences, not only the first."""
    mismatches: list[Mismatch] = []
    choices: list[Choice] = []
    hazards = _Hazards()
    for seen, answer in _answers(plan, observation):
        found, choice = _judge_step(seen.step, answer, hazards)
        mismatches += found
        choices += choice
        if isinstance(seen.reply, Refused) and (found or is_trap(seen.reply)):
            break  # what follows builds on a step that did not happen, or is the time after death
    choices += _trap_choices(observation)
    status, detail = _status(plan, observation, mismatches)
    if observation.trouble is None and len(observation.seen) < len(plan.steps):
        status = Status.PROTOCOL_ERROR
        detail = Unanswered(len(observation.seen), len(plan.steps))
    if status is Status.OVER_BUDGET:
        mismatches += _over_budget(plan, observation)
    mismatches += _troubled(observation)
    return Verdict(
        case=plan.case.id,
        dialect=plan.dialect.id,
        status=status,
        mismatches=tuple(mismatches),
        detail=detail,
        choices=tuple(choices),
        seconds=observation.seconds,
    )


def _answers(plan: Plan, observation: Observation) -> Iterator[tuple[Seen, Answer]]:
    """Each step with all that there is to be seen of it."""
    snapshots: dict[str, Any] = {}
    for seen in observation.seen:
        call, reply, shown = seen.step.call, seen.reply, seen.step.kind.snapshots
        earlier = dict(snapshots)  # an outcome may name the cache that this step looks at
        yield seen, Answer(
            call, reply, plan.tensors, shown, earlier, seen.before, seen.after, seen.file
        )
        if seen.step.operation.gives is Gives.SNAPSHOT and not isinstance(reply, Refused):
            snapshots[call.arguments["cache"]] = reply.value


def sides(plan: Plan, observation: Observation) -> Iterator[tuple[PlannedStep, bool]]:
    """The steps that accept a better outcome, and whether that was taken; not where both hold."""
    for seen, answer in _answers(plan, observation):
        expect = seen.step.expect
        if expect is None or not expect.accept:
            continue
        own = not any(expect.own.differences(answer))
        better = any(not any(other.differences(answer)) for other in expect.accept)
        if own != better:
            yield seen.step, better


def _over_budget(plan: Plan, observation: Observation) -> list[Mismatch]:
    limit, used = plan.case.budget.memory_mb, observation.memory_mb
    if limit is None or used is None or used <= limit:
        return []
    return [Mismatch(None, Difference("", Megabytes(limit, granted=True), Megabytes(used)))]


def _troubled(observation: Observation) -> list[Mismatch]:
    """The step at which the backend was lost, with what it should have given."""
    at, trouble = observation.at, observation.trouble
    if at is None or trouble is None or _allowed_trap(trouble, at):
        return []
    how = trouble.how if isinstance(trouble, BackendCrashed) else str(trouble)
    wanted = at.expect.own if at.expect else SUCCESS
    return [_mismatch(at, Difference("", wanted, NoAnswer(how)))]


def _status(
    plan: Plan, observation: Observation, mismatches: list[Mismatch]
) -> tuple[Status, Data | None]:
    trouble, at = observation.trouble, observation.at
    if trouble is None or _allowed_trap(trouble, at):
        limit = plan.case.budget.memory_mb
        over = trouble is None and not mismatches and _over_budget(plan, observation)
        if over and limit is not None:
            return Status.OVER_BUDGET, TooMuchMemory(limit)
        return (Status.FAIL if mismatches else Status.PASS), None
    record, status = None if at is None else _record(at), lost(trouble)
    if isinstance(trouble, BackendCrashed):
        return status, Lost(trouble.how, record, trouble.stderr)
    granted = plan.case.budget.seconds if status is Status.HANG else None
    return status, Lost(str(trouble), record, granted=granted)


def lost(trouble: BackendTrouble) -> Status:
    """The verdict on a backend that was lost in this way."""
    return next((status for kind, status in _LOST.items() if isinstance(trouble, kind)),
                Status.PROTOCOL_ERROR)  # fmt: skip


def _allowed_trap(trouble: BackendTrouble | None, at: PlannedStep | None) -> bool:
    return _end(trouble, at) is not None


def _end(trouble: BackendTrouble | None, at: PlannedStep | None) -> Outcome | None:
    """The outcome that a backend's death is, where the dialect lets it die so."""
    if at is None or at.expect is None or not isinstance(trouble, BackendCrashed):
        return None
    return at.expect.ended_by(trouble.signal)


def _trap_choices(observation: Observation) -> list[Choice]:
    """The choice that a process made by dying where something else would have been accepted."""
    at = observation.at
    ended = _end(observation.trouble, at)
    if ended is None or at is None or at.expect is None or not at.expect.accept:
        return []
    return [Choice(at.expect.hazard, None if ended is at.expect.own else excerpt(ended))]


class _Hazards:
    """Which hazards an earlier step took in a better way than the dialect's own."""

    def __init__(self) -> None:
        self._better: dict[str, bool] = {}

    def other_side(self, hazard: str, better: bool) -> Difference | None:
        """The difference to the side that an earlier step took, if there is one."""
        if self._better.setdefault(hazard, better) == better:
            return None
        return Difference(f"hazard {hazard}", Side(not better, earlier=True), Side(better))


def _judge_step(
    step: PlannedStep, answer: Answer, hazards: _Hazards
) -> tuple[list[Mismatch], list[Choice]]:
    expect = step.expect
    if expect is None:
        if isinstance(answer.reply, Refused):
            return [_mismatch(step, Difference("", SUCCESS, answer.reply))], []
        return [], []
    own = list(expect.own.differences(answer))
    better = next((o for o in expect.accept if not list(o.differences(answer))), None)
    if own and better is None:
        return [_mismatch(step, each) for each in own], []
    if not expect.accept:
        return [], []
    if own or better is None:  # not both at once, as where the dialect's own is `undefined`
        mixed = hazards.other_side(expect.hazard, better is not None)
        if mixed is not None:
            return [Mismatch(_record(step), mixed, hazard=expect.hazard)], []
    return [], [Choice(expect.hazard, excerpt(better) if own else None)]


def _mismatch(step: PlannedStep, found: Difference) -> Mismatch:
    """With excerpts of what is large: a verdict travels, and is kept to the end of the run."""
    kept = Difference(found.place, excerpt(found.expected), excerpt(found.got), found.why)
    expect = step.expect
    if expect is None:
        return Mismatch(_record(step), kept)
    return Mismatch(_record(step), kept, tuple(map(excerpt, expect.accept)), expect.hazard)


def _record(step: PlannedStep) -> StepRecord:
    arguments = {key: excerpt(value) for key, value in step.call.arguments.items()}
    return StepRecord(step.number, step.call.op, arguments)
