"""docs/mutants.md: every mutant, what is wrong with it, who did that, and what kills it."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.engine.suite import Suite
from conformance.fixtures.load import load_suite
from conformance.reporting.specification import page_of
from tools.mutants import CHAPTERS, chapters
from tools.mutants.drawn import CHOICE, Caught
from tools.mutants.matrix import Matrix
from tools.pages.templates import render


def page(matrix: Matrix, caught: Mapping[str, Caught]) -> str:
    """The page for a whole matrix, and what the properties caught."""
    return render(
        "mutants.md.j2",
        pages=page_of(load_suite()),
        rows={row.mutant.name: row for row in matrix.rows},
        chapters={CHAPTERS[module]: made for module, made in chapters().items()},
        caught=caught,
        told=sum(map(bool, caught.values())),
        apart=sum(bool(each.apart) for each in caught.values()),
        sequences=CHOICE.sequences,
    )


def violators(suite: Suite) -> dict[str, list[str]]:
    """Requirement -> the names of the mutants that violate it."""
    found: dict[str, list[str]] = {name: [] for name in suite.requirements}
    for made in chapters().values():
        for mutant in made:
            for name in mutant.violates:
                found[name].append(mutant.name)
    return found
