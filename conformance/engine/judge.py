"""Comparing what a backend did with what its dialect demands: every bit, slot and kind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, UnsetType

from conformance.engine.execute import Observation, Seen
from conformance.engine.expect import CacheState, Expect, SparseSlots
from conformance.engine.literals import Tensors
from conformance.engine.operation import Gives
from conformance.engine.plan import Plan, PlannedStep, may_trap, outcomes
from conformance.engine.verdict import Choice, Mismatch, Status, Verdict
from conformance.filetools import judging
from conformance.reporting import words
from conformance.tensor import Tensor, difference
from conformance.transport.backend import (
    BackendCrashed,
    BackendHung,
    BackendTooLarge,
    BackendTrouble,
    Refused,
    Reply,
)

# How a runtime check ends a process: ud2 or brk (Swift, Rust), abort (C++). Never a memory fault.
TRAP_SIGNALS = {signal.SIGILL, signal.SIGTRAP, signal.SIGABRT}
TRAP = "Trap"  # the kind of the error that stands for a trap where the process must go on
OWN = "the dialect's own outcome"

Difference = tuple[str, str, str]  # place, expected, got

_LOST: dict[type[BackendTrouble], Status] = {
    BackendCrashed: Status.CRASH,
    BackendHung: Status.HANG,
    BackendTooLarge: Status.OVER_BUDGET,
}


def judge(plan: Plan, observation: Observation) -> Verdict:
    """The verdict on an observation; reports all differences, not only the first."""
    mismatches: list[Mismatch] = []
    choices: list[Choice] = []
    snapshots: dict[str, Any] = {}
    sides: dict[str, bool] = {}
    for seen in observation.seen:
        found, choice = _judge_step(plan, seen, snapshots, sides)
        mismatches += found
        choices += choice
        if isinstance(seen.reply, Refused) and (found or seen.reply.kind == TRAP):
            break  # what follows builds on a step that did not happen, or is the time after death
    choices += _trap_choices(observation)
    status, detail = _status(plan, observation, mismatches)
    if observation.trouble is None and len(observation.seen) < len(plan.steps):
        status = Status.PROTOCOL_ERROR
        detail = f"only {len(observation.seen)} of {len(plan.steps)} calls were answered"
    if status is Status.OVER_BUDGET:
        mismatches += _over_budget(plan, observation)
    mismatches += _troubled(plan, observation)
    return Verdict(
        case=plan.case.id,
        dialect=plan.dialect.id,
        status=status,
        mismatches=tuple(mismatches),
        detail=detail,
        choices=tuple(choices),
        seconds=observation.seconds,
    )


def _over_budget(plan: Plan, observation: Observation) -> list[Mismatch]:
    limit, used = plan.case.budget.memory_mb, observation.memory_mb
    if limit is None or used is None or used <= limit:
        return []
    return [
        Mismatch("memory over the case", "", f"at most {limit:g} MB more", f"{used:.0f} MB more")
    ]


def _troubled(plan: Plan, observation: Observation) -> list[Mismatch]:
    """The step at which the backend was lost, with what it should have given."""
    at, trouble = observation.at, observation.trouble
    if at is None or trouble is None or _allowed_trap(trouble, at):
        return []
    how = trouble.how if isinstance(trouble, BackendCrashed) else str(trouble)
    wanted = words.expectation(at.expect, plan.tensors) if at.expect else "success"
    return [Mismatch(words.step(at), "", wanted, f"no answer of the port: {how}")]


def _status(plan: Plan, observation: Observation, mismatches: list[Mismatch]) -> tuple[Status, str]:
    trouble, at = observation.trouble, observation.at
    if trouble is None:
        if not mismatches and _over_budget(plan, observation):
            limit = plan.case.budget.memory_mb
            return Status.OVER_BUDGET, f"more memory than the {limit:g} MB that the case grants"
        return (Status.FAIL if mismatches else Status.PASS), ""
    if _allowed_trap(trouble, at):
        return (Status.FAIL if mismatches else Status.PASS), ""
    where = f" in {words.step(at)}" if at else ""
    status, said = lost(trouble), f"{trouble}{where}"
    if isinstance(trouble, BackendCrashed):
        said = f"{trouble.how}{where}" + (f"\n{trouble.stderr}" if trouble.stderr else "")
    if status is Status.HANG:
        said += f"; the case grants {plan.case.budget.seconds:g} s"
    return status, said


def lost(trouble: BackendTrouble) -> Status:
    """The verdict on a backend that was lost in this way."""
    return next((status for kind, status in _LOST.items() if isinstance(trouble, kind)),
                Status.PROTOCOL_ERROR)  # fmt: skip


def _allowed_trap(trouble: BackendTrouble | None, at: PlannedStep | None) -> bool:
    return (
        at is not None
        and may_trap(at.expect)
        and isinstance(trouble, BackendCrashed)
        and trouble.signal in TRAP_SIGNALS
    )


def _trap_choices(observation: Observation) -> list[Choice]:
    """The choice that a process made by dying where something else would have been accepted."""
    at = observation.at
    if at is None or at.expect is None or not _allowed_trap(observation.trouble, at):
        return []
    if not at.expect.accept:
        return []
    trapped = next(option.trap for option in outcomes(at.expect) if isinstance(option.trap, str))
    own = at.expect.trap is not UNSET
    return [Choice(_hazard(at.expect), OWN if own else f"the process traps: {trapped}")]


def _hazard(expect: Expect) -> str:
    return expect.hazard if isinstance(expect.hazard, str) else ""


def _judge_step(
    plan: Plan, seen: Seen, snapshots: dict[str, Any], sides: dict[str, bool]
) -> tuple[list[Mismatch], list[Choice]]:
    """`sides` holds which hazards an earlier step took in a better way than the dialect's own."""
    earlier = dict(snapshots)  # `same_as` may name the cache that this step looks at
    if seen.step.operation.gives is Gives.SNAPSHOT and not isinstance(seen.reply, Refused):
        snapshots[seen.step.call.arguments["cache"]] = seen.reply.value
    expect = seen.step.expect
    if expect is None:
        if isinstance(seen.reply, Refused):
            return [_mismatch(seen, ("", "success", words.reply(seen.reply)))], []
        return [], []
    own = list(_differences(expect, seen, plan.tensors, earlier))
    better = next(
        (o for o in expect.accept if not list(_differences(o, seen, plan.tensors, earlier))), None
    )
    if own and better is None:
        return [_mismatch(seen, row) for row in own], []
    if not expect.accept:
        return [], []
    hazard = _hazard(expect)
    if own or better is None:  # not both at once, as where the dialect's own is `undefined`
        side = better is not None
        if sides.setdefault(hazard, side) != side:
            return [_mismatch(seen, (f"hazard {hazard}", *_other_side(side)))], []
    chose = words.expectation(better, plan.tensors) if own and better else OWN
    return [], [Choice(hazard, chose)]


