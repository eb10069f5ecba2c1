"""What was timed as a file: JSON, Markdown, or one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from conformance.benchmarks.pairs import Row
from conformance.benchmarks.table import ratio, time_of
from conformance.reporting.pages import environment
from conformance.reporting.suffixes import SUFFIXES


class Who(msgspec.Struct, frozen=True):
    """One side: the backend string, the name and version that it gave, and where it computed."""

    spec: str
    name: str
    device: str = ""


class Timings(msgspec.Struct, frozen=True):
    """One run of `bench`. `machine` is what figures depend on, and holds no name of it."""

    suite: str
    machine: dict[str, Any]
    backend: Who
    against: Who | None
    rows: list[Row]

    @property
    def sides(self) -> list[Who]:
        return [self.backend, *([self.against] if self.against else [])]

    @property
    def tables(self) -> list[tuple[str, list[list[str]]]]:
        """The rows of each operation as texts: size, both times, ratio, limit, and to the limit."""
        return [
            (op, [_cells(row) for row in rows])
            for op, rows in groupby(self.rows, key=lambda row: row.op)
        ]


def _cells(row: Row) -> list[str]:
    name = f"{row.name} (noisy)" if row.noisy else row.name
    backend, against, limit = map(time_of, (row.backend, row.against, row.limit))
    return [name, backend, against, ratio(row.ratio), limit, ratio(row.to_limit)]


def _json(timings: Timings) -> str:
    return msgspec.json.format(msgspec.json.encode(timings), indent=1).decode()


def _page(template: str) -> Callable[[Timings], str]:
    return lambda timings: environment().get_template(template).render(timings=timings)


_RENDER: dict[str, Callable[[Timings], str]] = {
    "json": _json,
    "markdown": _page("bench.md.j2"),
    "html": _page("bench.html.j2"),
}


def format_of(path: Path) -> str:
    """The format that the suffix of a file asks for; ValueError names those that there are."""
    for name in _RENDER:
        if path.suffix.lower() in SUFFIXES[name]:
            return name
    known = ", ".join(suffix for name in _RENDER for suffix in SUFFIXES[name])
    raise ValueError(f"--report {path}: timings are written to {known}")


def rendered(timings: Timings, name: str) -> str:
    """Timings in a format."""
    return _RENDER[name](timings)


def read(path: Path) -> Timings:
    """What `bench` wrote as JSON."""
    return msgspec.json.decode(path.read_bytes(), type=Timings)
