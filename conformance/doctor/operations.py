"""Checks of the operations: what is declared is there, what is not is not, refusals say why."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.doctor.examine import Check, Problem, diagnosis
from conformance.doctor.fixes import FIXES
from conformance.doctor.patient import NotHere, Patient
from conformance.engine.kind import DEFAULT_CACHE, Kind
from conformance.engine.operation import RECEIVER
from conformance.engine.plan import Plan, PlannedStep
from conformance.engine.session import MEASURE, RESET
from conformance.reporting import words
from conformance.transport.backend import BackendTrouble
from conformance.transport.causes import Violation
from conformance.transport.messages import (
    ADAPTER_BUG,
    INVALID_ARGUMENTS,
    UNKNOWN_CACHE,
    UNKNOWN_OPERATION,
    ErrorObject,
)

_PATIENCE = 3  # times that the process may be lost in one check before the rest is left out
_REFUSALS = 12

_MEANINGS = {
    UNKNOWN_OPERATION: (
        "is denied, though the handshake declares it",
        FIXES[Violation.DECLARED_BUT_UNKNOWN],
    ),
    INVALID_ARGUMENTS: (
        "does not take the arguments that the protocol gives it",
        FIXES[Violation.ARGUMENTS_NOT_TAKEN],
    ),
    ADAPTER_BUG: (
        "has a result that the adapter cannot put on the wire",
        FIXES[Violation.ADAPTER_FAILED],
    ),
    UNKNOWN_CACHE: (
        "does not find a handle that was made right before",
        "keep caches under their handles until reset",
    ),
}


def declared(patient: Patient) -> Iterator[Problem]:
    """Each declared operation, called as some case of the suite does that must succeed."""
    lost = 0
    for op in sorted(patient.capabilities & set(patient.suite.kinds.case_operations)):
        found = _shortest(patient, op)
        try:
            if found is not None:
                yield from _carried_out(patient, op, *found)
            else:  # no case of the dialect calls it so that the process goes on
                yield from _not_denied(patient, op)
        except BackendTrouble as trouble:
            patient.drop()
            yield diagnosis(trouble, op)
            lost += 1
            if lost == _PATIENCE:
                yield Problem(
                    f"after {lost} such losses the operations behind {op} were not tried",
                    "see again when these are fixed",
                )
                return


def _carried_out(patient: Patient, op: str, bound: Plan, last: PlannedStep) -> Iterator[Problem]:
    patient.ask(RESET.wire)
    for step in bound.steps[: bound.steps.index(last) + 1]:
        error = patient.error(step.call.op, **step.call.arguments)
        if error is not None and error.code in _MEANINGS and step.call.op == op:
            meaning, fix = _MEANINGS[error.code]
            yield Problem(f"{op} {meaning}: {error.message}", fix)
            return
    if not patient.in_process:
        patient.probe.keep_quiet(0.02)


def _not_denied(patient: Patient, op: str) -> Iterator[Problem]:
    patient.ask(RESET.wire)  # a cache of another kind that is left would be its argument
    error = patient.error(op, cache=DEFAULT_CACHE)
    if error is not None and error.code == UNKNOWN_OPERATION:
        meaning, fix = _MEANINGS[UNKNOWN_OPERATION]
        yield Problem(f"{op} {meaning}: {error.message}", fix)


def undeclared(patient: Patient) -> Iterator[Problem]:
    """A working operation that is not declared costs the port every case that needs it."""
    lost = 0
    for op in sorted(set(patient.suite.kinds.case_operations) - patient.capabilities):
        try:
            error = patient.error(op, cache=DEFAULT_CACHE)
        except BackendTrouble as trouble:
            patient.drop()
            yield diagnosis(trouble, f"{op}, which is not declared")
            lost += 1
            if lost == _PATIENCE:
                return
            continue
        if error is None or error.code != UNKNOWN_OPERATION:
            got = "a result" if error is None else f"error {error.code} ({error.message})"
            yield Problem(
                f"{op} is not declared, but answered with {got}",
                "declare what works; answer the rest with -32601",
            )


def refusals(patient: Patient) -> Iterator[Problem]:
    """What the dialect refuses is refused with code 1 and the name of the error."""
    tried = refused = 0
    example = ""
    for bound, step in _refused_steps(patient):
        tried += 1
        example = example or words.step(step)
        patient.ask(RESET.wire)
        for earlier in bound.steps[: bound.steps.index(step)]:
            patient.ask(earlier.call.op, **earlier.call.arguments)
        doing = f"{step.call.op}, which {bound.dialect.id} refuses"
        try:
            error = patient.error(step.call.op, **step.call.arguments)
        except BackendTrouble as trouble:
            patient.drop()
            yield diagnosis(trouble, doing)
            return
        if error is None:
            continue
        refused += 1
        if error.code in (INVALID_ARGUMENTS, ADAPTER_BUG):
            yield Problem(
                f"{doing}, was answered with code {error.code}: {error.message}",
                "what the implementation raises is code 1, with data.kind",
            )
    if not tried:
        raise NotHere(f"no case of {patient.dialect.id} expects a refusal of what is declared")
    if not refused:
        yield Problem(
            f"of {tried} requests that the dialect refuses none was, such as {example}",
            "pass on what the implementation raises as error code 1",
        )


def measures(patient: Patient) -> Iterator[Problem]:
    """What makes a cache is timed without a handle, as it is to leave none."""
    kind = patient.kinds[0]
    assert kind.doctoring is not None
    name, arguments = kind.doctoring.make(DEFAULT_CACHE)
    operation = kind.operations[name].wire
    patient.need(MEASURE.wire, operation)
    given = {key: value for key, value in arguments.items() if key != RECEIVER.field}
    request = {"times": 1, "repeats": 1, "memory": False}
    answer = patient.ask(MEASURE.wire, operation=operation, arguments=given, **request)
    what = f"{MEASURE.wire} of {operation} with only {', '.join(given)}"
    if isinstance(answer.error, ErrorObject):
        text = f"{what}: error {answer.error.code}: {answer.error.message}"
        yield Problem(text, f"make a cache that no handle names: no handle comes for {operation}")
        return
    seconds = answer.result.get("seconds") if isinstance(answer.result, dict) else None
    if not (isinstance(seconds, list) and len(seconds) == 1 and isinstance(seconds[0], float)):
        yield Problem(f"{what} gave {seconds!r}", "give one time in seconds for each of `times`")


def _refused_steps(patient: Patient) -> Iterator[tuple[Plan, PlannedStep]]:
    """The first refusal of a case, for every operation that has one; a bounded number of them."""
    seen: dict[str, int] = {}
    for bound in patient.plans:
        step = next((s for s in bound.steps if not _succeeds(s)), None)
        if step is None or step.expect is None or not step.expect.own.refuses:
            continue
        if step.may_trap or seen.get(step.call.op, 0) >= 2 or len(seen) >= _REFUSALS:
            continue
        seen[step.call.op] = seen.get(step.call.op, 0) + 1
        yield bound, step


def _shortest(patient: Patient, op: str) -> tuple[Plan, PlannedStep] | None:
    """The shortest way to an operation that is carried out, or at least refused."""
    found: list[tuple[bool, int, int, Plan, PlannedStep]] = []
    for order, bound in enumerate(patient.plans):
        for number, step in enumerate(bound.steps):
            carried_out = _succeeds(step)
            if step.call.op == op and not step.may_trap:
                found.append((not carried_out, number, order, bound, step))
                break
            if not carried_out:
                break
    return min(found, key=lambda way: way[:3])[3:] if found else None


def _succeeds(step: PlannedStep) -> bool:
    return step.expect is None or not step.expect.may_refuse


_ALIVE = ("start", "handshake", "quiet", "restart")


def operation_checks(kind: Kind) -> tuple[Check, ...]:
    """The checks of all operations, which rest on that of one kind."""
    sound = (*_ALIVE, kind.name)
    return (
        Check("declared", "every declared operation is carried out", declared, sound),
        Check(
            "undeclared",
            "no operation works without being declared",
            undeclared,
            (*_ALIVE, "unknown-operation"),
        ),
        Check(
            "refusals",
            "what is refused says so with code 1 and the error's name",
            refusals,
            sound,
        ),
        Check("measure", "what makes a cache is timed without a handle", measures, sound),
    )
