"""The reader-by-writer matrix for a terminal, as Markdown and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from conformance.filetools.exchange import Outcome
from conformance.filetools.goldens import provenances, read_expectations

Matrix = dict[str, dict[str, dict[str, Outcome]]]
KINDS = ("same", "lossy", "wrong", "error", "crash", "cannot write")


def spelled(outcome: Outcome) -> str:
    """One cell."""
    return f"cannot write: {outcome}" if isinstance(outcome, str) else outcome.spelled()


def kind(outcome: Outcome) -> str:
    """One of KINDS."""
    return spelled(outcome).partition(":")[0]


def totals(matrix: Matrix) -> dict[str, dict[str, Counter[str]]]:
    """writer -> reader -> how many cases of each kind."""
    counts: dict[str, dict[str, Counter[str]]] = {}
    for writers in matrix.values():
        for writer, readers in writers.items():
            for reader, outcome in readers.items():
                row = counts.setdefault(writer, {})
                row.setdefault(reader, Counter())[kind(outcome)] += 1
    return counts


def plain(matrix: Matrix) -> dict[str, Any]:
    """The matrix as JSON: case -> writer -> reader -> outcome."""
    return {
        case: {
            writer: {reader: spelled(outcome) for reader, outcome in readers.items()}
            for writer, readers in writers.items()
        }
        for case, writers in matrix.items()
    }


def summary(matrix: Matrix) -> Iterator[list[str]]:
    """Rows of a table: a heading, then a writer each, with the counts of every kind."""
    counts = totals(matrix)
    readers = list(next(iter(counts.values()), {}))
    yield ["written by \\ read by", *readers]
    for writer, row in counts.items():
        yield [writer, *(_counted(row[reader]) for reader in readers)]


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{counter[name]} {name}" for name in KINDS if counter[name])


def markdown(matrix: Matrix) -> str:
    """The summary, then a table a case; equal rows stand together."""
    parts = ["# Prompt-cache files: who reads what whom wrote", "", *_table(summary(matrix)), ""]
    for case, writers in matrix.items():
        rows: dict[tuple[str, ...], list[str]] = {}
        readers: list[str] = []
        for writer, outcomes in writers.items():
            readers = list(outcomes)
            rows.setdefault(tuple(map(spelled, outcomes.values())), []).append(writer)
        heading = ["written by", *readers]
        body = [[", ".join(names), *_shortened(cells)] for cells, names in rows.items()]
        parts += [f"## {case}", "", *_table([heading, *body]), ""]
    return "\n".join(parts)


def _shortened(cells: tuple[str, ...]) -> Iterable[str]:
    """A writer without a file says so once."""
    if cells and cells[0].startswith("cannot write"):
        return [cells[0], *("" for _ in cells[1:])]
    return cells


def known(root: Path | None = None) -> Matrix:
    """The matrix of the golden files: what the fixtures say, without running anything."""
    expected = read_expectations(root)
    matrix: Matrix = {}
    for record in provenances(root):
        of_writer = expected[record.writer].expectations
        readers = list(next(iter(of_writer.values())))
        for golden in record.files:
            outcomes = of_writer.get(golden.case, {})
            matrix.setdefault(golden.case, {})[record.writer] = {
                reader: golden.cannot or outcomes[reader] for reader in readers
            }
    return matrix


def _table(rows: Iterable[list[str]]) -> Iterator[str]:
    for index, row in enumerate(rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
        if index == 0:
            yield "|" + "---|" * len(row)
