"""`diff`: where two dialects part, requirement by requirement."""

from __future__ import annotations

import argparse

from conformance.fixtures.load import load_suite
from conformance.reporting.divergence import page


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("left", metavar="DIALECT")
    parser.add_argument("right", metavar="DIALECT")


def run(options: argparse.Namespace) -> int:
    suite = load_suite()
    left, right = (suite.dialect(name) for name in (options.left, options.right))
    for line in page(suite, left, right):
        print(line)
    return 0
