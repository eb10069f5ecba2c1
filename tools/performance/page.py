"""docs/performance.md: the figures as tables, with what they depend on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.benchmarks.pairs import Row
from conformance.benchmarks.table import ratio, seconds
from tools.pages.templates import render
from tools.performance.figures import Figure


def page(
    about: dict[str, Any],
    sections: Sequence[tuple[str, str, Sequence[Figure]]],
    falls_short: str,
    pictures: Sequence[tuple[str, str]],
    rows: Sequence[Row],
) -> str:
    """The whole document. `sections` are (title, words, figures)."""
    sizes: dict[str, list[tuple[str, ...]]] = {}
    for row in rows:
        cells = (row.name, _time(row.backend), _time(row.against), ratio(row.ratio),
                 _time(row.limit), ratio(row.to_limit))  # fmt: skip
        sizes.setdefault(row.op, []).append(cells)
    return render(
        "performance.md.j2",
        about=about,
        sections=sections,
        missed=[f for _, _, figures in sections for f in figures if f.met is False],
        falls_short=falls_short.strip(),
        whole_runs=(Path(__file__).parent / "whole_runs.md").read_text().strip(),
        on_a_gpu=(Path(__file__).parent / "on_a_gpu.md").read_text().strip(),
        pictures=pictures,
        sizes=sizes,
    )


def table(figures: Sequence[Figure]) -> str:
    """One line a figure."""
    return render("figures.md.j2", figures=figures)


def _time(side: Any) -> str:
    return seconds(side.seconds.median) if side is not None and side.seconds else ""
