"""What a case demands in a dialect, in words, and which dialects demand the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from conformance.engine.case import Case
from conformance.engine.dialect import Dialect, Hazard
from conformance.engine.plan import Plan, applicability, expectations, plan
from conformance.engine.suite import Suite
from conformance.outcomes import mlx_versions
from conformance.outcomes.registry import Expectation
from conformance.reporting import words


@dataclass(frozen=True)
class Alike:
    """Dialects in which a case demands the same, or does not apply for the same reason."""

    dialects: tuple[str, ...]
    lines: tuple[str, ...]
    applies: bool


def outcome(suite: Suite, case: Case, dialect: Dialect) -> list[str]:
    """What a case demands in a dialect, a line a step that demands something."""
    reason = applicability(case, dialect)
    if reason is not None:
        return [f"not applicable: {reason.words()}"]
    return demanded(plan(case, dialect, suite.tensors_of(case)))


def demanded(bound: Plan) -> list[str]:
    """What a case demands in the dialect that it is bound to, a line a step."""
    lines: list[str] = []
    for step in bound.steps:
        if step.expect is None:
            continue
        lines += _demanded(f"step {step.number}", step.expect)
        for before, older in mlx_versions.said(step.expect.older):
            lines += (f"  {line}" for line in _demanded(before, older))
    return lines


def _demanded(when: str, expect: Expectation) -> Iterator[str]:
    hazard = f"  [hazard {expect.hazard}]" if expect.hazard else ""
    yield f"{when}: {words.expectation(expect)}{hazard}"
    for better in expect.accept:
        yield f"  or better: {better.words()}"


def details(suite: Suite, case: Case, dialects: Iterable[Dialect]) -> list[str]:
    """What the outcomes name without showing it, such as a file; each once."""
    found: dict[tuple[str, ...], None] = {}
    for dialect in dialects:
        if applicability(case, dialect) is None:
            bound = plan(case, dialect, suite.tensors_of(case))
            for step in bound.steps:
                if step.expect is not None:
                    found[tuple(step.expect.own.details(bound.tensors))] = None
    return [line for lines in found for line in lines]


def alike(suite: Suite, case: Case, dialects: Iterable[Dialect]) -> list[Alike]:
    """The outcomes that there are, in the order of the dialects."""
    groups: dict[tuple[str, ...], list[str]] = {}
    applying = set()
    for dialect in dialects:
        lines = tuple(outcome(suite, case, dialect))
        groups.setdefault(lines, []).append(dialect.id)
        if applicability(case, dialect) is None:
            applying.add(lines)
    return [Alike(tuple(names), lines, lines in applying) for lines, names in groups.items()]


def applying(suite: Suite, dialect: Dialect | None) -> list[Case]:
    """The cases that apply to a dialect, or all, in the order of the fixtures."""
    cases = suite.cases.values()
    return [case for case in cases if dialect is None or applicability(case, dialect) is None]


def first(dialect: Dialect, suite: Suite) -> list[Dialect]:
    """All dialects, with this one before the others."""
    return [dialect, *(other for other in suite.dialects.values() if other.id != dialect.id)]


def hazards(case: Case) -> set[str]:
    """The known defects that an outcome of a case names."""
    newest = chain.from_iterable(map(expectations, case.steps))
    options = [each for option in newest for each in (option, *option.mlx.values())]
    return {option.hazard for option in options if isinstance(option.hazard, str)}


def carriers(suite: Suite, hazard: Hazard) -> list[str]:
    """The dialects that carry a known defect, by themselves or from the one that they extend."""
    return [dialect.id for dialect in suite.dialects.values() if hazard.id in dialect.hazards]