def _other_side(side: bool) -> tuple[str, str]:
    words = (OWN, "a better outcome")
    return f"{words[not side]}, as an earlier step took", words[side]


def _mismatch(seen: Seen, row: Difference) -> Mismatch:
    place, expected, got = row
    return Mismatch(words.step(seen.step), place, expected, got)


def _differences(
    expect: Expect, seen: Seen, tensors: Tensors, snapshots: dict[str, Any]
) -> Iterator[Difference]:
    reply = seen.reply
    if expect.undefined is not UNSET:
        if isinstance(reply, Refused) and reply.kind == TRAP:
            yield "", words.expectation(expect, tensors), words.reply(reply)
        return
    if expect.refused is not UNSET:
        if not isinstance(reply, Refused) or reply.kind == TRAP:
            yield "", words.expectation(expect, tensors), words.reply(reply)
        return
    if expect.error is not UNSET or expect.trap is not UNSET:
        yield from _refusal(expect, seen, tensors)
        return
    if isinstance(reply, Refused):
        yield "", words.expectation(expect, tensors), words.reply(reply)
        return
    got = reply.value
    if expect.value is not UNSET:
        if not same(expect.value, got):
            yield "", words.value(expect.value), words.value(got)
    elif not isinstance(expect.tensor, UnsetType):
        yield from _tree("", tensors(expect.tensor), got)
    elif not isinstance(expect.tensors, UnsetType):
        yield from _tree("", tensors.tree(expect.tensors), got)
    elif isinstance(expect.cache, CacheState):
        yield from _cache(expect.cache, got, tensors)
    elif isinstance(expect.reading, str):
        yield from judging.loaded(expect.reading, seen.step.call.arguments["path"].content, got)
    elif isinstance(expect.written, str):
        yield from judging.saved(tensors.files.golden(expect.written), seen.file)
    elif isinstance(expect.same_as, str):
        yield from _snapshots(snapshots.get(expect.same_as), got, expect.same_as)


