"""The pages of the site: what each has in it, and where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.engine.case import Case, Requirement
from conformance.engine.dialect import Dialect
from conformance.engine.plan import applicability
from conformance.engine.suite import ChapterFile
from conformance.filetools import matrix
from conformance.filetools.matrix import Matrix
from conformance.fixtures.sources import address
from tools.site.outcomes import Outcomes, trophies
from tools.site.standings import Board

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Page:
    """One page: `path` is where it lies in the site, `content` is HTML without the frame."""

    path: str
    title: str
    content: str


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, autoescape=True,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["address"] = address
    return made


def picture(board: Board) -> str:
    """The board in small, as an image for the README."""
    rows = [each for each in board.real if not each.is_skeleton]
    return _environment().get_template("board.svg.j2").render(rows=rows)


class Site:
    """All pages of a board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._suite = board.suite
        self._outcomes = Outcomes(board)
        self._trophies = trophies(board, self._outcomes)

    def pages(self) -> Iterator[Page]:
        """Every page."""
        made = self._page
        yield made("index.html", "Who does what with MLX's caches", "index.html.j2")
        yield made("chapters.html", "Chapter by chapter", "chapters.html.j2")
        for each in self._board.standings:
            yield made(each.page, each.title, "implementation.html.j2", each=each)
        yield from self._requirements()
        yield made("hazards/index.html", "Hazards", "hazards.html.j2", trophies=self._trophies)
        for trophy in self._trophies:
            yield made(trophy.page, trophy.hazard.id, "hazard.html.j2", trophy=trophy)
        known = self._known_files()
        yield made("files.html", "Who reads whose files", "files.html.j2",
                   totals=matrix.totals(known), cells=matrix.plain(known))  # fmt: skip
        yield from self._dialects()

    def _page(self, path: str, title: str, template: str, **values: Any) -> Page:
        depth = path.count("/")
        content = _environment().get_template(template).render(
            board=self._board, suite=self._suite, root="../" * depth, title=title,
            case_url=self._case_url, standings={e.key: e for e in self._board.standings}, **values,
        )  # fmt: skip
        return Page(path, title, content)

    def _case_url(self, name: str) -> str:
        """The place of a case, from the root; empty for one that the suite no longer has."""
        case = self._suite.cases.get(name)
        return f"requirements/{_home(case)}.html#{name}" if case else ""

    def _known_files(self) -> Matrix:
        """Who reads whose files, without the dialects that read none."""
        silent = {each.id for each in self._suite.dialects.values() if "load" in each.absent}
        known = matrix.known(self._suite.root / "prompt_cache")
        return {
            case: {
                writer: {name: said for name, said in row.items() if name not in silent}
                for writer, row in writers.items()
            }
            for case, writers in known.items()
        }

    def _requirements(self) -> Iterator[Page]:
        at_home: dict[str, list[str]] = {name: [] for name in self._suite.requirements}
        beside: dict[str, list[str]] = {name: [] for name in self._suite.requirements}
        for name, case in self._suite.cases.items():
            at_home[_home(case)].append(name)
            for other in case.requires[1:]:
                beside[other].append(name)
        rows = [
            (file, [(row, self._count(at_home[row.id])) for row in file.chapter.requirements])
            for file in self._suite.chapters
        ]
        yield self._page("requirements/index.html", "Requirements", "requirements.html.j2",
                         chapters=rows)  # fmt: skip
        for file in self._suite.chapters:
            for row in file.chapter.requirements:
                yield self._requirement(file, row, at_home[row.id], beside[row.id])

    def _requirement(
        self, file: ChapterFile, row: Requirement, cases: list[str], beside: list[str]
    ) -> Page:
        return self._page(
            f"requirements/{row.id}.html", row.id, "requirement.html.j2",
            row=row, chapter=file.contents.title, chapter_name=file.name, beside=beside,
            cases=[self._outcomes.page(name) for name in cases],
            counts=[(each, each.count([*cases, *beside])) for each in self._board.standings],
        )  # fmt: skip

    def _count(self, cases: list[str]) -> tuple[int, int]:
        """How many cases there are, and in how many of them somebody differs."""
        return len(cases), sum(self._outcomes.page(name).failed > 0 for name in cases)

    def _dialects(self) -> Iterator[Page]:
        dialects = list(self._suite.dialects.values())
        ids = list(self._suite.dialects)
        differing = self._outcomes.differing()
        counts = {pair: len(cases) for pair, cases in differing.items()}
        counts |= {(other, one): count for (one, other), count in counts.items()}
        yield self._page("dialects/index.html", "Dialects", "dialects.html.j2", counts=counts,
                         pair_url=lambda one, other: _pair(*sorted((one, other), key=ids.index)),
                         applying={each.id: self._applying(each) for each in dialects})  # fmt: skip
        for (one, other), cases in differing.items():
            by_requirement: dict[str, list[str]] = {}
            for case in cases:
                by_requirement.setdefault(_home(case), []).append(case.id)
            yield self._page(
                f"dialects/{_pair(one, other)}", f"{one} and {other}", "dialect-pair.html.j2",
                one=self._suite.dialects[one], other=self._suite.dialects[other],
                differing=by_requirement, page_of=self._outcomes.page,
            )  # fmt: skip

    def _applying(self, dialect: Dialect) -> int:
        return sum(applicability(case, dialect) is None for case in self._suite.cases.values())


def _home(case: Case) -> str:
    """The requirement on whose page a case lies: the one that it names first."""
    return case.requires[0]


def _pair(one: str, other: str) -> str:
    return f"{one}--{other}.html"
