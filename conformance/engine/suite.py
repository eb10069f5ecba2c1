"""Everything that the fixtures say, once they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import msgspec

from conformance.engine.case import Case, Chapter, Level, Requirement
from conformance.engine.dialect import Dialect, Evidence, Hazard, dialect_named, lookup
from conformance.engine.frozen import FrozenSet
from conformance.engine.kinds import Kinds
from conformance.engine.literals import Files, TensorLiteral, Tensors
from conformance.engine.plan import applicability


class Contents(msgspec.Struct, frozen=True):
    """What a chapter has, so that nobody decodes it who asks no more: case ids, the levels of its
    requirements, and by dialect those of which a case applies, as far as somebody has looked.
    """

    title: str
    cases: list[str]
    levels: dict[str, Level]
    applicable: dict[str, list[str]] = {}


@dataclass(frozen=True, eq=False)
class ChapterFile:
    """A chapter and where it was read from; `name` is the file's stem.

    `read` gives the chapter when somebody needs it, `kept` is what is known of it before.
    """

    name: str
    path: Path
    read: Callable[[], Chapter] = field(repr=False)
    kept: Contents | None = None

    @cached_property
    def chapter(self) -> Chapter:
        """What the file says."""
        return self.read()

    @cached_property
    def contents(self) -> Contents:
        """What it has, by name."""
        return self.kept or Contents(
            title=self.chapter.title,
            cases=[case.id for case in self.chapter.cases],
            levels={row.id: row.level for row in self.chapter.requirements},
        )

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Case id -> case, in the order of the file."""
        return {case.id: case for case in self.chapter.cases}

    def applicable(self, dialect: Dialect) -> Set[str]:
        """The requirements of which a case here applies to a dialect."""
        kept = self.contents.applicable.get(dialect.id)
        if kept is not None:
            return frozenset(kept)
        applying = (case for case in self.chapter.cases if applicability(case, dialect) is None)
        return {name for case in applying for name in case.requires}


class Cases(Mapping[str, Case]):
    """Case id -> case, in the order of the files; asks a file for its chapter when it needs one.

    Those of a frozen set are all that there are, where there is one.
    """

    def __init__(self, files: Iterable[ChapterFile], frozen: FrozenSet | None = None) -> None:
        self._files = {
            name: file for file in files for name in file.contents.cases
            if frozen is None or name in frozen.ids
        }  # fmt: skip

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __getitem__(self, name: str) -> Case:
        return self._files[name].cases[name]

    def file(self, name: str) -> ChapterFile:
        """The file a case stands in."""
        return self._files[name]


@dataclass(frozen=True)
class Suite:
    """Everything the fixtures say; `shipped` if they are the suite's own, `frozen` if the cases of
    a set are all that count.
    """

    root: Path
    dialects: dict[str, Dialect]
    hazards: dict[str, Hazard]
    tensors: dict[str, TensorLiteral]
    chapters: tuple[ChapterFile, ...]
    files: Files | None = field(repr=False, default=None)
    kinds: Kinds = field(repr=False, kw_only=True)
    shipped: bool = False
    frozen: FrozenSet | None = None

    @cached_property
    def cases(self) -> Cases:
        """Case id -> case, in the order of the files."""
        return Cases(self.chapters, self.frozen)

    @cached_property
    def levels(self) -> dict[str, Level]:
        """Requirement id -> its level, in the order of the files."""
        each = (file.contents.levels.items() for file in self.chapters)
        return dict(chain.from_iterable(each))

    @cached_property
    def requirements(self) -> dict[str, Requirement]:
        """Requirement id -> requirement, in the order of the files."""
        return {row.id: row for file in self.chapters for row in file.chapter.requirements}

    def extended(self, case: Case) -> Suite:
        """The suite with one case more, in a chapter of its own."""
        chapter = Chapter(title="Found", about="", requirements=[], cases=[case])
        file = ChapterFile("found", self.root, lambda: chapter)
        return replace(self, chapters=(*self.chapters, file))

    def dialect(self, name: str) -> Dialect:
        """A dialect by its id; ValueError lists the ones there are."""
        return dialect_named(name, self.dialects)

    @property
    def default_dialect(self) -> Dialect:
        """The dialect that is meant where none is named: the first."""
        return next(iter(self.dialects.values()))

    def chapter_of(self, case: Case) -> ChapterFile:
        """The file a case stands in."""
        return self.cases.file(case.id)

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
