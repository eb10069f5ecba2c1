"""`explain`: everything known about one case, requirement, hazard or dialect."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterator
from typing import Any

from conformance.fixtures.load import load_suite
from conformance.reporting import explanation


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", help="a case, requirement, hazard or dialect")


def run(options: argparse.Namespace) -> int:
    suite = load_suite()
    for line in explanation.explain(suite, options.id) or _unknown(suite, options.id):
        print(line)
    return 0


def _unknown(suite: Any, wanted: str) -> Iterator[str]:
    names = [*suite.cases, *suite.requirements, *suite.hazards, *suite.dialects]
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise ValueError(f"nothing is called {wanted!r}{hint}")
