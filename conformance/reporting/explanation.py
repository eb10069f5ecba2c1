"""The page behind an id: requirement, sources, why, steps, and the outcome in every dialect."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.engine.case import Case, Requirement
from conformance.engine.dialect import Dialect, Hazard
from conformance.engine.plan import applicability, plan
from conformance.engine.suite import Suite
from conformance.reporting import words


def explain(suite: Suite, name: str) -> list[str]:
    """The lines about an id; empty when nothing is called so."""
    if name in suite.cases:
        return list(_case(suite, suite.cases[name]))
    if name in suite.requirements:
        return list(_requirement(suite, suite.requirements[name]))
    if name in suite.hazards:
        return list(_hazard(suite, suite.hazards[name]))
    if name in suite.dialects:
        return list(_dialect(suite, suite.dialects[name]))
    return []


def outcome(suite: Suite, case: Case, dialect: Dialect) -> list[str]:
    """What a case demands in a dialect, a line a step that demands something."""
    reason = applicability(case, dialect)
    if reason is not None:
        return [f"not applicable: {reason.words()}"]
    bound = plan(case, dialect, suite.tensors_of(case))
    lines = []
    for step in bound.steps:
        if step.expect is None:
            continue
        hazard = f"  [hazard {step.expect.hazard}]" if step.expect.hazard else ""
        said = words.expectation(step.expect)
        lines.append(f"step {step.number}: {said}{hazard}")
        for better in step.expect.accept:
            lines.append(f"  or better: {better.words()}")
    return lines


def _case(suite: Suite, case: Case) -> Iterator[str]:
    file = suite.chapter_of(case)
    yield f"{case.id}  ({file.chapter.title}, {file.path.name})"
    yield f"  why: {case.why}"
    for name in case.requires:
        row = suite.requirements[name]
        yield f"  {row.id} ({row.level}): {row.text}"
        yield f"    source: {'; '.join(row.cites)}"
    if case.cites:
        yield f"  see also: {'; '.join(case.cites)}"
    if case.tags:
        yield f"  tags: {', '.join(case.tags)}"
    yield "  steps:"
    first = next(d for d in suite.dialects.values() if applicability(case, d) is None)
    for step in plan(case, first, suite.tensors_of(case)).steps:
        yield f"    {words.step(step)}"
    yield "  outcome:"
    for dialect in suite.dialects.values():
        lines = outcome(suite, case, dialect)
        evidence = "" if applicability(case, dialect) else f" ({suite.evidence(case, dialect)})"
        yield f"    {dialect.id}{evidence}"
        yield from (f"      {line}" for line in lines)
    options = [o for s in case.steps for o in (s.expect, *s.unless.values()) if o is not None]
    for name in sorted({o.hazard for o in options if isinstance(o.hazard, str)}):
        yield f"  hazard {name}: {suite.hazards[name].hits}"
    command = "mlx-cache-conformance run --backend BACKEND --dialect DIALECT"
    yield f"  run it: {command} --case {case.id}"


def _requirement(suite: Suite, row: Requirement) -> Iterator[str]:
    yield f"{row.id} ({row.level})"
    yield f"  {row.text}"
    for cite in row.cites:
        yield f"  source: {cite}"
    if row.untested:
        yield f"  not tested: {row.untested}"
    for case in suite.cases.values():
        if row.id in case.requires:
            yield f"  case {case.id}: {case.why}"
            groups: dict[tuple[str, ...], list[str]] = {}
            for dialect in suite.dialects.values():
                groups.setdefault(tuple(outcome(suite, case, dialect)), []).append(dialect.id)
            for lines, dialects in groups.items():
                yield f"    {', '.join(dialects)}"
                yield from (f"      {line}" for line in lines)


def _hazard(suite: Suite, hazard: Hazard) -> Iterator[str]:
    yield f"hazard {hazard.id}"
    yield f"  {hazard.rule}"
    yield f"  what a user hits: {hazard.hits}"
    yield f"  carried by: {', '.join(hazard.dialects)}"
    if hazard.issue:
        yield f"  issue: {hazard.issue}"
    for case in suite.cases.values():
        options = [o for s in case.steps for o in (s.expect, *s.unless.values()) if o is not None]
        if any(option.hazard == hazard.id for option in options):
            yield f"  case {case.id}"


def _dialect(suite: Suite, dialect: Dialect) -> Iterator[str]:
    applying = sum(applicability(case, dialect) is None for case in suite.cases.values())
    yield f"dialect {dialect.id}"
    yield f"  follows: {dialect.follows} (evidence: {dialect.evidence})"
    yield f"  {dialect.summary}"
    yield f"  cases that apply: {applying} of {len(suite.cases)}"
    for op, reason in dialect.absent.items():
        yield f"  lacks {op}: {reason}"
    for hazard in suite.hazards.values():
        if dialect.id in hazard.dialects:
            yield f"  carries hazard {hazard.id}: {hazard.rule}"
