"""Why a case failed, as data: what failures with one cause have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from conformance.calls import Refused
from conformance.engine.plan import Undeclared
from conformance.engine.verdict import Lost, NotRun, StaleEntry, Status, SuiteBug, Verdict
from conformance.outcomes.difference import Marker
from conformance.outcomes.outcome import Outcome
from conformance.outcomes.trap import is_trap

By = Literal["suite-bug", "lost", "refused", "lacks", "baseline", "hazard", "requirement"]


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a failure is grouped by.

    `name` is an operation (lost, refused, lacks), a hazard or a requirement; `said` is the error,
    how the backend was lost, or what is wrong with the entry of a baseline.
    """

    by: By
    name: str = ""
    said: str = ""


def cause(verdict: Verdict, requires: Sequence[str] = ()) -> Cause | None:
    """The cause of a failure; None where there is none. `requires` are the case's requirements."""
    if not verdict.status.failed:
        return None
    detail = verdict.detail
    if isinstance(detail, SuiteBug):
        return Cause("suite-bug", said=detail.error)
    if isinstance(detail, NotRun):
        return Cause("lacks", lacks(verdict)[0] if lacks(verdict) else "", detail.words())
    if isinstance(detail, StaleEntry):
        return Cause("baseline", said=detail.what)
    if isinstance(detail, Lost):
        return Cause("lost", detail.at.op if detail.at else "", detail.how.partition("\n")[0])
    if verdict.status is not Status.FAIL and detail is not None:
        return Cause("lost", said=detail.words().partition("\n")[0])
    first = verdict.mismatches[0] if verdict.mismatches else None
    if first is not None and first.step is not None:
        got, expected = first.difference.got, first.difference.expected
        if isinstance(got, Refused) and not is_trap(got) and _succeeds(expected):
            message = f": {got.message}" if got.message else ""
            return Cause("refused", first.step.op, f"{got.kind}{message}")
        if first.hazard:
            return Cause("hazard", first.hazard)
    return Cause("requirement", requires[0] if requires else "")


def lacks(verdict: Verdict) -> tuple[str, ...]:
    """The operations that the case needs and the backend does not declare."""
    detail = verdict.detail.why if isinstance(verdict.detail, NotRun) else verdict.detail
    return detail.operations if isinstance(detail, Undeclared) else ()


def _succeeds(expected: object) -> bool:
    """Whether the operation was to be carried out."""
    if isinstance(expected, Outcome):
        return not (expected.refuses or expected.traps)
    return not isinstance(expected, Refused) and (
        not isinstance(expected, Marker) or expected.text == "success"
    )
