"""From the folder of fixtures to one checked `Suite`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from conformance import yamlfile
from conformance.literals import Tensors
from conformance.model import (
    Case,
    Chapter,
    Dialect,
    DialectFile,
    Evidence,
    Hazard,
    HazardFile,
    Requirement,
    TensorFile,
    TensorLiteral,
)
from conformance.yamlfile import FixtureError

DEFAULT_DIALECT = "mlxrs-0.1"


@dataclass(frozen=True)
class ChapterFile:
    """A chapter and where it was read from; `name` is the file's stem."""

    name: str
    path: Path
    chapter: Chapter


@dataclass(frozen=True)
class Suite:
    """Everything the fixtures say."""

    root: Path
    dialects: dict[str, Dialect]
    hazards: dict[str, Hazard]
    tensors: dict[str, TensorLiteral]
    chapters: tuple[ChapterFile, ...]
    _files: dict[str, ChapterFile] = field(repr=False, default_factory=dict)

    @cached_property
    def cases(self) -> dict[str, Case]:
        """Case id -> case, in the order of the files."""
        return {case.id: case for file in self.chapters for case in file.chapter.cases}

    @cached_property
    def requirements(self) -> dict[str, Requirement]:
        """Requirement id -> requirement, in the order of the files."""
        return {row.id: row for file in self.chapters for row in file.chapter.requirements}

    def dialect(self, name: str) -> Dialect:
        """A dialect by its id; ValueError lists the ones there are."""
        if name not in self.dialects:
            known = ", ".join(self.dialects)
            raise ValueError(f"unknown dialect {name!r}: the dialects are {known}")
        return self.dialects[name]

    def chapter_of(self, case: Case) -> ChapterFile:
        """The file a case stands in."""
        return self._files[case.id]

    def tensors_of(self, case: Case) -> Tensors:
        """The named tensors a case may use: its own, its chapter's, the shared ones."""
        return Tensors(case.tensors, self.chapter_of(case).chapter.tensors, self.tensors)

    def evidence(self, case: Case, dialect: Dialect) -> Evidence:
        """How a case's expectation in a dialect was obtained: `run` or `read`."""
        chapter = self.chapter_of(case).chapter
        for layer in (case.evidence, chapter.evidence):
            for key in (dialect.id, dialect.family):
                if key in layer:
                    return layer[key]
        return dialect.evidence


def fixtures_folder() -> Path:
    """Where the fixtures lie: inside an installed wheel, or beside the packages in a checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here / "_fixtures", here.parent / "fixtures"):
        if folder.is_dir():
            return folder
    raise FixtureError(f"no fixtures beside {here}: reinstall mlx-cache-conformance")


def read_suite(root: Path | None = None) -> Suite:
    """Decode every file of a fixtures folder, without the checks across files."""
    root = root or fixtures_folder()
    paths = sorted((root / "chapters").glob("*.yaml"))
    if not paths:
        raise FixtureError(f"{root}: no chapters/*.yaml there; is this a folder of fixtures?")
    chapters = tuple(ChapterFile(p.stem, p, yamlfile.decode(p, Chapter)) for p in paths)
    return Suite(
        root=root,
        dialects={d.id: d for d in yamlfile.decode(root / "dialects.yaml", DialectFile).dialects},
        hazards={h.id: h for h in yamlfile.decode(root / "hazards.yaml", HazardFile).hazards},
        tensors=yamlfile.decode(root / "tensors.yaml", TensorFile).tensors,
        chapters=chapters,
        _files={case.id: file for file in chapters for case in file.chapter.cases},
    )


def load_suite(root: Path | None = None) -> Suite:
    """Decode and check; FixtureError for the first thing that is wrong."""
    from conformance.lint import problems  # the checks plan every case, and plans need this module

    suite = read_suite(root)
    for problem in problems(suite):
        raise FixtureError(problem)
    return suite


def walk(suite: Suite) -> Iterator[tuple[ChapterFile, int, Case]]:
    """Every case with its file and its position there."""
    for file in suite.chapters:
        for index, case in enumerate(file.chapter.cases):
            yield file, index, case
