"""`diff`: where two dialects part, requirement by requirement."""

from __future__ import annotations

import argparse
from typing import Any


def register(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "diff", help="the divergences between two dialects"
    )
    parser.add_argument("left", metavar="DIALECT")
    parser.add_argument("right", metavar="DIALECT")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from conformance.fixtures.load import load_suite
    from conformance.reporting.divergence import page

    suite = load_suite()
    left, right = (suite.dialect(name) for name in (options.left, options.right))
    for line in page(suite, left, right):
        print(line)
    return 0
