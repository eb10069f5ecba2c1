"""Which requirements of a dialect a run really executed, by level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from conformance.engine.case import Level
from conformance.engine.dialect import Dialect
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status

LEVELS: tuple[Level, ...] = ("MUST", "SHOULD", "MAY")


class Outcome(Protocol):
    """What counts of a verdict, as it was judged or as a report has it."""

    @property
    def case(self) -> str: ...

    @property
    def status(self) -> Status: ...

    @property
    def declared_gap(self) -> bool: ...


@dataclass(frozen=True)
class Share:
    """Executed out of applicable requirements of one level."""

    executed: int
    applicable: int

    @property
    def percent(self) -> float:
        return 100.0 * self.executed / self.applicable if self.applicable else 100.0


def shares(suite: Suite, dialect: Dialect, verdicts: Iterable[Outcome]) -> dict[Level, Share]:
    """A requirement applies if one of its cases does, and is executed if one of those ran."""
    ran = {v.case for v in verdicts if v.status is not Status.NOT_APPLICABLE and not v.declared_gap}
    applicable = {name for file in suite.chapters for name in file.applicable(dialect)}
    executed = {name for case in ran if case in suite.cases for name in suite.cases[case].requires}
    levels = suite.levels
    return {
        level: Share(
            sum(levels[name] == level for name in applicable & executed),
            sum(levels[name] == level for name in applicable),
        )
        for level in LEVELS
    }


def total(by_level: dict[Level, Share]) -> Share:
    """All levels together."""
    return Share(
        sum(share.executed for share in by_level.values()),
        sum(share.applicable for share in by_level.values()),
    )


def shortfall(by_level: dict[Level, Share], fail_under: float | None) -> str | None:
    """What is wrong with a run that executed too few requirements; None if nothing is."""
    percent = total(by_level).percent
    if fail_under is None or percent >= fail_under:
        return None
    asked = f"--fail-under asks for {fail_under:g} %"
    return f"{percent:.1f} % of the requirements were executed; {asked}"


def line(by_level: dict[Level, Share]) -> str:
    """`requirements executed: MUST 150 of 160, SHOULD 4 of 4 (96 %)`."""
    parts = [f"{k} {s.executed} of {s.applicable}" for k, s in by_level.items() if s.applicable]
    return f"requirements executed: {', '.join(parts)} ({total(by_level).percent:.0f} %)"
