"""docs/SPEC.md: every requirement, with where it comes from and what proves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from conformance.engine.case import Case, Hazard, Requirement
from conformance.engine.plan import applicability
from conformance.fixtures.load import ChapterFile, Suite
from conformance.mutants import Mutant

_MANY = 40

_HEAD = """\
# Specification

What an implementation of MLX's slot cache must do, sentence by sentence. A port follows one of the
**dialects** below, each the rules of one real implementation; where a sentence says what a dialect
does otherwise, that is no fault of a port that follows it. Every sentence has an id that reports
and baselines name, a level as in RFC 2119, the places that it was taken from, and the **cases**
that test it. **Mutants** are deliberately wrong caches that its cases are known to catch (see
[mutants.md](mutants.md)); **hazards** are known defects that a dialect carries, which a port may
leave out.

```sh
.venv/bin/mlx-cache-conformance explain MASK-004                # all outcomes, dialect by dialect
.venv/bin/mlx-cache-conformance run --quiet --dialect mlxrs-0.1 --case "mask.*"
.venv/bin/mlx-cache-conformance diff mlx-lm-0.31 mlx-lm-0.32    # where two dialects part
```

This page is generated (`make spec`), and `make test` checks that it is up to date.
"""


def page(suite: Suite, mutants: Mapping[str, Sequence[Mutant]]) -> str:
    """The page; `mutants` are those that violate a requirement, by its id."""
    return "\n".join([_HEAD, *_Page(suite, mutants).lines()]) + "\n"


class _Page:
    def __init__(self, suite: Suite, mutants: Mapping[str, Sequence[Mutant]]) -> None:
        self._suite = suite
        self._mutants = mutants
        self._cases: dict[str, list[Case]] = {name: [] for name in suite.requirements}
        for case in suite.cases.values():
            for name in case.requires:
                self._cases[name].append(case)

    def lines(self) -> Iterator[str]:
        yield from self._dialects()
        yield from self._contents()
        for file in self._suite.chapters:
            yield from self._chapter(file)
        yield from self._hazards()

    def _dialects(self) -> Iterator[str]:
        yield "## Dialects\n"
        yield "| dialect | follows | in short | cases |"
        yield "|---|---|---|--:|"
        for dialect in self._suite.dialects.values():
            cases = self._suite.cases.values()
            count = sum(applicability(case, dialect) is None for case in cases)
            yield f"| `{dialect.id}` | {dialect.follows} | {dialect.summary} | {count} |"

    def _contents(self) -> Iterator[str]:
        yield "\n## Chapters\n"
        yield "| chapter | requirements | cases |"
        yield "|---|--:|--:|"
        for file in self._suite.chapters:
            chapter = file.chapter
            link = f"[{chapter.title}](#{anchor(chapter.title)})"
            yield f"| {link} | {len(chapter.requirements)} | {len(chapter.cases)} |"
        tested, cases = sum(map(bool, self._cases.values())), len(self._suite.cases)
        yield f"\n{tested} of {len(self._cases)} requirements are tested by {cases} cases."

    def _chapter(self, file: ChapterFile) -> Iterator[str]:
        yield f"\n## {file.chapter.title}\n"
        yield file.chapter.about
        for row in file.chapter.requirements:
            yield from self._requirement(row)

    def _requirement(self, row: Requirement) -> Iterator[str]:
        cases = self._cases[row.id]
        yield f"\n### {row.id}\n"
        yield f"**{row.level}** {row.text}\n"
        facts = [f"Sources: {'; '.join(map(_source, row.cites))}."]
        where = self._where(cases)
        if where:
            facts.append(f"Only in {where}.")
        hazards = self._hazards_of(cases)
        if hazards:
            links = ", ".join(f"[{name}](#{anchor(name)})" for name in hazards)
            facts.append(f"Hazards: {links}.")
        mutants = self._mutants.get(row.id, ())
        if mutants:
            names = ", ".join(f"`{mutant.name}`" for mutant in mutants)
            facts.append(f"Mutants: {names}.")
        if row.untested:
            facts.append(f"Not tested: {row.untested}.")
        yield from (f"- {fact}" for fact in facts)
        if cases:
            count = "1 case" if len(cases) == 1 else f"{len(cases)} cases"
            yield f"\n<details><summary>{count}</summary>\n"
            yield from _listed(cases)
            yield "\n</details>"

    def _where(self, cases: Sequence[Case]) -> str:
        """The dialects that a requirement is tested in, if they are not all."""
        dialects = self._suite.dialects.values()
        found = [d for d in dialects if any(applicability(case, d) is None for case in cases)]
        return (
            "" if len(found) in (0, len(dialects)) else ", ".join(dialect.id for dialect in found)
        )

    def _hazards_of(self, cases: Sequence[Case]) -> list[str]:
        found = {
            option.hazard
            for case in cases
            for step in case.steps
            for option in (step.expect, *step.unless.values())
            if option is not None and isinstance(option.hazard, str)
        }
        return [name for name in self._suite.hazards if name in found]

    def _hazards(self) -> Iterator[str]:
        yield "\n## Hazards\n"
        yield "Defects of real implementations, and who carries them. A port may be better."
        for hazard in self._suite.hazards.values():
            yield from _hazard(hazard)


def _listed(cases: Sequence[Case]) -> Iterator[str]:
    """A line a case; of so many that nobody reads them, only the ids, by what these begin with."""
    if len(cases) <= _MANY:
        yield from (f"- `{case.id}`: {case.why}" for case in cases)
        return
    groups: dict[str, list[str]] = {}
    for case in cases:
        head, _, tail = case.id.rpartition(".")
        groups.setdefault(head, []).append(tail)
    yield from (f"- `{head}.` {', '.join(tails)}" for head, tails in groups.items())


def _hazard(hazard: Hazard) -> Iterator[str]:
    yield f"\n### {hazard.id}\n"
    yield f"{hazard.rule} {hazard.hits}\n"
    issue = f" See <{hazard.issue}>." if hazard.issue else ""
    yield f"Carried by {', '.join(hazard.dialects)}.{issue}"


def _source(cite: str) -> str:
    return f"<{cite}>" if cite.startswith("https://") else cite


def anchor(title: str) -> str:
    """The anchor that GitHub makes of a heading."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")