def _refusal(expect: Expect, seen: Seen, tensors: Tensors) -> Iterator[Difference]:
    reply = seen.reply
    kind = TRAP if expect.trap is not UNSET else expect.error
    if not isinstance(reply, Refused) or reply.kind != kind:
        yield "", words.expectation(expect, tensors), words.reply(reply)
        return
    for name, value in (expect.payload or {}).items():
        if name not in reply.payload:
            yield f"payload.{name}", words.value(value), "not in the payload"
        elif not same(value, reply.payload[name]):
            yield f"payload.{name}", words.value(value), words.value(reply.payload[name])
    if isinstance(expect.message, str) and expect.message not in reply.message:
        yield "message", f"contains {expect.message!r}", repr(reply.message)
    if expect.leaves is not UNSET:
        yield from _unchanged(seen.before, seen.after)


def _unchanged(before: Reply | None, after: Reply | None) -> Iterator[Difference]:
    if before is None or after is None or isinstance(before, Refused) or isinstance(after, Refused):
        failed = next((r for r in (before, after) if isinstance(r, Refused)), None)
        yield "cache", "can be looked at", words.reply(failed) if failed else "no snapshot"
        return
    for place, was, now in _snapshots(before.value, after.value, "before"):
        yield f"cache after the refusal, {place}", f"{was} as before", now


def _snapshots(expected: Any, got: Any, name: str) -> Iterator[Difference]:
    if not isinstance(expected, dict) or not isinstance(got, dict):
        yield "", f"the snapshot of {name}", words.value(got)
        return
    for key in ("class_name", "slot_count"):
        if not same(expected.get(key), got.get(key)):
            yield key, words.value(expected.get(key)), words.value(got.get(key))
    yield from _slots(expected.get("slots"), got.get("slots"))
    for key in ("left_padding", "lengths"):
        yield from _tree(key, expected.get(key), got.get(key))


def _cache(expected: CacheState, got: Any, tensors: Tensors) -> Iterator[Difference]:
    if not isinstance(got, dict):
        yield "", "a snapshot", words.value(got)
        return
    slots = expected.slots
    if isinstance(slots, SparseSlots):
        count = slots.count
        present = {index: tensors(ref) for index, ref in slots.present.items()}
    else:
        listed = slots if isinstance(slots, list) else []
        count = len(listed)
        present = {str(i): tensors(ref) for i, ref in enumerate(listed) if ref is not None}
    if not same(count, got.get("slot_count")):
        yield "slot_count", str(count), words.value(got.get("slot_count"))
    yield from _slots(present, got.get("slots"))
    yield from _tree("left_padding", tensors.ints(expected.left_padding), got.get("left_padding"))
    yield from _tree("lengths", tensors.ints(expected.lengths), got.get("lengths"))
    if expected.class_name is not UNSET and not same(expected.class_name, got.get("class_name")):
        yield "class_name", str(expected.class_name), words.value(got.get("class_name"))


def _slots(expected: Any, got: Any) -> Iterator[Difference]:
    if not isinstance(got, dict) or not isinstance(expected, dict):
        yield "slots", "slots by index", words.value(got)
        return
    for index in sorted(set(expected) | set(got), key=lambda key: (len(key), key)):
        yield from _tree(f"slot {index}", expected.get(index), got.get(index))


def _tree(place: str, expected: Any, got: Any) -> Iterator[Difference]:
    if isinstance(expected, Tensor) and isinstance(got, Tensor):
        why = difference(expected, got)
        if why:
            yield place, words.value(expected), f"{words.value(got)}: {why}"
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield place, f"{len(expected)} items", f"{len(got)} items: {words.value(got)}"
        for index, (left, right) in enumerate(zip(expected, got, strict=False)):
            yield from _tree(f"{place}[{index}]", left, right)
    elif not same(expected, got):
        yield place, words.value(expected), words.value(got)


def same(left: Any, right: Any) -> bool:
    """Equality that does not take True for 1 or 1 for 1.0, at any depth."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)
