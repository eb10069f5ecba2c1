"""The kill matrix: which mutants each requirement's cases tell from the reference, and the gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

from conformance.engine.case import Case
from conformance.engine.operation import Gives
from conformance.engine.plan import expectations
from conformance.engine.suite import Suite
from conformance.mutants.mutant import Mutant
from tools.mutants.kills import Kills


@dataclass(frozen=True)
class Row:
    """A mutant and what kills it."""

    mutant: Mutant
    kills: Kills


@dataclass(frozen=True)
class Matrix:
    """Rows of a suite; `whole` if they are all mutants, so that a gap in a column is a gap."""

    suite: Suite
    rows: tuple[Row, ...]
    whole: bool

    @cached_property
    def deaths(self) -> Counter[str]:
        """Case -> how many mutants it kills."""
        return Counter(case for row in self.rows for case in row.kills.cases)

    def counted(self, row: Row) -> Counter[str]:
        """Requirement -> how many of its cases kill the mutant."""
        return Counter(req for case in row.kills.cases for req in self.suite.cases[case].requires)

    def killed_by(self, requirement: str) -> list[Mutant]:
        """The mutants that violate a requirement and that one of its cases kills."""
        return [
            row.mutant for row in self.rows
            if requirement in row.mutant.violates and self.counted(row)[requirement]
        ]  # fmt: skip

    def survivors(self) -> list[Mutant]:
        """The mutants that no case kills."""
        return [row.mutant for row in self.rows if not row.kills.cases]

    def problems(self) -> Iterator[str]:
        """What the suite or a mutant lacks, a line each."""
        for row in self.rows:
            yield from self._of_mutant(row)
        if not self.whole:
            return
        for name, requirement in self.suite.requirements.items():
            must = requirement.level == "MUST" and not requirement.untested
            if must and not self.killed_by(name):
                yield f"{name} (MUST): none of its cases kills a mutant that violates it"
        for case in self.suite.cases.values():
            if not self.deaths[case.id] and not _documents(case):
                yield f"{case.id}: kills no mutant and documents no hazard"

    def _of_mutant(self, row: Row) -> Iterator[str]:
        mutant, kills = row.mutant, row.kills
        if not kills.cases:
            yield f"{mutant.name} ({mutant.dialect}) survives all {kills.faced} cases"
            return
        counted = self.counted(row)
        for name in mutant.violates:
            if not counted[name]:
                yield f"{mutant.name} violates {name}, it says, but no case of that kills it"
        if 2 * len(kills.cases) > kills.faced and not mutant.one_kill:
            yield (
                f"{mutant.name} fails {len(kills.cases)} of {kills.faced} cases: "
                "what is wrong everywhere proves nothing"
            )
        if mutant.sequence:
            for name in kills.cases:
                if not _is_sequence(self.suite.cases[name]):
                    yield f"{mutant.name}: {name} shows it by one operation; it is no `sequence`"

    def plain(self) -> dict[str, Any]:
        """As JSON has it: mutant -> what it is, the cases that kill it, and of how many."""
        return {
            row.mutant.name: {
                "dialect": row.mutant.dialect,
                "wrong": row.mutant.wrong,
                "violates": list(row.mutant.violates),
                "cases": list(row.kills.cases),
                "faced": row.kills.faced,
            }
            for row in self.rows
        }


def matrix(suite: Suite, chosen: Sequence[Mutant], kills: Sequence[Kills], whole: bool) -> Matrix:
    """The rows in the order of `chosen`."""
    rows = tuple(Row(mutant, found) for mutant, found in zip(chosen, kills, strict=True))
    return Matrix(suite, rows, whole)


def _documents(case: Case) -> bool:
    options = chain.from_iterable(map(expectations, case.steps))
    return any(isinstance(option.hazard, str) for option in options)


def _is_sequence(case: Case) -> bool:
    """What a sequence does wrongly needs two operations, or a look before and after one."""
    ops = [step.operation for step in case.steps]
    acts = sum(not op.looks for op in ops)
    return acts >= 2 or (acts >= 1 and sum(op.gives is not Gives.SNAPSHOT for op in ops) >= 3)
