"""The specification as Markdown: an index, a page for each chapter, and one for the hazards.

Every requirement has where it comes from and what proves it. With a dialect, the pages have what
applies there alone, and what each case demands in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from conformance.engine.case import Case, Requirement
from conformance.engine.dialect import Dialect, Hazard
from conformance.engine.suite import ChapterFile, Suite
from conformance.reporting.outcomes import Alike, alike, applying, carriers, first, hazards
from conformance.reporting.pages import rendered
from conformance.suggestions import did_you_mean

FOLDER = "spec"  # of the pages, beside the index
INDEX = "SPEC.md"
HAZARDS = "hazards"  # the page of the known defects
_MANY = 40  # cases, of which nobody would read a line each


def slug(file: ChapterFile) -> str:
    """The name of a chapter's page, without its suffix."""
    return file.name.replace("_", "-")


def page_of(suite: Suite) -> dict[str, str]:
    """Requirement -> the page that it is on, seen from the index."""
    return {name: _page(file) for file in suite.chapters for name in file.contents.levels}


def _page(file: ChapterFile) -> str:
    return f"{FOLDER}/{slug(file)}.md"


@dataclass(frozen=True)
class Row:
    """A requirement and what belongs to it. `dialects` are those it is tested in, if not in all."""

    requirement: Requirement
    cases: Sequence[Case]
    dialects: Sequence[str]
    hazards: Sequence[str]
    mutants: Sequence[str]
    many: bool

    @property
    def groups(self) -> dict[str, list[str]]:
        """The ids of the cases by what they begin with."""
        found: dict[str, list[str]] = {}
        for case in self.cases:
            head, _, tail = case.id.rpartition(".")
            found.setdefault(head, []).append(tail)
        return found


@dataclass(frozen=True)
class Section:
    """A chapter with those of its requirements that are shown, and the number of its cases."""

    file: ChapterFile
    rows: Sequence[Row]
    cases: int

    @property
    def page(self) -> str:
        return _page(self.file)


@dataclass(frozen=True)
class Specification:
    """What the pages show. `mutants` are the names of those that violate a requirement."""

    suite: Suite
    mutants: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dialect: Dialect | None = None

    @cached_property
    def sections(self) -> list[Section]:
        """The chapters that have something to show, in the order of the fixtures."""
        made = []
        for file in self.suite.chapters:
            rows = [*self._rows(file)]
            count = len(self._applying.keys() & file.cases.keys())
            if rows or count or self.dialect is None:
                made.append(Section(file, rows, count))
        return made

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many cases apply to each dialect."""
        return {d.id: len(applying(self.suite, d)) for d in self.suite.dialects.values()}

    @cached_property
    def known_defects(self) -> list[tuple[Hazard, list[str]]]:
        """The hazards, or those that the dialect carries, with who carries each."""
        return [
            (hazard, carriers(self.suite, hazard)) for hazard in self.suite.hazards.values()
            if self.dialect is None or hazard.id in self.dialect.hazards
        ]  # fmt: skip

    def pages(self) -> Iterator[tuple[str, str]]:
        """The path of each page and what is on it; links are relative to its own place."""
        yield INDEX, self.index()
        for section in self.sections:
            yield section.page, self._chapter(section, whole=True)
        yield f"{FOLDER}/{HAZARDS}.md", self._hazards()

    def index(self) -> str:
        """What the others are about, with each sentence once."""
        return rendered("spec-index.md.j2", spec=self, hazards_page=f"{FOLDER}/{HAZARDS}.md")

    def named(self, name: str) -> str:
        """The page of a chapter, or the part of one for a requirement or a hazard.

        ValueError for a name of nothing, and for a chapter that the dialect has nothing of.
        """
        suite = self.suite
        if name in suite.requirements:
            chapter = next(f for f in suite.chapters if name in f.contents.levels)
            for row in self._rows(chapter, [suite.requirements[name]], everything=True):
                return rendered("spec-requirement.md.j2", spec=self, row=row)
            raise ValueError(f"no case of {name} applies to {self._dialect_id}")
        if name in suite.hazards:
            carried = carriers(suite, suite.hazards[name])
            return rendered("spec-hazard.md.j2", hazard=suite.hazards[name], carried=carried)
        if name == HAZARDS:
            return self._hazards()
        files = {key: f for f in suite.chapters for key in (f.name, slug(f), f.contents.title)}
        if name not in files:
            known = [*map(slug, suite.chapters), HAZARDS, *suite.requirements, *suite.hazards]
            raise ValueError(
                f"no chapter, requirement or hazard is called {name!r}; without a name, spec "
                f"prints the index{did_you_mean(name, [*files, *known], cutoff=0.4)}"
            )
        for section in self.sections:
            if section.file is files[name]:
                return self._chapter(section)
        raise ValueError(f"no case of the chapter {name} applies to {self._dialect_id}")

    def outcomes(self, case: Case) -> tuple[Sequence[str], Sequence[str]]:
        """What a case demands in the dialect, and the dialects in which it demands another."""
        assert self.dialect is not None
        groups: list[Alike] = alike(self.suite, case, first(self.dialect, self.suite))
        others = [name for group in islice(groups, 1, None) if group.applies
                  for name in group.dialects]  # fmt: skip
        return groups[0].lines, others

    @property
    def _dialect_id(self) -> str:
        return self.dialect.id if self.dialect else ""

    @cached_property
    def _applying(self) -> dict[str, Case]:
        return {case.id: case for case in applying(self.suite, self.dialect)}

    @cached_property
    def _tested_in(self) -> dict[str, list[str]]:
        """Requirement -> the dialects in which a case of it applies."""
        found: dict[str, list[str]] = {}
        for dialect in self.suite.dialects.values():
            names = set().union(*(file.applicable(dialect) for file in self.suite.chapters))
            for name in names:
                found.setdefault(name, []).append(dialect.id)
        return found

    @cached_property
    def _cases_of(self) -> dict[str, list[Case]]:
        found: dict[str, list[Case]] = {}
        for case in self._applying.values():
            for name in case.requires:
                found.setdefault(name, []).append(case)
        return found

    def _rows(
        self, file: ChapterFile, only: Sequence[Requirement] = (), everything: bool = False
    ) -> Iterator[Row]:
        for row in only or file.chapter.requirements:
            cases = self._cases_of.get(row.id, [])
            if self.dialect is not None and not cases:
                continue
            dialects = self._tested_in.get(row.id, [])
            named = set().union(*map(hazards, cases))
            yield Row(
                row,
                cases,
                dialects if len(dialects) < len(self.suite.dialects) else (),
                [hazard.id for hazard, _ in self.known_defects if hazard.id in named],
                self.mutants.get(row.id, ()),
                many=len(cases) > _MANY and not everything,
            )

    def _chapter(self, section: Section, whole: bool = False) -> str:
        return rendered("spec-chapter.md.j2", spec=self, section=section, whole=whole)

    def _hazards(self) -> str:
        return rendered("spec-hazards.md.j2", spec=self)
