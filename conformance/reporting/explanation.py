"""The page behind an id: requirement, sources, why, steps, and the outcome in every dialect.

With a dialect, it is that dialect's view: what applies there, and its own outcome first.
"""

from __future__ import annotations

from collections.abc import Iterator

from conformance.engine.case import Case, Requirement
from conformance.engine.dialect import Dialect, Hazard
from conformance.engine.plan import applicability, plan
from conformance.engine.suite import Suite
from conformance.fixtures.sources import address, explained
from conformance.reporting import words
from conformance.reporting.outcomes import (
    alike,
    applying,
    carriers,
    details,
    first,
    hazards,
    outcome,
)


def explain(suite: Suite, name: str, dialect: Dialect | None = None) -> list[str]:
    """The lines about an id; empty when nothing is called so."""
    if name in suite.cases:
        return list(_case(suite, suite.cases[name], dialect))
    if name in suite.requirements:
        return list(_requirement(suite, suite.requirements[name], dialect))
    if name in suite.hazards:
        return list(_hazard(suite, suite.hazards[name], dialect))
    if name in suite.dialects:
        return list(_dialect(suite, suite.dialects[name]))
    return []


def _case(suite: Suite, case: Case, dialect: Dialect | None) -> Iterator[str]:
    file = suite.chapter_of(case)
    yield f"{case.id}  ({file.chapter.title}, {file.path.name})"
    yield f"  why: {case.why}"
    for name in case.requires:
        row = suite.requirements[name]
        yield f"  {row.id} ({row.level}): {row.text}"
        yield from (f"    {line}" for line in _sources(row.cites))
    if case.cites:
        yield f"  see also: {'; '.join(case.cites)}"
    if case.tags:
        yield f"  tags: {', '.join(case.tags)}"
    yield "  steps:"
    order = [*suite.dialects.values()] if dialect is None else first(dialect, suite)
    shown = next(d for d in order if applicability(case, d) is None)
    for step in plan(case, shown, suite.tensors_of(case)).steps:
        yield f"    {words.step(step)}"
    if dialect is None:
        yield "  outcome:"
        for each in order:
            yield from _outcome(suite, case, each, "    ")
    else:
        yield "  outcome in"
        yield from _outcome(suite, case, dialect, "    ")
        yield from _elsewhere(suite, case, dialect)
    yield from (f"  {line}" for line in details(suite, case, order[:1] if dialect else order))
    for name in sorted(hazards(case)):
        if dialect is None or name in dialect.hazards:
            yield f"  hazard {name}: {suite.hazards[name].hits}"
    command = "mlx-cache-conformance run --backend BACKEND --dialect"
    yield f"  run it: {command} {dialect.id if dialect else 'DIALECT'} --case {case.id}"


def _sources(cites: list[str]) -> Iterator[str]:
    """Each citation with its address, and what the seed is."""
    for cite in cites:
        found = address(cite)
        yield f"source: {cite}" if found in (None, cite) else f"source: {cite}  {found}"
    said = explained(cites)
    if said:
        yield said


def _outcome(suite: Suite, case: Case, dialect: Dialect, indent: str) -> Iterator[str]:
    evidence = "" if applicability(case, dialect) else f" ({suite.evidence(case, dialect)})"
    yield f"{indent}{dialect.id}{evidence}"
    yield from (f"{indent}  {line}" for line in outcome(suite, case, dialect))


def _elsewhere(suite: Suite, case: Case, dialect: Dialect) -> Iterator[str]:
    own, *others = alike(suite, case, first(dialect, suite))
    if own.dialects[1:]:
        yield f"  the same in {', '.join(own.dialects[1:])}"
    for group in others:
        yield f"  in {', '.join(group.dialects)}"
        yield from (f"    {line}" for line in group.lines)


def _requirement(suite: Suite, row: Requirement, dialect: Dialect | None) -> Iterator[str]:
    yield f"{row.id} ({row.level})"
    yield f"  {row.text}"
    yield from (f"  {line}" for line in _sources(row.cites))
    if row.untested:
        yield f"  not tested: {row.untested}"
    cases = [case for case in suite.cases.values() if row.id in case.requires]
    order = [*suite.dialects.values()] if dialect is None else first(dialect, suite)
    for case in cases:
        if dialect is not None and applicability(case, dialect) is not None:
            continue
        yield f"  case {case.id}: {case.why}"
        for group in alike(suite, case, order):
            yield f"    {', '.join(group.dialects)}"
            yield from (f"      {line}" for line in group.lines)
    if dialect is not None:
        yield from _left_out(cases, dialect)


def _left_out(cases: list[Case], dialect: Dialect) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for case in cases:
        reason = applicability(case, dialect)
        if reason is not None:
            reasons.setdefault(reason.words(), []).append(case.id)
    for said, ids in reasons.items():
        yield f"  not applicable to {dialect.id}: {said} ({', '.join(ids)})"


def _hazard(suite: Suite, hazard: Hazard, dialect: Dialect | None) -> Iterator[str]:
    yield f"hazard {hazard.id}"
    yield f"  {hazard.rule}"
    yield f"  what a user hits: {hazard.hits}"
    if dialect is not None:
        yield f"  {dialect.id} {'carries' if hazard.id in dialect.hazards else 'does not carry'} it"
    yield f"  carried by: {', '.join(carriers(suite, hazard))}"
    if hazard.issue:
        yield f"  issue: {hazard.issue}"
    for case in applying(suite, dialect):
        if hazard.id in hazards(case):
            yield f"  case {case.id}"


def _dialect(suite: Suite, dialect: Dialect) -> Iterator[str]:
    yield f"dialect {dialect.id}"
    yield f"  follows: {dialect.follows} (evidence: {dialect.evidence})"
    yield f"  {dialect.summary}"
    yield f"  cases that apply: {len(applying(suite, dialect))} of {len(suite.cases)}"
    for op, reason in dialect.absent.items():
        yield f"  lacks {op}: {reason}"
    for hazard in suite.hazards.values():
        if hazard.id in dialect.hazards:
            yield f"  carries hazard {hazard.id}: {hazard.rule}"
