"""Saving and loading drawn contents with backend and reference, each reading the other's file."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from conformance.calls import Call, Refused, Reply
from conformance.engine.dialect import lookup
from conformance.engine.judge import lost
from conformance.engine.session import RESET
from conformance.engine.verdict import Status
from conformance.filetools import written
from conformance.filetools.compare import reading
from conformance.filetools.goldens import read_chapter
from conformance.filetools.model import folder
from conformance.filetools.safetensors import parse
from conformance.kinds.files.contents import (
    Content,
    arguments,
    contents,
    requirements,
    spelled,
    whole_of,
)
from conformance.kinds.files.operations import LOADING, SAVING
from conformance.outcomes.difference import Difference
from conformance.outcomes.trap import is_trap
from conformance.properties.agreement import agree
from conformance.properties.comparison import Comparison, answers
from conformance.properties.drawn import answer
from conformance.properties.driver import Search
from conformance.properties.kind_properties import OwnFind, OwnSearch
from conformance.transport.backend import BackendTrouble
from conformance.values import Data

TRIES = 3  # to see whether what was found is so each time


@dataclass(frozen=True)
class Misfiled(OwnFind):
    """A content of which backend and reference make something else; `where` is the operation."""

    content: Content
    where: str
    requires: tuple[str, ...]
    differences: tuple[Difference, ...]
    trouble: BackendTrouble | None = None
    repeats: bool = True

    @property
    def status(self) -> Status:
        """A wrong answer, or how the backend was lost; or that it is so only sometimes."""
        if not self.repeats:
            return Status.FLAKY
        return Status.FAIL if self.trouble is None else lost(self.trouble)

    @property
    def kind(self) -> tuple[str, str]:
        """What a smaller content must show as well."""
        return self.where, type(self.trouble).__name__

    def lines(self, part: str, origin: str) -> list[str]:
        sides = zip(*(_with_place(each) for each in self.differences), strict=True)
        expected, got = ("; ".join(side) for side in sides)
        return [
            f"{part}: {self.status.value}: {self.where} ({', '.join(self.requires)})",
            f"  expected: {expected}",
            f"  got:      {got}",
            *([] if self.repeats else ["  and as expected when it was asked again"]),
            "  as a case of fixtures/prompt_cache/cases.yaml:",
            spelled(self.content, origin),
        ]


class FileSearch(OwnSearch):
    """Contents that both save and load, each the other's file too."""

    words = "contents of files"

    def not_applicable(self, comparison: Comparison) -> str | None:
        declared = comparison.backend.handshake.capabilities
        missing = [op for op in (SAVING.wire, LOADING.wire) if op not in declared]
        return f"the backend declares no {', '.join(missing)}" if missing else None

    def run(
        self, comparison: Comparison, number: int, count: int
    ) -> tuple[Misfiled | None, int, str]:
        tried, digest = 0, hashlib.sha256()

        def tally(content: Content) -> None:
            nonlocal tried
            tried += 1
            digest.update(repr(content).encode())

        found = Search(
            contents(comparison.dialect),
            partial(exchange, comparison),
            size=lambda found: len(repr(found.content)),
            kind=lambda found: found.kind,
            count=tally,
        ).run(number, count)
        if found is not None and not all(exchange(comparison, found.content) for _ in range(TRIES)):
            found = replace(found, repeats=False)
        return found, tried, digest.hexdigest()[:16]


def exchange(comparison: Comparison, content: Content) -> Misfiled | None:
    """Both save a content, and both load both files. A load at which the dialect's process ends is
    not asked for.
    """
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "reference.safetensors"), Path(folder, "backend.safetensors")
        saving, given_ = SAVING.wire, arguments(content)
        saved = answer(comparison.reference, Call(saving, {"path": str(ours), **given_}))
        if is_trap(saved):
            return None
        got, trouble = _ask(comparison, Call(saving, {"path": str(theirs), **given_}))
        # As in fixtures: what has no place may be refused with any error.
        refused = isinstance(saved, Refused) and isinstance(got, Refused)
        if got is None or not (refused or agree(saved, got)):
            requires = ("FILE-011",) if isinstance(saved, Refused) else ("FILE-010",)
            return Misfiled(content, "save", requires, _whole(saved, got, trouble), trouble)
        if isinstance(saved, Refused):
            return None
        data = theirs.read_bytes() if theirs.is_file() else None
        rows = tuple(written.differences(parse(ours.read_bytes()), data))
        if rows:
            return Misfiled(content, "the saved file", ("FILE-010",), rows)
        for whose, path in (("the reference's file", ours), ("its own file", theirs)):
            call = Call(LOADING.wire, {"path": str(path)})
            read = answer(comparison.reference, call)
            if is_trap(read):
                continue
            got, trouble = _ask(comparison, call)
            if got is None or not (agree(read, got) or is_better(comparison, content, read, got)):
                told = _whole(read, got, trouble)
                where = f"load of {whose}"
                return Misfiled(content, where, tuple(requirements(content)), told, trouble)
    return None


def is_better(comparison: Comparison, content: Content, own: Reply, got: Reply) -> bool:
    """Whether the cases take another answer than the dialect's own: all that is in the file, or a
    refusal where the dialect reads something wrong. Where its errors have no types, any error.
    """
    whole = whole_of(content)
    if isinstance(got, Refused):
        if is_trap(got):
            return False
        if isinstance(own, Refused):
            typed = dict.fromkeys(read_chapter(folder()).typed, True)
            return not lookup(typed, comparison.dialect.lineage)
        return reading(whole, own.value).wrong is not None
    assert LOADING.problem is not None
    return LOADING.problem(got.value) is None and reading(whole, got.value).same


def _with_place(difference: Difference) -> tuple[str, ...]:
    place = f"{difference.place}: " if difference.place else ""
    return tuple(f"{place}{side}" for side in difference.words())


def _ask(comparison: Comparison, call: Call) -> tuple[Reply | None, BackendTrouble | None]:
    got = answers(comparison.backend, [Call(RESET.wire), call])
    return (got.replies[1] if len(got.replies) > 1 else None), got.trouble


def _whole(
    ours: Reply, theirs: Reply | None, trouble: BackendTrouble | None
) -> tuple[Difference, ...]:
    """The whole answers differ."""
    got = NoReply(str(trouble)) if theirs is None else _side(theirs)
    return (Difference("", _side(ours), got),)


def _side(reply: Reply) -> Any:
    return reply if isinstance(reply, Refused) else reply.value


class NoReply(Data, frozen=True):
    """The backend was lost instead of answering."""

    how: str

    def words(self) -> str:
        return f"no answer: {self.how}"
