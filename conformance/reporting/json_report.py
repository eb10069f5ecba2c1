"""The machine-readable report: all other formats are made of it, and shards of a run merge.

Two runs with the same outcome differ in seconds and date alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from conformance import __version__
from conformance.engine import coverage
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status, Verdict
from conformance.fixtures.digest import digest
from conformance.fixtures.userfile import FixtureError, read_bytes
from conformance.reporting import words
from conformance.reporting.causes import Cause, cause, lacks
from conformance.transport.messages import Implementation

FORMAT = 1
MAX_BYTES = 64 * 1024 * 1024


class Footer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Written last: a file without it is the remains of a run that did not end."""

    cases: int
    red: int


class MismatchWords(msgspec.Struct, frozen=True, omit_defaults=True):
    """One difference as a reader sees it; `accept` is what would have been taken instead."""

    step: str
    place: str
    expected: str
    got: str
    accept: tuple[str, ...] = ()


class ChoiceWords(msgspec.Struct, frozen=True):
    """Which of several accepted outcomes of a hazard the backend chose."""

    hazard: str
    chose: str


class ReportedVerdict(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A verdict in words. `cause` is what a failure is grouped by, `lacks` the operations that
    the case needs and the backend does not declare.
    """

    case: str
    dialect: str
    status: Status
    mismatches: tuple[MismatchWords, ...] = ()
    detail: str = ""
    choices: tuple[ChoiceWords, ...] = ()
    seconds: float
    declared_gap: bool = False
    known: str = ""
    cause: Cause | None = None
    lacks: tuple[str, ...] = ()

    @property
    def red(self) -> bool:
        """Whether this outcome fails a run."""
        return self.status.failed and not self.known


class DrawnProperties(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was drawn of the properties: the same options draw the same again."""

    profile: str
    seed: int
    examples: int | None = None


class ReportFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One run, or one shard of it: `shard` is [1, 1] for the whole.

    `problems` make a run red whatever its verdicts are; `fail_under` is the share of requirements
    in percent that it had to execute. `fixtures` names these by what is in them, `frozen` the
    set that counted, `terms` are the further options that the verdicts depend on, `seconds` and
    `date` are the run's, and `platform` is the system on which the suite ran.
    """

    format: int
    suite: str
    backend: str
    dialect: str
    implementation: Implementation
    shard: tuple[int, int]
    selected: bool
    verdicts: list[ReportedVerdict]
    footer: Footer
    failed_properties: list[str] = []  # parts of the properties, by id
    properties: list[DrawnProperties] = []  # of a whole run one, of merged shards each
    problems: list[str] = []
    fail_under: float | None = None
    fixtures: str = ""
    terms: tuple[str, ...] = ()
    seconds: float = 0.0
    date: str = ""
    platform: str = ""
    frozen: str = ""

    @property
    def red(self) -> bool:
        """Whether the run is a failure, by its verdicts or as a whole."""
        return bool(self.footer.red or self.failed_properties or self.problems)


def make(
    verdicts: Iterable[Verdict],
    suite: Suite,
    backend: str,
    dialect: str,
    implementation: Implementation,
    shard: tuple[int, int],
    selected: bool,
) -> ReportFile:
    """A report in the order of the suite; `selected` says that options left cases out."""
    said = [in_words(each, suite.cases[each.case].requires) for each in verdicts]
    return _whole(said, suite, backend, dialect, implementation, shard, selected)


def in_words(verdict: Verdict, requires: Sequence[str] = ()) -> ReportedVerdict:
    """A verdict as the report has it; `requires` are the requirements of its case."""
    return ReportedVerdict(
        case=verdict.case,
        dialect=verdict.dialect,
        status=verdict.status,
        mismatches=tuple(
            MismatchWords(
                words.place(row), row.difference.place, *row.difference.words(),
                accept=tuple(each.words() for each in row.accept),
            )
            for row in verdict.mismatches
        ),
        detail=words.detail(verdict),
        choices=tuple(ChoiceWords(each.hazard, words.chose(each)) for each in verdict.choices),
        seconds=round(verdict.seconds, 4),
        declared_gap=verdict.declared_gap,
        known=verdict.known,
        cause=cause(verdict, requires),
        lacks=lacks(verdict),
    )


def _whole(
    verdicts: Sequence[ReportedVerdict],
    suite: Suite,
    backend: str,
    dialect: str,
    implementation: Implementation,
    shard: tuple[int, int],
    selected: bool,
) -> ReportFile:
    order = {name: index for index, name in enumerate(suite.cases)}
    rows = sorted(verdicts, key=lambda verdict: order[verdict.case])
    footer = Footer(len(rows), sum(row.red for row in rows))
    return ReportFile(
        FORMAT, __version__, backend, dialect, implementation, shard, selected, rows, footer,
        fixtures=digest(suite.root),
    )  # fmt: skip


def encoded(report: ReportFile) -> str:
    """The report as JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"


def write(path: Path, report: ReportFile) -> None:
    """The report as a file of JSON; FixtureError if that cannot be."""
    write_whole(path, encoded(report))


def write_whole(path: Path, text: str) -> None:
    """Through a temporary file: a report is whole or not there. FixtureError if it cannot be."""
    draft = path.with_name(path.name + ".new")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise FixtureError(f"{path}: cannot be written: {error.strerror}") from None


def schema() -> dict[str, Any]:
    """JSON Schema of a report."""
    return msgspec.json.schema(ReportFile)


def read(path: Path) -> ReportFile:
    """FixtureError says what is wrong with a file that is not a whole report."""
    raw = read_bytes(path, MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise FixtureError(f"{path}: over {MAX_BYTES} bytes; not a report of this suite")
    try:
        report = msgspec.json.decode(raw, type=ReportFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FixtureError(f"{path}: not a whole report of this suite: {error}") from None
    if report.format != FORMAT:
        raise FixtureError(f"{path}: report format {report.format}; this suite writes {FORMAT}")
    if report.footer.cases != len(report.verdicts):
        raise FixtureError(f"{path}: holds {len(report.verdicts)} verdicts, says {report.footer}")
    return report


def merge(paths: Sequence[Path], suite: Suite) -> ReportFile:
    """One report from shards; FixtureError unless they hold every case exactly once."""
    parts = [(path, read(path)) for path in paths]
    first = parts[0][1]
    verdicts: list[ReportedVerdict] = []
    owner: dict[str, Path] = {}
    for path, part in parts:
        for field in ("suite", "backend", "dialect", "implementation", "fixtures", "platform",
                      "frozen"):  # fmt: skip
            if getattr(part, field) != getattr(first, field):
                raise FixtureError(f"{path}: another {field} than {paths[0]}; not one run")
        if part.dialect not in suite.dialects:
            raise FixtureError(f"{path}: this suite has no dialect {part.dialect}")
        for verdict in part.verdicts:
            if verdict.case in owner:
                raise FixtureError(f"{path}: {verdict.case} is in {owner[verdict.case]} too")
            if verdict.case not in suite.cases:
                raise FixtureError(f"{path}: this suite has no case {verdict.case}")
            owner[verdict.case] = path
        verdicts += part.verdicts
    missing = [name for name in suite.cases if name not in owner]
    if missing:
        raise FixtureError(
            f"{len(missing)} of {len(suite.cases)} cases are in none of the reports, "
            f"such as {missing[0]}; run the missing shards"
        )
    who = first.implementation
    whole = _whole(verdicts, suite, first.backend, first.dialect, who, (1, 1), selected=False)
    drawn = dict.fromkeys(each for _, part in parts for each in part.properties)
    asked = [part.fail_under for _, part in parts if part.fail_under is not None]
    return msgspec.structs.replace(
        whole,
        failed_properties=sorted({name for _, part in parts for name in part.failed_properties}),
        properties=list(drawn),
        problems=list(_problems(parts, whole, suite, max(asked, default=None))),
        fail_under=max(asked, default=None),
        terms=first.terms,
        seconds=round(sum(part.seconds for _, part in parts), 2),
        date=max(part.date for _, part in parts),
        platform=first.platform,
        frozen=first.frozen,
    )


def within(report: ReportFile, suite: Suite) -> ReportFile:
    """The report with the cases alone that count in the frozen set of a suite."""
    assert suite.frozen is not None
    counted = suite.frozen.counted(suite.dialect(report.dialect))
    rows = [verdict for verdict in report.verdicts if verdict.case in counted]
    footer = Footer(len(rows), sum(row.red for row in rows))
    return msgspec.structs.replace(report, verdicts=rows, footer=footer, frozen=suite.frozen.name)


def _problems(
    parts: Sequence[tuple[Path, ReportFile]],
    whole: ReportFile,
    suite: Suite,
    fail_under: float | None,
) -> Iterator[str]:
    """What is wrong with the whole, and what was wrong with each shard.

    A shard alone executes too few requirements; all together are held to the share.
    """
    for path, part in parts:
        own = _shortfall(part, suite, part.fail_under)
        yield from (f"{path}: {problem}" for problem in part.problems if problem != own)
    short = _shortfall(whole, suite, fail_under)
    if short is not None:
        yield short


def _shortfall(report: ReportFile, suite: Suite, fail_under: float | None) -> str | None:
    shares = coverage.shares(suite, suite.dialects[report.dialect], report.verdicts)
    return coverage.shortfall(shares, fail_under)
