"""Where two dialects part: what a port's author reads before choosing one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.engine.case import Case
from conformance.engine.dialect import Dialect
from conformance.engine.literals import Tensors
from conformance.engine.plan import applicability, expectation, plan
from conformance.engine.suite import Suite
from conformance.outcomes.registry import Expect, Expectation, decoded
from conformance.reporting import words
from conformance.values import same


@dataclass(frozen=True)
class Divergence:
    """A step of a case whose outcome is not the same in the two dialects."""

    case: Case
    step: str
    left: str
    right: str


def divergences(suite: Suite, left: Dialect, right: Dialect) -> list[Divergence]:
    """Every differing step of every case that applies to both, in the order of the fixtures."""
    found = []
    for case in suite.cases.values():
        if applicability(case, left) or applicability(case, right):
            continue
        tensors = suite.tensors_of(case)
        shown = {step.number: step for step in plan(case, left, tensors).steps}
        for number, step in enumerate(case.steps, start=1):
            pair = [_decoded(expectation(step, dialect), tensors) for dialect in (left, right)]
            if not _alike(*pair):
                said = map(words.expectation, pair)
                found.append(Divergence(case, words.step(shown[number]), *said))
                one, other = pair
                if one and other and one.own.traps != other.own.traps:
                    break  # one of them stops here; what follows differs for this reason alone
    return found


def page(suite: Suite, left: Dialect, right: Dialect) -> Iterator[str]:
    """The page, requirement by requirement; the last line counts."""
    yield f"{left.id}: {left.summary}"
    yield f"{right.id}: {right.summary}"
    yield ""
    for one, other in ((left, right), (right, left)):
        for op in sorted(set(one.absent) - set(other.absent)):
            yield f"only {other.id} has {op} ({one.id}: {one.absent[op]})"
    found = divergences(suite, left, right)
    touched = 0
    for requirement in suite.requirements.values():
        rows = [row for row in found if requirement.id in row.case.requires]
        if not rows:
            continue
        touched += 1
        yield ""
        yield f"{requirement.id} ({requirement.level}): {requirement.text}"
        for row in rows:
            yield f"  {row.case.id}"
            yield f"    {row.step}"
            yield f"      {left.id}: {row.left}"
            yield f"      {right.id}: {row.right}"
    yield ""
    cases = len({row.case.id for row in found})
    yield (
        f"{cases} cases of {touched} requirements differ between {left.id} and {right.id}; "
        f"{_only(suite, left, right)} cases apply to {left.id} only, "
        f"{_only(suite, right, left)} to {right.id} only"
    )


def _only(suite: Suite, one: Dialect, other: Dialect) -> int:
    return sum(
        applicability(case, one) is None and applicability(case, other) is not None
        for case in suite.cases.values()
    )


def _decoded(expect: Expect | None, tensors: Tensors) -> Expectation | None:
    return None if expect is None else decoded(expect, tensors)


def _alike(one: Expectation | None, other: Expectation | None) -> bool:
    if one is None or other is None:
        return one is other
    return same(one.own, other.own)
