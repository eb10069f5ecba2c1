"""`report merge`: one report from the reports of shards, if they are complete."""

from __future__ import annotations

import argparse
from pathlib import Path

from conformance.engine.runner import Target
from conformance.fixtures.load import load_suite
from conformance.reporting import json_report, text


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["merge"])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE")
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="the chapters that were run")


def run(options: argparse.Namespace) -> int:
    merged = json_report.merge(options.files, load_suite(options.fixtures))
    json_report.write(options.output, merged)
    target = Target(merged.backend, merged.dialect)
    failed = merged.failed_properties
    for part in failed:
        print(f"{part} failed in one of the shards")
    for problem in merged.problems:
        print(f"{problem}: this run is a failure")
    who = merged.implementation
    print(text.last_line(merged.verdicts, who, target, None, len(failed)))
    return 1 if merged.red or not text.executed(merged.verdicts) else 0
