"""Which dialect a backend follows: every case is carried out once, and judged in all dialects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import msgspec

from conformance.engine.case import LARGE, Case
from conformance.engine.dialect import Dialect
from conformance.engine.execute import Observation, execute
from conformance.engine.judge import judge
from conformance.engine.plan import Plan, absent, applicability, expectation
from conformance.engine.runner import HOSTILE, Run
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status, Verdict

PER_PAIR = 25  # cases that tell one dialect from another, where not all cases are tried


@dataclass
class Likeness:
    """How closely a backend follows a dialect.

    `gaps` are the cases that the dialect has and the backend declares too few operations for,
    `beyond` the operations that the backend declares and the dialect does not have.
    """

    dialect: Dialect
    passed: int = 0
    failures: list[Verdict] = field(default_factory=list)
    gaps: int = 0
    beyond: tuple[str, ...] = ()

    @property
    def applied(self) -> int:
        """The cases that were carried out."""
        return self.passed + len(self.failures)

    @property
    def share(self) -> float:
        """The part of these that passed."""
        return self.passed / self.applied if self.applied else 0.0

    @property
    def rank(self) -> tuple[float, int, int, int]:
        """Smaller is nearer. What it lacks or has beyond the dialect decides equal shares."""
        return (-self.share, -self.passed, self.gaps, len(self.beyond))


def identify(run: Run, cases: Iterable[Case] | None = None) -> list[Likeness]:
    """How closely the backend of a run follows each dialect, the nearest first."""
    suite, declared = run.suite, frozenset(run.handshake.capabilities)
    found = {
        name: Likeness(dialect, beyond=tuple(op for op in sorted(declared) if absent(dialect, op)))
        for name, dialect in suite.dialects.items()
    }
    for case in suite.cases.values() if cases is None else cases:
        if HOSTILE in case.tags and case.not_applicable:
            continue  # some implementation takes all memory, or for ever
        for verdict in verdicts(run, case, suite.dialects.values()):
            likeness = found[verdict.dialect]
            if verdict.declared_gap:
                likeness.gaps += 1
            elif verdict.status is Status.PASS:
                likeness.passed += 1
            elif verdict.status.failed:
                likeness.failures.append(verdict)
    return sorted(found.values(), key=lambda each: each.rank)


def verdicts(run: Run, case: Case, dialects: Iterable[Dialect]) -> Iterator[Verdict]:
    """The verdict on a case in each of the dialects.

    The calls of a case are the same in all of them. It is carried out again only where other steps
    are surrounded by snapshots.
    """
    implementation = run.handshake.implementation.name
    declared = frozenset(run.handshake.capabilities)
    made: dict[tuple[int | bool, ...], Verdict] = {}  # dialects that expect the same
    seen: dict[tuple[bool, ...], Observation] = {}
    plans = []
    for dialect in dialects:
        reason = applicability(case, dialect, declared)
        if reason is not None:
            yield Verdict(
                case.id, dialect.id, Status.NOT_APPLICABLE, declared_gap=reason.declared
            )
            continue
        same = (
            implementation == dialect.implementation,
            *(id(expectation(step, dialect)) for step in case.steps),
        )
        plans.append((same, run.plan(case, dialect)))
    # A plan that may end the process goes step by step, and is as good for all others.
    for same, each in sorted(plans, key=lambda pair: not pair[1].may_trap):
        if same not in made:
            guards = tuple(step.guarded for step in each.steps)
            if guards not in seen:
                seen[guards] = execute(each, run.session_for(case))
            made[same] = judge(each, _bound(each, seen[guards]))
        yield msgspec.structs.replace(made[same], dialect=each.dialect.id)


def telling(suite: Suite, per_pair: int = PER_PAIR) -> list[Case]:
    """A few cases that tell any two dialects apart, quick ones, in the order of the fixtures."""
    chosen: set[str] = set()
    wanted = dict.fromkeys(combinations(suite.dialects, 2), per_pair)
    dialects = suite.dialects
    for case in suite.cases.values():
        if LARGE in case.tags or HOSTILE in case.tags:
            continue
        expected = {
            name: tuple(id(expectation(step, dialect)) for step in case.steps)
            for name, dialect in dialects.items()
            if applicability(case, dialect) is None
        }
        if len(set(expected.values())) < 2:
            continue
        parted = [
            (one, other) for one, other in combinations(expected, 2)
            if expected[one] != expected[other] and wanted[one, other]
        ]  # fmt: skip
        if parted:
            chosen.add(case.id)
        for pair in parted:
            wanted[pair] -= 1
    return [case for case in suite.cases.values() if case.id in chosen]


def nearest(found: Sequence[Likeness]) -> list[Likeness]:
    """Those of a ranking that nothing parts from the first."""
    return [each for each in found if each.rank == found[0].rank]


def requirements(failures: Iterable[Verdict], suite: Suite) -> Counter[str]:
    """The requirements of failed cases, with how many cases of each."""
    return Counter(name for each in failures for name in suite.cases[each.case].requires)


def _bound(bound: Plan, observation: Observation) -> Observation:
    """The observation of another plan of the same case, with the steps of this one."""
    pairs = zip(observation.seen, bound.steps, strict=False)
    seen = tuple(replace(each, step=step) for each, step in pairs)
    at = None if observation.at is None else bound.steps[len(seen)]
    return replace(observation, seen=seen, at=at)
