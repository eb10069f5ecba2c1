"""`identify`: which dialect a backend follows."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.cli.options import TIMEOUT
from conformance.cli.progress import along
from conformance.engine.identification import identify
from conformance.engine.runner import Run, Terms, select
from conformance.fixtures.load import load_suite
from conformance.patience import checked
from conformance.reporting.identity import page

DESCRIPTION = (
    "Run all cases on a backend and judge them in every dialect: which it follows, how closely, "
    "and which requirements part it from the nearest one."
)
OPENS = ("backend",)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", required=True, help="as in run")
    parser.add_argument(
        "--case", action="append", default=[], metavar="ID", help="only this case (* matches)"
    )
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="your own chapters instead")
    parser.add_argument(f"--{TIMEOUT.name}", **TIMEOUT.settings)


def run(options: argparse.Namespace) -> int:
    suite = load_suite(options.fixtures)
    cases = select(suite, options.case)
    terms = Terms(timeout=checked("--timeout", options.start_timeout))
    opened = Run(suite, options.backend, suite.default_dialect.id, terms)
    try:
        found = identify(opened, along(cases, "judging"))
    finally:
        opened.close()
    for line in page(found, suite, options.backend, opened.handshake.implementation):
        print(line)
    return 0 if found[0].applied else 1
