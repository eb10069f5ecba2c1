"""`explain`: everything known about one case, requirement, hazard or dialect."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from conformance.fixtures.load import load_suite
from conformance.reporting import explanation
from conformance.suggestions import did_you_mean


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", help="a case, requirement, hazard or dialect")
    parser.add_argument("--dialect", help="what applies to it, its own outcome first")


def run(options: argparse.Namespace) -> int:
    suite = load_suite()
    dialect = suite.dialect(options.dialect) if options.dialect else None
    for line in explanation.explain(suite, options.id, dialect) or _unknown(suite, options.id):
        print(line)
    return 0


def _unknown(suite: Any, wanted: str) -> Iterator[str]:
    names = [*suite.cases, *suite.requirements, *suite.hazards, *suite.dialects]
    raise ValueError(f"nothing is called {wanted!r}{did_you_mean(wanted, names, cutoff=0.4)}")
