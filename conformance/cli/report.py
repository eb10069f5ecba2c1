"""`report`: other formats of reports, one report of the shards of a run, what changed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conformance.engine.runner import Target
from conformance.engine.suite import Suite
from conformance.fixtures.frozen import counts, pinned
from conformance.fixtures.load import load_suite
from conformance.reporting import changes, formats, json_report, suffixes, text
from conformance.reporting.suffixes import SUFFIXES

DESCRIPTION = (
    "show: make another format of reports in JSON. merge: make one report from the reports of all "
    "shards, refused unless every case is there once. compare OLD NEW: what changed. The exit code "
    "of show is 0; merge ends as the whole run would; compare ends with 1 if something "
    "fails now that did not fail before."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["show", "merge", "compare"])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: print it")
    parser.add_argument(
        "--report-format", metavar="FORMAT",
        help=f"of {', '.join(SUFFIXES)}; default: by the suffix of the output",
    )  # fmt: skip
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="the chapters that were run")
    parser.add_argument("--set", metavar="SET", help="show only what counts in this frozen set")


def run(options: argparse.Namespace) -> int:
    if options.action == "compare":
        return _compare(options)
    suite = load_suite(options.fixtures)
    if options.action == "merge":
        return _merge(options, suite)
    name = suffixes.chosen(options.output, options.report_format, "text")
    reports = [json_report.read(path) for path in options.files]
    if options.set:
        suite = pinned(suite, options.set)
        reports = [json_report.within(report, suite) for report in reports]
    if options.output is not None and len(reports) > 1:
        raise ValueError(f"-o {options.output}: is one file; show one report at a time")
    for report in reports:
        _put(options.output, formats.rendered(report, suite, name))
        if options.set and (options.output or name == "text"):
            print(counts(suite, report.dialect))
    return 0


def _merge(options: argparse.Namespace, suite: Suite) -> int:
    if options.output is None:
        raise ValueError("report merge: say where with -o FILE")
    name = suffixes.chosen(options.output, options.report_format, "json")
    whole, ran = suite, json_report.read(options.files[0]).frozen
    if ran:
        suite = pinned(whole, ran)
    merged = json_report.merge(options.files, suite)
    if options.set and options.set != ran:
        suite = pinned(whole, options.set)
        merged = json_report.within(merged, suite)
    json_report.write_whole(options.output, formats.rendered(merged, suite, name))
    target = Target(merged.backend, merged.dialect)
    failed = merged.failed_properties
    for part in failed:
        print(f"{part} failed in one of the shards")
    if suite.frozen is not None:
        print(counts(suite, merged.dialect))
    for problem in merged.problems:
        print(f"{problem}: this run is a failure")
    print(text.last_line(merged.verdicts, merged.implementation, target, None, len(failed)))
    return 1 if merged.red or not text.executed(merged.verdicts) else 0


def _compare(options: argparse.Namespace) -> int:
    if len(options.files) != 2:
        raise ValueError(f"report compare: write OLD NEW, not {len(options.files)} files")
    old, new = (json_report.read(path) for path in options.files)
    name = suffixes.chosen(options.output, options.report_format, "text")
    if name not in ("text", "markdown"):
        raise ValueError(f"report compare: writes text or markdown, not {name}")
    said = (changes.markdown if name == "markdown" else changes.lines)(old, new)
    _put(options.output, "".join(f"{line}\n" for line in said))
    return 1 if changes.worse(old, new) else 0


def _put(path: Path | None, made: str) -> None:
    if path is None:
        sys.stdout.write(made)
    else:
        json_report.write_whole(path, made)
