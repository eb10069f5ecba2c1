"""How each implementation stands, and what each case has come to in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from conformance.engine.suite import Suite
from conformance.engine.verdict import Status
from conformance.fixtures.digest import digest
from conformance.reporting.json_report import ReportedVerdict, ReportFile
from conformance.reporting.view import View
from tools.results.recipes import REFERENCE, SKELETON

_LANGUAGES = {"c++": "C++", "typescript": "TypeScript"}


@dataclass(frozen=True)
class Standing:
    """One result; `key` is the name of its file and of its page."""

    key: str
    view: View

    @property
    def report(self) -> ReportFile:
        return self.view.report

    @property
    def page(self) -> str:
        return f"implementations/{self.key}.html"

    @property
    def dialect(self) -> str:
        return self.report.dialect

    @cached_property
    def title(self) -> str:
        """Its name with its version, and what of it was judged."""
        who = self.report.implementation
        if self.is_reference:
            return f"reference as {self.dialect}"
        if self.is_skeleton:
            return f"{self.language} skeleton"
        name = self.view.name
        rest = self.key.removeprefix(f"{who.name}-{who.version}").lstrip("-")
        return f"{name} {rest}" if rest and rest != self.key else name

    @property
    def is_reference(self) -> bool:
        return self.key.startswith(REFERENCE)

    @property
    def is_skeleton(self) -> bool:
        return self.key.endswith(SKELETON)

    @property
    def language(self) -> str:
        said = self.report.implementation.language
        return _LANGUAGES.get(said, said.capitalize())

    @cached_property
    def verdicts(self) -> dict[str, ReportedVerdict]:
        return {verdict.case: verdict for verdict in self.report.verdicts}

    @cached_property
    def not_asked(self) -> int:
        """How many cases of the suite are younger than the result."""
        return sum(case not in self.verdicts for case in self.view.suite.cases)

    @cached_property
    def ran_on(self) -> str:
        """mlx, device and platform, as far as the report knows them."""
        who = self.report.implementation
        mlx = f"mlx {who.mlx}" if who.mlx else ""
        device = f"on {who.device}" if who.device else ""
        return ", ".join(part for part in (f"{mlx} {device}".strip(), self.report.platform) if part)

    @property
    def passed(self) -> int:
        return self.view.counts[Status.PASS.value]

    @cached_property
    def failed(self) -> int:
        """Failures of every kind, those that a baseline knows among them."""
        return sum(verdict.status.failed for verdict in self.report.verdicts)

    @property
    def left_out(self) -> int:
        return self.view.counts.get(Status.NOT_APPLICABLE.value, 0)

    def count(self, cases: Iterable[str]) -> Count:
        """How some of the cases went."""
        found = [self.verdicts.get(case) for case in cases]
        passed = sum(v is not None and v.status is Status.PASS for v in found)
        failed = sum(v is not None and v.status.failed for v in found)
        left_out = sum(v is not None and v.status is Status.NOT_APPLICABLE for v in found)
        return Count(passed, failed, left_out, sum(v is None for v in found))


@dataclass(frozen=True)
class Count:
    """Cases by how they went; those that are younger than the result were not asked."""

    passed: int
    failed: int
    left_out: int
    not_asked: int

    @property
    def state(self) -> str:
        """The one word that colours a cell."""
        if self.failed:
            return "bad"
        if self.passed:
            return "good"
        return "none"

    @property
    def executed(self) -> int:
        return self.passed + self.failed


@dataclass(frozen=True)
class Board:
    """All results beside the fixtures."""

    suite: Suite
    standings: tuple[Standing, ...]

    @cached_property
    def groups(self) -> list[tuple[str, str, list[Standing]]]:
        """Title, what it holds, and its results: those that dialects follow come first."""
        followed = {dialect.implementation for dialect in self.suite.dialects.values()}
        parts: dict[str, list[Standing]] = {"followed": [], "others": [], "reference": []}
        for each in self.standings:
            own = each.report.implementation.name in followed
            part = "reference" if each.is_reference else "followed" if own else "others"
            parts[part].append(each)
        said = [
            ("followed", "Implementations that dialects follow",
             "Each is judged by its own rules, so that what fails is news."),
            ("others", "Copies and ports",
             "Each is judged by the rules of the implementation that it copies."),
            ("reference", "The reference of this suite",
             "The executable specification, in every dialect."),
        ]  # fmt: skip
        return [(title, about, parts[name]) for name, title, about in said if parts[name]]

    @cached_property
    def real(self) -> list[Standing]:
        """All but the reference."""
        return [each for each in self.standings if not each.is_reference]

    @property
    def fixtures(self) -> str:
        return digest(self.suite.root)


def board(suite: Suite, results: Mapping[str, ReportFile]) -> Board:
    """The standings: newest release of an implementation first."""
    made = [Standing(key, View(report, suite)) for key, report in results.items()]
    made.sort(key=lambda each: (each.report.implementation.name, _newest_first(each.key)))
    return Board(suite, tuple(made))


def _newest_first(key: str) -> tuple[tuple[int, int | str], ...]:
    parts = key.replace("-", ".").split(".")
    return tuple((0, -int(part)) if part.isdigit() else (1, part) for part in parts)
