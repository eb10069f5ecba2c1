"""The comparison as a table for a terminal, one an operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from conformance.benchmarks.pairs import Row, Side, Spread

_UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))


def seconds(value: float) -> str:
    """With three digits and a unit."""
    unit, scale = next(((u, s) for u, s in _UNITS if value >= s), _UNITS[-1])
    return f"{value / scale:.3g} {unit}"


def ratio(value: Spread | None) -> str:
    """Median and quartiles."""
    return "" if value is None else f"{value.median:.2f} ({value.low:.2f}-{value.high:.2f})"


def table(op: str, rows: Sequence[Row], backend: str, against: str | None) -> Any:
    """A rich table; the quartiles stand behind each ratio."""
    made = Table(title=op, title_justify="left", title_style="bold", box=None, pad_edge=False)
    made.add_column("size", no_wrap=True)
    heads = [backend, "peak"] + ([against, "peak", "ratio"] if against else [])
    limited = any(row.limit for row in rows)
    for head in [*heads, *(["limit", "to the limit"] if limited else [])]:
        made.add_column(head, justify="right", no_wrap=head in ("peak", "ratio", "to the limit"))
    for row in rows:
        cells = [row.name, time_of(row.backend), _peak(row.backend)]
        if against and row.against is not None:
            cells += [time_of(row.against), _peak(row.against), ratio(row.ratio)]
        if limited:
            cells += [time_of(row.limit), ratio(row.to_limit)]
        made.add_row(*cells)
    return made


def time_of(side: Side | None) -> str:
    """Its median; why it was not timed; nothing where there is no such side."""
    if side is None:
        return ""
    return seconds(side.seconds.median) if side.seconds else side.not_timed


def _peak(side: Side) -> str:
    if side.peak_bytes is None:
        return ""
    value = float(side.peak_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"
