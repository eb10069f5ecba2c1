"""Where a backend has mended a known defect of its dialect: what sequences and laws take as well.

The cases say it: each step that shows a hazard accepts a better outcome. Sequences do not part at
the operations that show a hazard where the backend takes the better one. Where it does so in every
such step, laws hold it to the rule without the hazard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.engine.dialect import Dialect
from conformance.engine.execute import execute
from conformance.engine.judge import judge, sides
from conformance.engine.operation import Gives
from conformance.engine.plan import Plan, PlannedStep, applicability, expectation, plan
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status
from conformance.transport.backend import BackendGone, BackendHung
from conformance.transport.restarting import RestartingBackend

_COSTLY = {"hostile", "large"}  # cases that need a process apart, or long


@dataclass(frozen=True)
class Mended:
    """Hazards that are gone, and the operations that answer better than the dialect in a case."""

    hazards: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()


def mended(suite: Suite, dialect: Dialect, session: RestartingBackend) -> Mended:
    """What a backend has mended, by the cases that pass on it and take the better outcome.

    Files are left out: what is better in one is judged by its content.
    """
    better: dict[str, set[str]] = {}
    carried: set[str] = set()
    for bound, step, is_better in _taken(suite, dialect, session):
        assert step.expect is not None
        if is_better:
            better.setdefault(step.expect.hazard, set()).add(_acting(bound, step))
        else:
            carried.add(step.expect.hazard)
    return Mended(frozenset(better.keys() - carried), frozenset().union(*better.values()))


def _taken(
    suite: Suite, dialect: Dialect, session: RestartingBackend
) -> Iterator[tuple[Plan, PlannedStep, bool]]:
    """Each step in which the backend chose, and whether it chose the better outcome."""
    capabilities = frozenset(session.handshake.capabilities)
    who = session.handshake.implementation
    for case in suite.cases.values():
        asked = [expectation(step, dialect) for step in case.steps]
        if _COSTLY & set(case.tags) or not any(each and each.accept for each in asked):
            continue
        if applicability(case, dialect, capabilities) is not None:
            continue
        bound = plan(case, dialect, suite.tensors_of(case), who.name, who.mlx)
        if bound.files:
            continue
        observation = execute(bound, session)
        if isinstance(observation.trouble, (BackendHung, BackendGone)):
            return  # each further one costs its whole time limit
        if judge(bound, observation).status is Status.PASS:
            yield from ((bound, *taken) for taken in sides(bound, observation))


def _acting(bound: Plan, step: PlannedStep) -> str:
    """The operation that a step shows: its own, or what was done before a look at a cache."""
    if step.operation.gives is not Gives.SNAPSHOT:
        return step.operation.wire
    before = bound.steps[: bound.steps.index(step)]
    acting = (each.operation for each in reversed(before))
    return next((o.wire for o in acting if o.gives is not Gives.SNAPSHOT), step.operation.wire)
