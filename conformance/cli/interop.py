"""`interop`: every backend writes prompt-cache files, every backend reads all of them."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from conformance.cli.progress import progress
from conformance.filetools import exchange, matrix
from conformance.filetools.model import CaseFile, read_cases
from conformance.filetools.participants import participants

if TYPE_CHECKING:
    from conformance.filetools.matrix import Matrix

DESCRIPTION = (
    "Have every backend write every case and every backend read what every other wrote, in "
    "processes of their own."
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backend",
        action="append",
        default=[],
        help="reference (all dialects and the strict reader), reference@DIALECT, "
        "pypi:NAME==VERSION or cmd:COMMAND; more than once",
    )
    parser.add_argument(
        "--known",
        action="store_true",
        help="run nothing: show what the fixtures say of the golden files",
    )
    parser.add_argument("--case", action="append", default=[], metavar="ID", help="only this case")
    parser.add_argument("--markdown", metavar="FILE", help="write the whole matrix as Markdown")
    parser.add_argument("--json", metavar="FILE", help="write the whole matrix as JSON")
    parser.add_argument("--keep", metavar="FOLDER", help="keep the files that were written")


def run(options: argparse.Namespace) -> int:
    if options.known == bool(options.backend):
        raise ValueError("give --backend, once or more; or --known")
    if options.known:
        return _show(options, matrix.known())
    cases = read_cases()
    unknown = set(options.case) - {case.id for case in cases.cases}
    if unknown:
        raise ValueError(f"unknown case {min(unknown)}")
    if options.case:
        chosen = [case for case in cases.cases if case.id in options.case]
        cases = CaseFile(chosen, cases.tensors)
    everybody = [who for spec in options.backend for who in participants(spec)]
    names = [who.name for who in everybody]
    if len(set(names)) < len(names):
        raise ValueError(f"{max(names, key=names.count)} takes part twice")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(options.keep or place)
        writers = sum(who.writes for who in everybody)
        total = len(cases.cases) * writers * (1 + len(everybody))
        with progress(total, "starting") as step:
            found = exchange.exchange(everybody, cases, folder, step)
    return _show(options, found)


def _show(options: argparse.Namespace, found: Matrix) -> int:
    _print(list(matrix.summary(found)))
    if len(found) == 1:
        (only,) = matrix.plain(found).values()
        for writer, outcomes in only.items():
            for reader, outcome in outcomes.items():
                print(f"{writer} -> {reader}: {outcome}")
    if options.markdown:
        Path(options.markdown).write_text(matrix.markdown(found) + "\n")
    if options.json:
        Path(options.json).write_text(json.dumps(matrix.plain(found), indent=2) + "\n")
    return 0


def _print(rows: list[list[str]]) -> None:
    grid = Table(box=None, pad_edge=False, header_style="bold", show_lines=False)
    for column in rows[0]:
        grid.add_column(column, overflow="fold")
    for row in rows[1:]:
        grid.add_row(*(cell.replace(", ", "\n") for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(grid)
