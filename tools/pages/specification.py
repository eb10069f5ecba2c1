"""docs/SPEC.md: every requirement, with where it comes from and what proves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from conformance.engine.case import Case, Requirement
from conformance.engine.plan import applicability
from conformance.engine.suite import Suite
from conformance.mutants.mutant import Mutant
from tools.pages.templates import render

_MANY = 40  # cases, of which nobody would read a line each


@dataclass(frozen=True)
class Proof:
    """What belongs to a requirement. `dialects` are those it is tested in, if they are not all."""

    cases: Sequence[Case]
    dialects: Sequence[str]
    hazards: Sequence[str]
    mutants: Sequence[str]

    @property
    def many(self) -> bool:
        """Too many to give a line to each."""
        return len(self.cases) > _MANY

    @property
    def groups(self) -> dict[str, list[str]]:
        """The ids of the cases by what they begin with."""
        found: dict[str, list[str]] = {}
        for case in self.cases:
            head, _, tail = case.id.rpartition(".")
            found.setdefault(head, []).append(tail)
        return found


def page(suite: Suite, mutants: Mapping[str, Sequence[Mutant]]) -> str:
    """The page; `mutants` are those that violate a requirement, by its id."""
    counts = {
        dialect.id: sum(applicability(case, dialect) is None for case in suite.cases.values())
        for dialect in suite.dialects.values()
    }
    proofs = {
        row.id: _proof(suite, row, mutants.get(row.id, ())) for row in suite.requirements.values()
    }
    return render("SPEC.md.j2", suite=suite, counts=counts, proofs=proofs)


def _proof(suite: Suite, row: Requirement, mutants: Sequence[Mutant]) -> Proof:
    cases = [case for case in suite.cases.values() if row.id in case.requires]
    found = [
        dialect.id for dialect in suite.dialects.values()
        if any(applicability(case, dialect) is None for case in cases)
    ]  # fmt: skip
    hazards = {
        option.hazard
        for case in cases
        for step in case.steps
        for option in (step.expect, *step.unless.values())
        if option is not None and isinstance(option.hazard, str)
    }
    return Proof(
        cases,
        found if len(found) < len(suite.dialects) else (),
        [name for name in suite.hazards if name in hazards],
        [mutant.name for mutant in mutants],
    )
