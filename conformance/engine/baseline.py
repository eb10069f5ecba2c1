"""A port's list of known failures: each entry says what fails, how, why, and since when.

A baseline cannot rot: an entry whose case passes, fails in another way, does not apply or does not
exist is itself an error that names the file's line.
"""

from __future__ import annotations

import datetime
import fnmatch
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from conformance.engine.literals import Strict
from conformance.engine.signature import SHORTEST, Signature, holds, said, text
from conformance.engine.suite import Suite
from conformance.engine.verdict import StaleEntry, Status, Verdict
from conformance.fixtures.userfile import FixtureError
from conformance.transport.messages import Implementation

MAX_EXPANSION = 20
_EMPTY = ("", Signature())
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")

FailingVerdict = Literal["fail", "crash", "hang", "over-budget", "protocol-error"]


class Until(Strict, frozen=True, omit_defaults=True):
    """When an entry must be gone: from a version of the port on, or from a day on."""

    version: str = ""
    date: str = ""

    def __post_init__(self) -> None:
        if bool(self.version) == bool(self.date):
            raise ValueError("until has exactly one of version and date")
        if self.version and not _VERSION.fullmatch(self.version):
            raise ValueError(f"until: {self.version!r} is not a version, such as 1.2.0")
        if self.date:
            _day(self.date)

    def over(self, version: str, today: datetime.date) -> str | None:
        """Why the time is over, or cannot be told; None while it lasts."""
        if self.date:
            if today < _day(self.date):
                return None
            return f"was accepted until the date {self.date}; today is {today}"
        found = _numbers(version)
        if not found:
            port = f"the version {version!r} of the port" if version else "a port without version"
            return f"is accepted until version {self.version}, which says nothing to {port}; " \
                   "write {date: YYYY-MM-DD}"  # fmt: skip
        if found < _numbers(self.version):
            return None
        return f"was accepted until version {self.version}; this is {version}"


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"until: {text!r} is not a date, such as 2027-01-31") from None


class Entry(Strict, frozen=True, kw_only=True):
    """One known failure. `case` is an id, or a pattern with one `*`; `signature` is how it fails;
    `until` is the version of the port, or the date, from which on it must be gone. A text is read
    as the one that it has the form of.

    A signature that is a text is part of the first difference as a report says it.
    """

    case: str
    verdict: FailingVerdict
    signature: Signature | str
    reason: str
    date: str
    link: str = ""
    until: Until | str | None = None

    def __post_init__(self) -> None:
        self.ends()  # which says what is wrong with a text

    def ends(self) -> Until | None:
        """When it must be gone."""
        if not isinstance(self.until, str):
            return self.until
        text = self.until
        return Until(date=text) if "-" in text else Until(version=text or "nothing")


class FlakyEntry(Strict, frozen=True, kw_only=True):
    """A case that sometimes fails: within `tries` it must both pass and fail to stay listed."""

    case: str
    reason: str
    date: str
    link: str = ""
    tries: int = 10


class BaselineFile(Strict, frozen=True, kw_only=True, rename="kebab"):
    """The file: whose failures these are, by which dialect, and the list."""

    backend: str
    dialect: str
    known_failing: tuple[Entry, ...] = ()
    known_flaky: tuple[FlakyEntry, ...] = ()


@dataclass(frozen=True)
class Known:
    """An entry with its place in the file."""

    entry: Entry | FlakyEntry
    path: Path
    line: int

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"


class Baseline:
    """The entries by case; empty when a run has no baseline."""

    def __init__(self, by_case: dict[str, Known] | None = None) -> None:
        self._by_case = by_case or {}

    def settle(self, verdict: Verdict, again: Callable[[], Verdict]) -> Verdict:
        """The verdict in the light of the baseline: known, or red because the entry is wrong.

        `again` runs the case once more, which only flaky entries need.
        """
        known = self._by_case.get(verdict.case)
        if known is None:
            return verdict
        entry = known.entry
        if isinstance(entry, FlakyEntry):
            return _settle_flaky(verdict, entry, known.where, again)
        if not verdict.status.failed:
            if verdict.status is Status.PASS:
                return _wrong(verdict, StaleEntry(known.where, "passes"))
            return _wrong(verdict, StaleEntry(known.where, "does not apply"))
        if verdict.status.value != entry.verdict or not holds(entry.signature, verdict):
            listed = f"{entry.verdict} with {said(entry.signature)}"
            found = f"{verdict.status.value} with {text(verdict)!r}"
            stale = StaleEntry(known.where, "fails otherwise", listed=listed, found=found)
            return _wrong(verdict, stale)
        return msgspec.structs.replace(verdict, known=entry.reason)


