"""`list`: the cases, requirements, hazards, dialects, tags or mutants, one a line."""

from __future__ import annotations

import argparse
from collections import Counter

from conformance.engine.plan import applicability
from conformance.engine.runner import select
from conformance.fixtures.load import load_suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        nargs="?",
        default="cases",
        choices=["cases", "requirements", "hazards", "dialects", "tags", "mutants"],
    )
    parser.add_argument("--dialect", help="only cases that apply to it, or mutants of it")
    parser.add_argument("--tag", action="append", default=[], help="only cases with this tag")


def run(options: argparse.Namespace) -> int:
    suite = load_suite()
    dialect = suite.dialect(options.dialect) if options.dialect else None
    if options.what == "cases":
        for case in select(suite, tags=options.tag):
            if dialect is None or applicability(case, dialect) is None:
                print(f"{case.id}  [{', '.join(case.requires)}]")
    elif options.what == "requirements":
        for row in suite.requirements.values():
            print(f"{row.id}  {row.level:<6}  {row.text}")
    elif options.what == "hazards":
        for hazard in suite.hazards.values():
            print(f"{hazard.id}  {hazard.rule}  [{', '.join(hazard.dialects)}]")
    elif options.what == "dialects":
        for entry in suite.dialects.values():
            print(f"{entry.id}  {entry.summary}")
    elif options.what == "mutants":
        from conformance.mutants.catalogue import demonstrations

        for mutant in demonstrations().values():
            if dialect is None or mutant.dialect == dialect.id:
                print(f"{mutant.name}  {mutant.dialect}  {mutant.wrong}")
    else:
        tags = Counter(tag for case in suite.cases.values() for tag in case.tags)
        for tag, count in sorted(tags.items()):
            print(f"{tag}  {count}")
    return 0
