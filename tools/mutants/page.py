"""docs/mutants.md: every mutant, what is wrong with it, who did that, and what kills it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conformance.fixtures.load import Suite
from conformance.mutants import Mutant
from tools.mutants import CHAPTERS, chapters
from tools.mutants.drawn import ORDER, Caught
from tools.mutants.matrix import Matrix, Row
from tools.pages.specification import anchor

_HEAD = """\
# Mutants

A test suite that never fails proves nothing. These are {count} wrong caches, each the reference in
one dialect with one rule taken wrongly, in a way in which a real port took it or could have. The
cases alone tell every one of them from the reference, and every requirement of level MUST has a
case that does so. `make test` checks both, and that this page is what it would be today; `make
mutants` writes it.

A mutant is a backend like any other. To see what a mistake of yours would look like:

```sh
.venv/bin/python -m tools.mutants list --dialect mlx-lm-0.32
! .venv/bin/mlx-cache-conformance run --backend mutant:mask-inverted --case "mask.left-padding.*"
.venv/bin/python -m tools.mutants check mask-inverted mask-either --first
```

**Cases** says how many cases of its dialect a mutant fails, and **violates** which requirements the
mistake is about: a case of each of them is among these. What is marked with ⟳ comes out in a
sequence of operations only: something is stale or shared, and no single operation shows it.
**Properties** names the laws that a mutant breaks and the first of {sequences} drawn sequences that
tells it from the reference; without any case, these find {caught} of the {drawn} that are not about
files.
"""


def page(matrix: Matrix, caught: Mapping[str, Caught]) -> str:
    """The page for a whole matrix, and what the properties caught."""
    head = _HEAD.format(
        count=len(matrix.rows), drawn=len(caught), caught=sum(map(bool, caught.values())),
        sequences=ORDER.sequences,
    )  # fmt: skip
    return "\n".join([head, *_body(matrix, caught)]) + "\n"


def _body(matrix: Matrix, caught: Mapping[str, Caught]) -> Iterator[str]:
    rows = {row.mutant.name: row for row in matrix.rows}
    yield "| chapter | mutants | after a real implementation | killed | by properties |"
    yield "|---|--:|--:|--:|--:|"
    for module, made in chapters().items():
        title = CHAPTERS[module]
        seen = sum(bool(mutant.seen) for mutant in made)
        killed = sum(bool(rows[mutant.name].kills.cases) for mutant in made)
        told = sum(bool(caught.get(mutant.name)) for mutant in made)
        yield f"| [{title}](#{anchor(title)}) | {len(made)} | {seen} | {killed} | {told} |"
    for module, made in chapters().items():
        yield f"\n## {CHAPTERS[module]}\n"
        yield "| mutant | what is wrong | did so, or nearly | cases | violates | properties |"
        yield "|---|---|---|--:|---|---|"
        for mutant in made:
            yield _line(rows[mutant.name], caught.get(mutant.name))


def _line(row: Row, caught: Caught | None) -> str:
    mutant, kills = row.mutant, row.kills
    mark = " ⟳" if mutant.sequence else ""
    violates = ", ".join(f"[{name}](SPEC.md#{anchor(name)})" for name in mutant.violates)
    cells = (
        f"`{mutant.name}`{mark}<br>{mutant.dialect}", mutant.wrong, _like(mutant),
        str(len(kills.cases)), violates, caught.words if caught else "",
    )  # fmt: skip
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _like(mutant: Mutant) -> str:
    return f"[{mutant.seen}]({mutant.link})" if mutant.link else mutant.seen


def violators(suite: Suite) -> dict[str, list[Mutant]]:
    """Requirement -> the mutants that violate it."""
    found: dict[str, list[Mutant]] = {name: [] for name in suite.requirements}
    for made in chapters().values():
        for mutant in made:
            for name in mutant.violates:
                found[name].append(mutant)
    return found
