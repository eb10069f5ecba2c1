"""Saying what was seen, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from conformance import invocation
from conformance.doctor.examine import CheckResult, CheckStatus
from conformance.doctor.patient import Patient


def lines(result: CheckResult) -> Iterator[str]:
    """What a check came to, for a reader."""
    check = result.check
    if result.status is CheckStatus.OK:
        yield f"ok       {check.name}: {check.says}"
    elif result.status is CheckStatus.NOT_HERE:
        yield f"n/a      {check.name}: {result.why}"
    elif result.status is CheckStatus.BLOCKED:
        yield f"blocked  {check.name}: needs {result.why}"
    else:
        yield f"FIX      {check.name}: {check.says}"
    last = ""
    for problem in (*result.problems, *result.notes):
        if last and problem.fix != last:
            yield f"           change: {last}"
        yield f"         {problem.verdict}: {problem.text}"
        yield from (f"           | {line}" for line in problem.said)
        last = problem.fix
    if last:
        yield f"           change: {last}"


def summary(results: Sequence[CheckResult]) -> str:
    """The counts of an examination on one line."""
    tally = [result.status for result in results]
    words = {"ok": "ok", "fix": "to fix", "blocked": "blocked", "n/a": "not applicable"}
    counts = [f"{tally.count(status)} {words[status.value]}" for status in CheckStatus]
    notes = sum(len(result.notes) for result in results)
    return ", ".join([*counts, *([f"{notes} noted"] if notes else [])])


def advice(patient: Patient, results: Iterable[CheckResult]) -> Iterator[str]:
    """What to do next; the last line is a command."""
    backend = ("--backend", patient.spec)
    named = ("--dialect", patient.asked_dialect) if patient.asked_dialect else ()
    first = next((one for one in results if one.status is CheckStatus.FIX), None)
    if first is not None:
        yield f"fix {first.check.name} first; then see again, and when all is ok judge the port:"
        yield invocation.command("doctor", *backend, *named)
    else:
        yield "the adapter is sound; now judge the port:"
    yield invocation.command("run", *backend, *named)
