"""`list`: the cases, requirements, hazards, dialects, tags or mutants, one a line."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator

from conformance.engine.dialect import Dialect
from conformance.engine.plan import applicability
from conformance.engine.runner import select
from conformance.engine.suite import Suite
from conformance.fixtures.load import load_suite
from conformance.reporting.outcomes import applying, carriers


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", default="cases", choices=list(LINES))
    parser.add_argument("--dialect", help="only what applies to it")
    parser.add_argument("--tag", action="append", default=[], help="only cases with this tag")


def run(options: argparse.Namespace) -> int:
    suite = load_suite()
    dialect = suite.dialect(options.dialect) if options.dialect else None
    for line in LINES[options.what](suite, dialect, options.tag):
        print(line)
    return 0


def _cases(suite: Suite, dialect: Dialect | None, tags: list[str]) -> Iterator[str]:
    for case in select(suite, tags=tags):
        if dialect is None or applicability(case, dialect) is None:
            yield f"{case.id}  [{', '.join(case.requires)}]"


def _requirements(suite: Suite, dialect: Dialect | None, _: list[str]) -> Iterator[str]:
    """With a dialect, those of which a case applies to it."""
    for file in suite.chapters:
        applicable = None if dialect is None else file.applicable(dialect)
        for row in file.chapter.requirements:
            if applicable is None or row.id in applicable:
                yield f"{row.id}  {row.level:<6}  {row.text}"


def _hazards(suite: Suite, dialect: Dialect | None, _: list[str]) -> Iterator[str]:
    """With a dialect, those that it carries."""
    for hazard in suite.hazards.values():
        if dialect is None or hazard.id in dialect.hazards:
            yield f"{hazard.id}  {hazard.rule}  [{', '.join(carriers(suite, hazard))}]"


def _dialects(suite: Suite, dialect: Dialect | None, _: list[str]) -> Iterator[str]:
    """With a dialect, that one and those that it extends."""
    for entry in suite.dialects.values():
        if dialect is None or entry.id in (dialect.id, *dialect.parents):
            yield f"{entry.id}  {entry.summary}"


def _tags(suite: Suite, dialect: Dialect | None, _: list[str]) -> Iterator[str]:
    tags = Counter(tag for case in applying(suite, dialect) for tag in case.tags)
    for tag, count in sorted(tags.items()):
        yield f"{tag}  {count}"


def _mutants(suite: Suite, dialect: Dialect | None, _: list[str]) -> Iterator[str]:
    from conformance.mutants.catalogue import demonstrations

    for mutant in demonstrations().values():
        if dialect is None or mutant.dialect == dialect.id:
            yield f"{mutant.name}  {mutant.dialect}  {mutant.wrong}"


LINES = {
    "cases": _cases,
    "requirements": _requirements,
    "hazards": _hazards,
    "dialects": _dialects,
    "tags": _tags,
    "mutants": _mutants,
}
