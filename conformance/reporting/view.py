"""A report beside the fixtures: what every format shows, counted once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from conformance.engine import coverage
from conformance.engine.case import Case, Requirement
from conformance.engine.dialect import Hazard
from conformance.engine.runner import Target
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status
from conformance.fixtures.digest import digest
from conformance.reporting import text
from conformance.reporting.grouping import Group, capabilities, groups, shared
from conformance.reporting.json_report import ReportedVerdict, ReportFile

COLUMNS = (*(status.value for status in Status), text.KNOWN)


@dataclass(frozen=True)
class CaseView:
    """A verdict and its case; `case` is None where the suite no longer has it."""

    verdict: ReportedVerdict
    case: Case | None
    requirements: tuple[Requirement, ...]
    command: str

    @property
    def column(self) -> str:
        """Under which heading it is counted."""
        return text.column(self.verdict)


@dataclass(frozen=True)
class RequirementView:
    """A requirement with the verdicts on the cases of a chapter that name it first.

    `anchored` is the place that links to the requirement lead to.
    """

    requirement: Requirement | None
    cases: tuple[CaseView, ...]
    anchored: bool

    @property
    def counts(self) -> dict[str, int]:
        return _counts(each.verdict for each in self.cases)


@dataclass(frozen=True)
class ChapterView:
    """A chapter with the verdicts on its cases, by requirement."""

    title: str
    about: str
    requirements: tuple[RequirementView, ...]

    @property
    def cases(self) -> list[CaseView]:
        return [case for each in self.requirements for case in each.cases]

    @property
    def counts(self) -> dict[str, int]:
        return _counts(each.verdict for each in self.cases)


@dataclass(frozen=True)
class ChoiceView:
    """What a backend does at a hazard: each outcome with the cases in which it is taken."""

    id: str
    hazard: Hazard | None
    chosen: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """A report with everything that the fixtures say of it."""

    report: ReportFile
    suite: Suite

    @property
    def name(self) -> str:
        """Who was judged."""
        who = self.report.implementation
        return f"{who.name} {who.version}".strip()

    @cached_property
    def red(self) -> bool:
        """Whether the run is a failure."""
        return self.report.red or not text.executed(self.report.verdicts)

    @property
    def target(self) -> Target:
        return Target(self.report.backend, self.report.dialect, self.report.terms)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many verdicts of each kind; only those that there are, and passes."""
        return _counts(self.report.verdicts)

    @cached_property
    def failed(self) -> int:
        return self.report.footer.red

    @cached_property
    def groups(self) -> list[Group]:
        return groups(self.report.verdicts, self.suite)

    @cached_property
    def common(self) -> str:
        return shared(self.report.verdicts, self.suite)

    @cached_property
    def gaps(self) -> list[tuple[str, int, int]]:
        """Operations that the backend lacks: how many cases need each, and how many it alone."""
        return capabilities(each for each in self.report.verdicts if each.declared_gap)

    @cached_property
    def choices(self) -> list[ChoiceView]:
        """What was chosen at hazards, by hazard."""
        found: dict[str, ChoiceView] = {}
        for verdict in self.report.verdicts:
            for each in verdict.choices:
                known = self.suite.hazards.get(each.hazard)
                view = found.setdefault(each.hazard, ChoiceView(each.hazard, known))
                view.chosen.setdefault(each.chose, []).append(verdict.case)
        return [found[name] for name in sorted(found)]

    @cached_property
    def coverage(self) -> str:
        """Which requirements were executed; empty for a dialect that the suite does not have."""
        dialect = self.suite.dialects.get(self.report.dialect)
        if dialect is None:
            return ""
        return coverage.line(coverage.shares(self.suite, dialect, self.report.verdicts))

    @cached_property
    def older(self) -> str:
        """What a reader must know where the report is not of these fixtures; else empty."""
        if self.report.fixtures == digest(self.suite.root):
            return ""
        gone = sum(each.verdict.case not in self.suite.cases for each in self.cases)
        new = len(self.suite.cases) - len(self.cases) + gone
        what = self.report.fixtures or "older ones, without a hash"
        return (
            f"made with other fixtures ({what}): {gone} of its cases are not in this suite, and "
            f"{max(new, 0)} cases of this suite are not in it"
        )

    @cached_property
    def last_line(self) -> str:
        parts = len(self.report.failed_properties)
        seconds = self.report.seconds or None
        return text.last_line(
            self.report.verdicts, self.report.implementation, self.target, seconds, parts
        )

    @cached_property
    def cases(self) -> list[CaseView]:
        return [case for chapter in self.chapters for case in chapter.cases]

    @cached_property
    def chapters(self) -> list[ChapterView]:
        """Chapters and requirements in the order of the fixtures; what these lack comes last."""
        placed: dict[str, dict[str, list[CaseView]]] = {}
        for verdict in self.report.verdicts:
            view = self._case(verdict)
            first = view.requirements[0].id if view.requirements else ""
            chapter = text.chapter(verdict, self.suite)
            placed.setdefault(chapter, {}).setdefault(first, []).append(view)
        about = {file.chapter.title: file.chapter.about for file in self.suite.chapters}
        known = [*about, text.UNKNOWN]
        order = [*self.suite.requirements, ""]
        made, anchored = [], set[str]()
        for title in known:
            rows = []
            for name in sorted(placed.get(title, ()), key=order.index):
                found = self.suite.requirements.get(name)
                cases = tuple(placed[title][name])
                rows.append(RequirementView(found, cases, name not in anchored))
                anchored.add(name)
            if rows:
                made.append(ChapterView(title, about.get(title, ""), tuple(rows)))
        return made

    def _case(self, verdict: ReportedVerdict) -> CaseView:
        case = self.suite.cases.get(verdict.case)
        requires = case.requires if case else []
        rows = tuple(self.suite.requirements[name] for name in requires)
        return CaseView(verdict, case, rows, text.reproduce(verdict, self.target, name=True))


def _counts(verdicts: Iterable[ReportedVerdict]) -> dict[str, int]:
    found = Counter(map(text.column, verdicts))
    return {name: found[name] for name in COLUMNS if found[name] or name == Status.PASS.value}
