"""Saving and loading drawn contents with backend and reference, each reading the other's file."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from conformance.calls import Call, Refused, Reply
from conformance.engine.dialect import Dialect, is_among
from conformance.engine.filearguments import workspace
from conformance.engine.judge import lost
from conformance.engine.operation import Operation
from conformance.engine.session import RESET
from conformance.engine.verdict import Status
from conformance.filetools import written
from conformance.filetools.compare import reading
from conformance.filetools.goldens import read_chapter
from conformance.filetools.model import FileChapter
from conformance.filetools.safetensors import parse
from conformance.kinds.files.contents import (
    Content,
    arguments,
    contents,
    has_empty_tensor,
    held,
    is_saved,
    requirements,
    spelled,
    whole_of,
)
from conformance.kinds.files.operations import LOADING, RESAVING, SAVING
from conformance.outcomes.difference import Difference
from conformance.outcomes.mlx_versions import holding, ordered
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


def drawn(dialect: Dialect, number: int, count: int) -> list[Content]:
    """What `FileSearch` tries of a seed where nothing is found."""
    tried: list[Content] = []
    Search(contents(dialect), tried.append, size=len).run(number, count)
    return tried


def exchange(comparison: Comparison, content: Content) -> Misfiled | None:
    """Both save a content, and both load both files. What `save` cannot be asked for, the reference
    saves alone; both load its file, and save over it what they loaded. A load at which the
    dialect's process ends is not asked for.
    """
    with workspace().use() as folder:
        return _Exchange(comparison, content, folder).find()


@dataclass(frozen=True)
class _Exchange:
    comparison: Comparison
    content: Content
    folder: Path

    def find(self) -> Misfiled | None:
        """What the two do differently first."""
        ours, theirs = (self.folder / f"{name}.safetensors" for name in ("reference", "backend"))
        if not is_saved(self.content):
            saved = self._of_reference(SAVING, ours, **held(self.content))
            if isinstance(saved, Refused):
                return None
            return self._load("the reference's file", ours) or self._resave(ours, theirs)
        saved = self._of_reference(SAVING, ours, **arguments(self.content))
        if is_trap(saved):
            return None
        got, trouble = self._ask(SAVING, theirs, **arguments(self.content))
        # As in fixtures: what has no place may be refused with any error.
        refused = isinstance(got, Refused) and (
            isinstance(saved, Refused)
            or (self._is_older(_chapter().mlx.empty) and has_empty_tensor(self.content))
        )
        if got is None or not (refused or agree(saved, got)):
            requires = ("FILE-011",) if isinstance(saved, Refused) else ("FILE-010",)
            told = _whole(saved, got, trouble)
            return Misfiled(self.content, "save", requires, told, trouble)
        if isinstance(saved, Refused) or isinstance(got, Refused):
            return None
        return (
            self._written("the saved file", ("FILE-010",), ours, theirs)
            or self._load("the reference's file", ours)
            or self._load("its own file", theirs, ours)
        )

    def _is_older(self, table: Mapping[str, Any]) -> bool:
        """Whether an older mlx underneath the backend does something else than the newest."""
        comparison, chapter = self.comparison, _chapter()
        through = is_among(chapter.mlx.dialects, comparison.dialect.lineage)
        mlx = comparison.backend.handshake.implementation.mlx
        return through and holding(ordered(table.items()), mlx) is not None

    def _load(self, whose: str, path: Path, other: Path | None = None) -> Misfiled | None:
        """Not of a file that is the `other` one, which was loaded."""
        if other is not None and path.read_bytes() == other.read_bytes():
            return None
        read = self._of_reference(LOADING, path)
        if is_trap(read):
            return None
        got, trouble = self._ask(LOADING, path)
        if got is not None and (
            agree(read, got) or is_better(self.comparison, self.content, read, got)
        ):
            return None
        told = _whole(read, got, trouble)
        requires = tuple(requirements(self.content))
        return Misfiled(self.content, f"load of {whose}", requires, told, trouble)

    def _resave(self, ours: Path, theirs: Path) -> Misfiled | None:
        """Only of what is loaded whole, and where the file outlives it."""
        comparison = self.comparison
        destroys = is_among(_chapter().destroys, comparison.dialect.lineage)
        destroys = destroys or self._is_older(_chapter().mlx.resaved)
        if destroys or RESAVING.wire not in comparison.backend.handshake.capabilities:
            return None
        read = self._of_reference(LOADING, ours)
        whole = whole_of(self.content)
        if isinstance(read, Refused) or not reading(whole, read.value).same:
            return None
        if read.value["user_metadata"] != whole["user_metadata"]:
            return None  # a tree, which cannot be saved
        shutil.copyfile(ours, theirs)
        saved = self._of_reference(RESAVING, ours)
        got, trouble = self._ask(RESAVING, theirs)
        if got is None or not agree(saved, got):
            told = _whole(saved, got, trouble)
            return Misfiled(self.content, "resave", ("FILE-017",), told, trouble)
        return self._written("the file that was saved over", ("FILE-017",), ours, theirs)

    def _written(
        self, where: str, requires: tuple[str, ...], ours: Path, theirs: Path
    ) -> Misfiled | None:
        data = theirs.read_bytes() if theirs.is_file() else None
        rows = tuple(written.differences(parse(ours.read_bytes()), data))
        return Misfiled(self.content, where, requires, rows) if rows else None

    def _of_reference(self, operation: Operation, path: Path, **more: Any) -> Reply:
        return answer(self.comparison.reference, Call(operation.wire, {"path": str(path), **more}))

    def _ask(
        self, operation: Operation, path: Path, **more: Any
    ) -> tuple[Reply | None, BackendTrouble | None]:
        call = Call(operation.wire, {"path": str(path), **more})
        got = answers(self.comparison.backend, [Call(RESET.wire), call])
        return (got.replies[1] if len(got.replies) > 1 else None), got.trouble


@cache
def _chapter() -> FileChapter:
    return read_chapter()


def is_better(comparison: Comparison, content: Content, own: Reply, got: Reply) -> bool:
    """Whether the cases take another answer than the dialect's own: all that is in the file, or a
    refusal where the dialect reads something wrong. Where its errors have no types, any error.
    """
    whole = whole_of(content)
    if isinstance(got, Refused):
        if is_trap(got):
            return False
        if isinstance(own, Refused):
            return not is_among(_chapter().typed, comparison.dialect.lineage)
        return reading(whole, own.value).wrong is not None
    assert LOADING.problem is not None
    return LOADING.problem(got.value) is None and reading(whole, got.value).same


def _with_place(difference: Difference) -> tuple[str, ...]:
    place = f"{difference.place}: " if difference.place else ""
    return tuple(f"{place}{side}" for side in difference.words())


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
