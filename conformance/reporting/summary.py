"""The end of a run: what is wrong with it as a whole, its report, and what the reader sees last."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.engine import coverage
from conformance.engine.runner import Target
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status, Verdict
from conformance.fixtures import frozen
from conformance.fixtures.userfile import FixtureError
from conformance.reporting import json_report, text
from conformance.reporting.failures import failures
from conformance.reporting.json_report import ReportFile
from conformance.transport.messages import Implementation

if TYPE_CHECKING:
    from conformance.properties.profiles import PropertyChoice
    from conformance.properties.result import PartResult


_MANY, _MUCH = 20, 0.05  # failures, and the share of what was executed


class About(msgspec.Struct, frozen=True):
    """Who was judged, as each test records it."""

    backend: str
    dialect: str
    implementation: Implementation
    terms: tuple[str, ...] = ()  # options that the verdicts depend on, for the commands shown


class RunSummary:
    """All verdicts of a run. `problems` make it red even where every case passed."""

    def __init__(
        self,
        suite: Suite,
        about: About,
        verdicts: Sequence[Verdict],
        seconds: float,
        fail_under: float | None,
        missing: Sequence[str] = (),
    ) -> None:
        self._suite = suite
        self._about = about
        self._verdicts = verdicts
        cases = suite.cases
        self._reported = [
            json_report.in_words(each, cases[each.case].requires) for each in verdicts
        ]
        self._seconds = seconds
        self._shares = coverage.shares(suite, suite.dialects[about.dialect], verdicts)
        self._tried: list[str] = []
        self._failed_parts: list[str] = []
        self._parts = 0  # of the properties, that were tried
        self._drawn: list[json_report.DrawnProperties] = []
        self._cut_short = bool(missing)
        self.problems: list[str] = []
        self.hint = ""  # which dialect the backend follows, where that is another one
        if missing:
            self.problems.append(
                f"{len(missing)} of the chosen cases have no verdict, such as {missing[0]}"
            )
        if verdicts and not text.executed(verdicts):
            self.problems.append("no case was executed, which proves nothing")
        self._fail_under = fail_under
        shortfall = coverage.shortfall(self._shares, fail_under)
        if shortfall is not None:
            self.problems.append(shortfall)

    @property
    def red(self) -> bool:
        """Whether the run is a failure, by its verdicts and as a whole."""
        failed = any(verdict.red for verdict in self._verdicts)
        return failed or bool(self._failed_parts or self.problems)

    @property
    def dialect(self) -> str:
        """By which it was judged."""
        return self._about.dialect

    @property
    def fails_much(self) -> bool:
        """Whether so much fails that it may have been judged by a dialect that is not its own."""
        failed = sum(verdict.status.failed for verdict in self._verdicts)
        return failed >= _MANY and failed > _MUCH * text.executed(self._verdicts)

    def tried(self, order: PropertyChoice, outcomes: Sequence[PartResult]) -> None:
        """Take in what came of the properties."""
        self._drawn = [json_report.DrawnProperties(order.profile, order.seed, order.examples)]
        self._parts = sum(each.status is not Status.NOT_APPLICABLE for each in outcomes)
        if self._parts:
            self._tried = text.properties(order, outcomes)
            self._failed_parts = [each.part for each in outcomes if each.status.failed]
        else:
            self.problems.append("no property was tried, which proves nothing")

    def report(self, shard: tuple[int, int], selected: bool) -> ReportFile:
        """The run as data."""
        about = self._about
        made = json_report.make(
            self._verdicts, self._suite, about.backend, about.dialect, about.implementation,
            shard, selected or self._cut_short,
        )  # fmt: skip
        return msgspec.structs.replace(
            made,
            failed_properties=sorted(self._failed_parts),
            properties=self._drawn,
            problems=list(self.problems),
            fail_under=self._fail_under,
            terms=about.terms,
            seconds=round(self._seconds, 2),
            date=datetime.now(timezone.utc).strftime("%Y-%m-%d"),
            platform=f"{platform.system()} {platform.machine()}",
            frozen=self._suite.frozen.name if self._suite.frozen else "",
        )

    def write(self, path: Path, made: ReportFile, name: str) -> None:
        """Write the report in a format; FixtureError if that cannot be."""
        from conformance.reporting import formats

        json_report.write_whole(path, formats.rendered(made, self._suite, name))

    def summarize(self, path: Path, made: ReportFile) -> None:
        """Add the run to the summary of a step of a workflow; FixtureError if that cannot be."""
        from conformance.reporting import formats

        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(formats.rendered(made, self._suite, "markdown"))
        except OSError as error:
            raise FixtureError(f"{path}: cannot be written: {error.strerror}") from None

    def show_failures(self, terminal: Any, verbose: bool) -> None:
        """The failures by cause."""
        target = Target(self._about.backend, self._about.dialect, self._about.terms)
        for line in failures(self._reported, self._suite, target, verbose):
            terminal.write_line(line)

    def show(self, terminal: Any, quiet: bool) -> None:
        """Table, notes, problems, and the one line that counts."""
        write = terminal.write_line
        if quiet and self._verdicts and not text.executed(self._verdicts):
            for line in text.notes(self._reported):
                write(line)
        if not quiet and self._verdicts:
            write("")
            markup = terminal.config.get_terminal_writer().markup
            write(text.table(self._reported, self._suite, markup))
            write(coverage.line(self._shares))
            for line in text.notes(self._reported):
                write(line)
        for line in self._tried:
            write(line)
        if self._suite.frozen is not None:
            write(frozen.counts(self._suite, self._about.dialect))
        for problem in self.problems:
            write(f"{problem}: this run is a failure", red=True)
        if self.hint:
            write(self.hint)
        target = Target(self._about.backend, self._about.dialect)
        who = self._about.implementation
        failed = len(self._failed_parts)
        seconds = self._seconds
        write(text.last_line(self._verdicts, who, target, seconds, failed, self._parts))
