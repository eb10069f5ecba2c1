"""Asking all questions in order: what each came to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from conformance.doctor import fixes
from conformance.doctor.patient import NotHere, Patient
from conformance.doctor.probe import AFTER
from conformance.transport.backend import (
    BackendCrashed,
    BackendHung,
    BackendTooLarge,
    BackendTrouble,
    ProtocolViolation,
)
from conformance.transport.causes import Oddity


@dataclass(frozen=True)
class Problem:
    """What was seen, what the adapter's author changes, and the verdict that a run would give."""

    text: str
    fix: str
    verdict: str = "protocol-error"
    said: tuple[str, ...] = ()  # lines of stderr that belong to it


class CheckStatus(str, Enum):
    """What a check can come to."""

    OK = "ok"
    FIX = "fix"
    BLOCKED = "blocked"
    NOT_HERE = "n/a"


@dataclass(frozen=True)
class Check:
    """One question. `needs` are checks without whose success it cannot be asked."""

    name: str
    says: str
    ask: Callable[[Patient], Iterable[Problem]]
    needs: tuple[str, ...] = ("start",)
    process: bool = False  # about processes and pipes only


@dataclass(frozen=True)
class CheckResult:
    """What a check came to; `why` it was not asked."""

    check: Check
    status: CheckStatus
    problems: tuple[Problem, ...] = ()
    why: str = ""
    notes: tuple[Problem, ...] = ()  # what the check came upon that is no fault


def examine(patient: Patient, checks: Iterable[Check]) -> Iterator[CheckResult]:
    """Ask every check that can be asked. BackendUnusable when there is nothing to examine."""
    unsound: dict[str, str] = {}  # check -> the first cause of its not having succeeded
    absent: dict[str, str] = {}  # check -> why it has no object here, nor has what rests on it
    try:
        for check in checks:
            known = set(patient.oddities)
            result = _ask(check, patient, unsound, absent)
            new = [oddity for oddity in patient.oddities if oddity not in known]
            result = replace(
                result, notes=tuple(_note(each, patient.oddities[each]) for each in new)
            )
            if result.status in (CheckStatus.FIX, CheckStatus.BLOCKED):
                unsound[check.name] = result.why or check.name
            elif result.status is CheckStatus.NOT_HERE and not check.process:
                absent[check.name] = result.why
            yield result
    finally:
        patient.drop()


def _note(oddity: Oddity, doing: str) -> Problem:
    text, fix = fixes.ODDITIES[oddity]
    return Problem(f"{doing}: {text}", fix, "note")


def _ask(
    check: Check, patient: Patient, unsound: dict[str, str], absent: dict[str, str]
) -> CheckResult:
    blocking = next((unsound[name] for name in check.needs if name in unsound), "")
    missing = next((absent[name] for name in check.needs if name in absent), "")
    if check.process and patient.in_process:
        return CheckResult(check, CheckStatus.NOT_HERE, why="it runs in this process")
    if blocking:
        return CheckResult(check, CheckStatus.BLOCKED, why=blocking)
    if missing:
        return CheckResult(check, CheckStatus.NOT_HERE, why=missing)
    problems: list[Problem] = []
    try:
        problems.extend(check.ask(patient))
    except NotHere as reason:
        if not problems:
            return CheckResult(check, CheckStatus.NOT_HERE, why=str(reason))
    except BackendTrouble as trouble:
        doing = patient.doing
        patient.drop()
        problems.append(diagnosis(trouble, doing))
    return CheckResult(check, CheckStatus.FIX if problems else CheckStatus.OK, tuple(problems))


def diagnosis(trouble: BackendTrouble, doing: str = "") -> Problem:
    """What happened to the process or its answer, in words, with what to change."""
    where = "" if not doing or str(trouble).startswith(f"{doing}:") else f"{doing}: "
    if isinstance(trouble, BackendCrashed):
        text = f"{where}the process ended: {trouble.how}"
        fix = fixes.ENDS if doing == AFTER else fixes.CRASH
        said = tuple(trouble.stderr.splitlines())
        if len(said) > 1:
            return Problem(f"{text}; it said on stderr:", fix, "crash", said)
        text += "".join(f"; its last line on stderr: {line}" for line in said)
        return Problem(text, fix, "crash")
    if isinstance(trouble, BackendHung):
        return Problem(f"{where}{trouble}", fixes.HANG, "hang")
    if isinstance(trouble, BackendTooLarge):
        return Problem(f"{where}{trouble}", fixes.MEMORY, "over-budget")
    assert isinstance(trouble, ProtocolViolation)
    return Problem(f"{where}{trouble}", fixes.FIXES[trouble.cause])
