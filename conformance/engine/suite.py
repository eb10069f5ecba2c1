"""Everything that the fixtures say, once they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from conformance.engine.case import Case, Chapter, Requirement
from conformance.engine.dialect import Dialect, Evidence, Hazard, dialect_named, lookup
from conformance.engine.kinds import Kinds
from conformance.engine.literals import Files, TensorLiteral, Tensors


@dataclass(frozen=True)
class ChapterFile:
    """A chapter and where it was read from; `name` is the file's stem."""

    name: str
    path: Path
    chapter: Chapter


@dataclass(frozen=True)
class Suite:
    """Everything the fixtures say; `shipped` if they are the suite's own."""

    root: Path
    dialects: dict[str, Dialect]
    hazards: dict[str, Hazard]
    tensors: dict[str, TensorLiteral]
    chapters: tuple[ChapterFile, ...]
    files: Files | None = field(repr=False, default=None)
    kinds: Kinds = field(repr=False, kw_only=True)
    shipped: bool = False
    _files: dict[str, ChapterFile] = field(repr=False, default_factory=dict)

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Case id -> case, in the order of the files."""
        return {case.id: case for file in self.chapters for case in file.chapter.cases}

    @cached_property
    def requirements(self) -> dict[str, Requirement]:
        """Requirement id -> requirement, in the order of the files."""
        return {row.id: row for file in self.chapters for row in file.chapter.requirements}

    def extended(self, case: Case) -> Suite:
        """The suite with one case more, in a chapter of its own."""
        chapter = Chapter(title="Found", about="", requirements=[], cases=[case])
        file = ChapterFile("found", self.root, chapter)
        return replace(self, chapters=(*self.chapters, file), _files={**self._files, case.id: file})

    def dialect(self, name: str) -> Dialect:
        """A dialect by its id; ValueError lists the ones there are."""
        return dialect_named(name, self.dialects)

    @property
    def default_dialect(self) -> Dialect:
        """The dialect that is meant where none is named: the first."""
        return next(iter(self.dialects.values()))

    def chapter_of(self, case: Case) -> ChapterFile:
        """The file a case stands in."""
        return self._files[case.id]

    def tensors_of(self, case: Case) -> Tensors:
        """The named tensors a case may use: its own, its chapter's, the shared ones."""
        layers = (case.tensors, self.chapter_of(case).chapter.tensors, self.tensors)
        return Tensors(*layers, files=self.files)

    def evidence(self, case: Case, dialect: Dialect) -> Evidence:
        """How a case's expectation in a dialect was obtained: `run` or `read`."""
        chapter = self.chapter_of(case).chapter
        return (
            lookup(case.evidence, dialect.lineage)
            or lookup(chapter.evidence, dialect.lineage)
            or dialect.evidence
        )


def walk(suite: Suite) -> Iterator[tuple[ChapterFile, int, Case]]:
    """Every case with its file and its position there."""
    for file in suite.chapters:
        for index, case in enumerate(file.chapter.cases):
            yield file, index, case
