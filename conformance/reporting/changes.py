"""What changed from one report to the next, for who reviews a change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.engine.verdict import Status
from conformance.reporting import text
from conformance.reporting.json_report import ReportedVerdict, ReportFile
from conformance.reporting.pages import code

MOST = 50  # cases of each kind


@dataclass(frozen=True)
class Change:
    """A case whose verdict or answer differs; None is a report that does not have it."""

    case: str
    old: ReportedVerdict | None
    new: ReportedVerdict | None

    def words(self) -> str:
        """`pass -> fail: step 1: ...: expected true; got false`."""
        before, after = (_said(each) for each in (self.old, self.new))
        return f"{before} -> {after}{_why(self.new)}"


@dataclass(frozen=True)
class Changes:
    """All of them, the ones first that a reviewer must look at."""

    broken: list[Change]  # red now, and not before
    other_failures: list[Change]  # red before and now, in another way
    mended: list[Change]
    others: list[Change]  # applies now, is known now, another choice at a hazard
    added: list[Change]
    removed: list[Change]

    @property
    def sections(self) -> list[tuple[str, list[Change]]]:
        named = [
            ("fail now", self.broken), ("fail in another way", self.other_failures),
            ("are fixed", self.mended), ("differ otherwise", self.others),
            ("are new", self.added), ("are gone", self.removed),
        ]  # fmt: skip
        return [(title, rows) for title, rows in named if rows]


def compared(old: ReportFile, new: ReportFile) -> Changes:
    """The changes, each kind in the order of the newer report."""
    made = Changes([], [], [], [], [], [])
    before = {verdict.case: verdict for verdict in old.verdicts}
    for verdict in new.verdicts:
        change = Change(verdict.case, before.pop(verdict.case, None), verdict)
        kind = _kind(change)
        if kind is not None:
            getattr(made, kind).append(change)
    made.removed.extend(Change(case, verdict, None) for case, verdict in before.items())
    return made


def _kind(change: Change) -> str | None:
    old, new = change.old, change.new
    assert new is not None
    if old is None:
        return "broken" if new.red else "added"
    if new.red and not old.red:
        return "broken"
    if old.red and not new.red:
        return "mended"
    if _answer(old) == _answer(new):
        return None
    return "other_failures" if new.red else "others"


def _answer(verdict: ReportedVerdict) -> tuple[Any, ...]:
    """What a verdict says of the backend, without what the suite says about it."""
    differences = [(row.step, row.place, row.expected, row.got) for row in verdict.mismatches]
    return (verdict.status, differences, verdict.choices, verdict.known, verdict.detail)


def lines(old: ReportFile, new: ReportFile) -> Iterator[str]:
    """The changes for a terminal; the last line counts."""
    found = compared(old, new)
    yield from _about(old, new)
    for title, rows in found.sections:
        yield f"{_cases(rows)} {title}:"
        yield from (f"  {row.case}: {row.words()}" for row in rows[:MOST])
        if len(rows) > MOST:
            yield f"  and {len(rows) - MOST} more"
    yield _counts(found)


def markdown(old: ReportFile, new: ReportFile) -> Iterator[str]:
    """The changes for a pull request."""
    found = compared(old, new)
    yield f"### {_counts(found)}"
    yield ""
    for line in _about(old, new):
        yield f"> {line}"
        yield ""
    for title, rows in found.sections:
        opened = " open" if rows is found.broken else ""
        yield f"<details{opened}><summary>{_cases(rows)} {title}</summary>"
        yield ""
        yield from (f"- {code(row.case)}: {code(row.words())}" for row in rows[:MOST])
        if len(rows) > MOST:
            yield f"- and {len(rows) - MOST} more"
        yield ""
        yield "</details>"
        yield ""


def _about(old: ReportFile, new: ReportFile) -> Iterator[str]:
    """In what the two reports differ as a whole."""
    for field in ("dialect", "suite", "fixtures", "platform"):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield f"{field}: {before or 'unknown'} -> {after or 'unknown'}"
    before, after = (f"{r.implementation.name} {r.implementation.version}" for r in (old, new))
    if before != after:
        yield f"implementation: {before} -> {after}"
    for problem in new.problems:
        if problem not in old.problems:
            yield f"{problem}: this run is a failure"
    for part in new.failed_properties:
        if part not in old.failed_properties:
            yield f"{part} fails among the properties now"


def worse(old: ReportFile, new: ReportFile) -> bool:
    """Whether something fails now that did not, or the run as a whole does."""
    return bool(
        compared(old, new).broken
        or set(new.failed_properties) - set(old.failed_properties)
        or (new.problems and not old.problems)
    )


def _said(verdict: ReportedVerdict | None) -> str:
    return "no such case" if verdict is None else text.column(verdict)


def _why(verdict: ReportedVerdict | None) -> str:
    if verdict is None or verdict.status is Status.PASS:
        return ""
    if verdict.mismatches:
        row = verdict.mismatches[0]
        place = f" at {row.place}" if row.place else ""
        return f": {row.step}{place}: expected {row.expected}; got {row.got}"
    return f": {verdict.detail.splitlines()[0]}" if verdict.detail else ""


def _counts(found: Changes) -> str:
    said = [f"{len(rows)} {title}" for title, rows in found.sections]
    return ", ".join(said) if said else "nothing changed"


def _cases(rows: Sequence[Change]) -> str:
    return f"{len(rows)} case{'' if len(rows) == 1 else 's'}"