def _settle_flaky(
    verdict: Verdict, entry: FlakyEntry, where: str, again: Callable[[], Verdict]
) -> Verdict:
    if verdict.status is Status.NOT_APPLICABLE:
        return _wrong(verdict, StaleEntry(where, "does not apply"))
    seen = [verdict]
    while len({v.status.failed for v in seen}) < 2 and len(seen) < entry.tries:
        seen.append(again())
    failures = [v for v in seen if v.status.failed]
    if not failures:
        return _wrong(verdict, StaleEntry(where, "always passes", len(seen)))
    if len(failures) == len(seen):
        return _wrong(failures[0], StaleEntry(where, "always fails", len(seen)))
    return msgspec.structs.replace(failures[0], known=entry.reason)


def read(path: Path, dialect: str, who: Implementation) -> BaselineFile:
    """A baseline as it stands; FixtureError where it is wrong, or not of this port and dialect."""
    from conformance.fixtures import yamlfile

    file = yamlfile.decode(path, BaselineFile)
    if file.dialect != dialect:
        raise FixtureError(
            f"{path}: is for the dialect {file.dialect}; this run judges by {dialect}"
        )
    if file.backend != who.name and not file.backend.startswith(f"{who.name} "):
        raise FixtureError(
            f"{path}: lists failures of the backend {file.backend!r}; this run judges {who.name}"
        )
    return file


def load(
    path: Path, suite: Suite, dialect: str, who: Implementation, today: datetime.date | None = None
) -> Baseline:
    """Read a baseline for a run; FixtureError names file and line of what is wrong with it.

    It is that of the port whose name `backend` begins with, in any version.
    """
    from conformance.fixtures import yamlfile

    file = read(path, dialect, who)
    by_case: dict[str, Known] = {}
    lists: dict[str, Sequence[Entry | FlakyEntry]] = {
        "known-failing": file.known_failing,
        "known-flaky": file.known_flaky,
    }
    placed = ((key, index, entry) for key in lists for index, entry in enumerate(lists[key]))
    for key, index, entry in placed:
        known = Known(entry, path, yamlfile.line_of(path, (key, index, "case")))
        for case in _expand(known, suite):
            if case in by_case:
                raise FixtureError(
                    f"{known.where}: {case} is also listed in line {by_case[case].line}"
                )
            by_case[case] = known
        _check(known, who.version, today or datetime.date.today())
    return Baseline(by_case)


def _expand(known: Known, suite: Suite) -> list[str]:
    pattern = known.entry.case
    if pattern.count("*") > 1 or set("?[") & set(pattern):
        raise FixtureError(f"{known.where}: {pattern}: a pattern has one * and nothing else")
    matching = fnmatch.filter(suite.cases, pattern)
    if not matching:
        raise FixtureError(f"{known.where}: no case is called {pattern}; remove the entry")
    if len(matching) > MAX_EXPANSION:
        raise FixtureError(
            f"{known.where}: {pattern} stands for {len(matching)} cases; "
            f"at most {MAX_EXPANSION} may hide behind one entry"
        )
    return matching


def _check(known: Known, version: str, today: datetime.date) -> None:
    entry = known.entry
    for field in ("reason", "signature", "date"):
        if getattr(entry, field, "-") in _EMPTY or not str(getattr(entry, field, "-")).strip():
            raise FixtureError(f"{known.where}: {entry.case} has an empty {field}")
    if isinstance(entry, FlakyEntry):
        if entry.tries < 2:
            raise FixtureError(
                f"{known.where}: {entry.case}: tries is {entry.tries}, not 2 or more"
            )
        return
    if isinstance(entry.signature, str) and len(entry.signature.strip()) < SHORTEST:
        raise FixtureError(
            f"{known.where}: {entry.case}: the signature {entry.signature!r} is in nearly every "
            f"failure; a text has {SHORTEST} characters or more, or write {{op: ..., got: ...}}"
        )
    until = entry.ends()
    over = until.over(version, today) if until else None
    if over is not None:
        raise FixtureError(f"{known.where}: {entry.case} {over}")


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: enough to order releases of one project."""
    leading = _VERSION.match(version.strip().removeprefix("v"))
    numbers = [int(part) for part in leading[0].split(".")] if leading else []
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()  # 1.0 is 1
    return tuple(numbers)


def _wrong(verdict: Verdict, stale: StaleEntry) -> Verdict:
    return msgspec.structs.replace(verdict, status=Status.FAIL, detail=stale)
