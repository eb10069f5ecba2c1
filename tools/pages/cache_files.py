"""docs/prompt-cache-files.md: a file that does not load, and who reads the files of whom."""

from __future__ import annotations

from pathlib import Path

from conformance.filetools import inspection, matrix
from tools.pages.templates import render

ROOT = Path(__file__).resolve().parents[2]


def page() -> str:
    """The page, with the table that the fixtures know and what `inspect` says of a file."""
    return render(
        "prompt-cache-files.md.j2",
        who_reads_whom=[*matrix.summary(matrix.known())],
        inspected=_inspected,
    )


def _inspected(name: str) -> str:
    found = {**inspection.facts(ROOT / name), "file": name}
    return "\n".join(inspection.lines(found))
