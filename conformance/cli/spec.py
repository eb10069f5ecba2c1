"""`spec`: all requirements as one page, with sources, hazards, cases and mutants."""

from __future__ import annotations

import argparse
from typing import Any


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "spec", help="print docs/SPEC.md: all requirements, with sources, hazards, cases, mutants"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from conformance.fixtures.load import load_suite
    from conformance.mutants.page import violators
    from conformance.reporting.specification import page

    suite = load_suite()
    print(page(suite, violators(suite)), end="")
    return 0
