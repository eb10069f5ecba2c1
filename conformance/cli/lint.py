"""`lint`: check the fixtures, all problems at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.capture.writing import marks, unconfirmed
from conformance.fixtures.lint import problems
from conformance.fixtures.read import read_suite


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", type=Path, help="default: the fixtures that ship")


def run(options: argparse.Namespace) -> int:
    suite = read_suite(options.folder)
    found = list(problems(suite))
    for problem in found:
        print(problem)
    for line in marks(unconfirmed(suite)):
        print(line)
    print(
        f"{len(suite.cases)} cases, {len(suite.requirements)} requirements, "
        f"{len(suite.hazards)} hazards, {len(suite.dialects)} dialects: {len(found)} problems"
    )
    return 1 if found else 0
