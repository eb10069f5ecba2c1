"""From the folder of fixtures to one checked `Suite`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from conformance import compiled, yamlfile
from conformance.compiled import Compiled
from conformance.literals import Files, Tensors
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
from conformance.prompt_cache.chapter import CHAPTER, file_chapter
from conformance.prompt_cache.library import Library
from conformance.prompt_cache.model import FOLDER, read_hazards
from conformance.shipped import fixtures_folder
from conformance.yamlfile import FixtureError

DEFAULT_DIALECT = "mlxrs-0.1"
MAX_CHAPTERS = 1000


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
    files: Files | None = field(repr=False, default=None)
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
        for layer in (case.evidence, chapter.evidence):
            for key in (dialect.id, dialect.family):
                if key in layer:
                    return layer[key]
        return dialect.evidence


def read_dialects(path: Path | None = None) -> dict[str, Dialect]:
    """The dialects alone, which is quick: those that ship, or those of another file."""
    path = path or fixtures_folder() / "dialects.yaml"
    return {dialect.id: dialect for dialect in yamlfile.decode(path, DialectFile).dialects}


def dialect_named(name: str, dialects: Mapping[str, Dialect]) -> Dialect:
    """One of `dialects`; ValueError lists the ones there are."""
    if name not in dialects:
        raise ValueError(f"unknown dialect {name!r}: the dialects are {', '.join(dialects)}")
    return dialects[name]


def read_suite(root: Path | None = None) -> Suite:
    """Decode every file of a fixtures folder, without the checks across files.

    A folder of one's own needs only chapters; what else it lacks is the shipped one's. Nothing
    outside the folder is read, whatever links stand in it.
    """
    shipped = fixtures_folder()
    root = root or shipped
    paths = sorted((root / "chapters").glob("*.yaml"))
    if not paths:
        raise FixtureError(f"{root}: no chapters/*.yaml there; is this a folder of fixtures?")
    if len(paths) > MAX_CHAPTERS:
        raise FixtureError(f"{root}: {len(paths)} chapters; at most {MAX_CHAPTERS} are read")

    def part(name: str) -> Path:
        own = root / name
        return _inside(own, root) if own.exists() else shipped / name

    chapters = tuple(
        ChapterFile(p.stem, p, yamlfile.decode(_inside(p, root), Chapter)) for p in paths
    )
    hazards = yamlfile.decode(part("hazards.yaml"), HazardFile).hazards
    files = None
    if (root / FOLDER).is_dir():  # golden and hostile files make a chapter of their own
        folder = _inside(root / FOLDER, root)
        files = Library(folder)
        chapters += (ChapterFile(FOLDER, folder / CHAPTER, file_chapter(files)),)
        hazards = [*hazards, *read_hazards(folder).hazards]
    return Suite(
        root=root,
        dialects=read_dialects(part("dialects.yaml")),
        hazards={hazard.id: hazard for hazard in hazards},
        tensors=yamlfile.decode(part("tensors.yaml"), TensorFile).tensors,
        chapters=chapters,
        files=files,
        _files={case.id: file for file in chapters for case in file.chapter.cases},
    )


def _inside(path: Path, root: Path) -> Path:
    if not path.resolve().is_relative_to(root.resolve()):
        raise FixtureError(f"{path}: leads out of {root}")
    return path


def load_suite(root: Path | None = None) -> Suite:
    """Decode and check; FixtureError for the first thing that is wrong.

    The shipped fixtures are kept in the user's cache folder when they have passed.
    """
    if root is not None:
        return _checked(read_suite(root))
    root = fixtures_folder()
    key = compiled.key(root)
    kept = compiled.read(key)
    if kept is not None:
        return _unpacked(kept, root)
    suite = _checked(read_suite())
    compiled.keep(key, _packed(suite))
    return suite


def _checked(suite: Suite) -> Suite:
    from conformance.lint import problems  # the checks plan every case, and plans need this module

    for problem in problems(suite):
        raise FixtureError(problem)
    return suite


def _packed(suite: Suite) -> Compiled:
    return Compiled(
        dialects=list(suite.dialects.values()),
        hazards=list(suite.hazards.values()),
        tensors=suite.tensors,
        chapters=[
            (file.name, str(file.path.relative_to(suite.root)), file.chapter)
            for file in suite.chapters
        ],
    )


def _unpacked(kept: Compiled, root: Path) -> Suite:
    chapters = tuple(
        ChapterFile(name, root / path, chapter) for name, path, chapter in kept.chapters
    )
    return Suite(
        root=root,
        dialects={dialect.id: dialect for dialect in kept.dialects},
        hazards={hazard.id: hazard for hazard in kept.hazards},
        tensors=kept.tensors,
        chapters=chapters,
        files=Library(root / FOLDER) if (root / FOLDER).is_dir() else None,
        _files={case.id: file for file in chapters for case in file.chapter.cases},
    )


def walk(suite: Suite) -> Iterator[tuple[ChapterFile, int, Case]]:
    """Every case with its file and its position there."""
    for file in suite.chapters:
        for index, case in enumerate(file.chapter.cases):
            yield file, index, case
