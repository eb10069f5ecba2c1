"""Failures by what they have in common: said once, the cause first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conformance.engine.plan import operations
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status
from conformance.reporting.causes import Cause
from conformance.reporting.json_report import ReportedVerdict

_FIRST = ("suite-bug", "lost", "lacks", "baseline")  # outside of the port's rules
_VARIES = re.compile(r"\d+|'[^']*'|\"[^\"]*\"")  # of a message, from case to case
_CLEAR = 1.5  # how much more often the cases of an operation fail than all cases do


@dataclass(frozen=True)
class Group:
    """Failures with one cause, in the order of the suite; `heading` says it in one line."""

    cause: Cause
    heading: str
    verdicts: tuple[ReportedVerdict, ...]


def groups(verdicts: Iterable[ReportedVerdict], suite: Suite) -> list[Group]:
    """The red verdicts of a run, by cause: the causes outside of the port's rules first, then the
    largest groups.
    """
    verdicts = list(verdicts)
    found: dict[tuple[str, ...], list[ReportedVerdict]] = {}
    for verdict in verdicts:
        if verdict.red:
            cause = _cause(verdict, suite)
            key = (cause.by, cause.name, _VARIES.sub("#", cause.said), verdict.status.value)
            found.setdefault(key[:1] if cause.by == "lacks" else key, []).append(verdict)
    rank = {name: number for number, name in enumerate(_FIRST)}
    ordered = sorted(
        found.items(), key=lambda each: (rank.get(each[0][0], len(rank)), -len(each[1]))
    )
    ran = [v for v in verdicts if v.status is not Status.NOT_APPLICABLE and not v.lacks]
    made = []
    for _, rows in ordered:
        cause = _cause(rows[0], suite)
        made.append(Group(cause, _heading(cause, rows, ran, suite), tuple(rows)))
    return made


def shared(verdicts: Sequence[ReportedVerdict], suite: Suite) -> str:
    """What failing cases have in common beyond their groups; empty where that is nothing.

    Cases for which the backend lacks an operation are left out.
    """
    ran = [v for v in verdicts if v.status is not Status.NOT_APPLICABLE and not v.lacks]
    red = [v for v in ran if v.red]
    if len(red) < 2:
        return ""
    called = {v.case: _operations(v, suite) for v in ran}
    all_ops, red_ops = Counter[str](), Counter[str]()
    for verdict in ran:
        all_ops.update(called[verdict.case])
        if verdict.red:
            red_ops.update(called[verdict.case])
    common = [op for op, count in red_ops.items() if count == len(red)]
    overall = len(red) / len(ran)
    often = {op: red_ops[op] / all_ops[op] for op in common}
    clear = sorted((op for op in often if often[op] > _CLEAR * overall), key=lambda o: -often[o])
    said = []
    if clear:
        shown = (f"`{op}` ({len(red)} of the {all_ops[op]} cases with it)" for op in clear[:2])
        said.append(f"all {len(red)} call {' and '.join(shown)}")
    places = {_root(v) for v in red}
    if len(places) == 1 and places != {""}:
        said.append(f"the first difference is at {places.pop()}")
    return "; ".join(said)


def capabilities(verdicts: Iterable[ReportedVerdict]) -> list[tuple[str, int, int]]:
    """Operations that the backend lacks, how many cases need each, and how many nothing else."""
    need, alone = Counter[str](), Counter[str]()
    for verdict in verdicts:
        need.update(verdict.lacks)
        if len(verdict.lacks) == 1:
            alone.update(verdict.lacks)
    often = sorted(need, key=lambda op: (-need[op], op))
    return [(op, need[op], alone[op]) for op in often]


def _cause(verdict: ReportedVerdict, suite: Suite) -> Cause:
    """Its cause; that of an older report is the requirement."""
    if verdict.cause is not None and (verdict.cause.name or verdict.cause.by != "requirement"):
        return verdict.cause
    case = suite.cases.get(verdict.case)
    return Cause("requirement", case.requires[0] if case else "")


def _heading(
    cause: Cause, rows: Sequence[ReportedVerdict], ran: Sequence[ReportedVerdict], suite: Suite
) -> str:
    cases = _cases(len(rows))
    if cause.by == "suite-bug":
        return f"the suite itself failed in {cases}: {cause.said}; please report this"
    if cause.by in ("lost", "refused"):
        return _of_operation(cause, rows, ran, suite)
    if cause.by == "lacks":
        return f"{cases} with operations that the backend does not declare, and all are required"
    if cause.by == "baseline":
        return f"{cases}: the baseline is wrong ({cause.said})"
    if cause.by == "hazard":
        rule = suite.hazards[cause.name].rule if cause.name in suite.hazards else ""
        return f"{cases} at hazard {cause.name}{f': {rule}' if rule else ''}"
    row = suite.requirements.get(cause.name)
    return f"{cases} of {cause.name} ({row.level}): {row.text}" if row else f"{cases}"


def _of_operation(
    cause: Cause, rows: Sequence[ReportedVerdict], ran: Sequence[ReportedVerdict], suite: Suite
) -> str:
    count = len(rows)
    if not cause.name:
        return f"{_cases(count)}: {rows[0].status.value} ({cause.said})"
    calling = sum(cause.name in _operations(verdict, suite) for verdict in ran)
    where = f"all {count} cases" if count == calling > 1 else f"{count} of {calling} cases"
    where = "the one case" if calling == 1 else where
    if cause.by == "refused":
        return f"`{cause.name}` is refused in {where} with {cause.said}; run doctor"
    return f"`{cause.name}` ends in {rows[0].status.value} in {where}: {cause.said}"


def _operations(verdict: ReportedVerdict, suite: Suite) -> frozenset[str]:
    case = suite.cases.get(verdict.case)
    return frozenset() if case is None else frozenset(operations(case))


def _root(verdict: ReportedVerdict) -> str:
    """The part of the answer in which the first difference is, such as `left_padding`."""
    if verdict.status is not Status.FAIL or not verdict.mismatches:
        return ""
    place = verdict.mismatches[0].place
    return re.split(r"[\[. ,]", place, maxsplit=1)[0]


def _cases(count: int) -> str:
    return f"{count} case{'' if count == 1 else 's'}"
