"""docs/performance.md: the figures as tables, with what they depend on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conformance.benchmarks.pairs import Row
from conformance.benchmarks.table import ratio, seconds
from tests.performance.figures import Figure

HEAD = """# Performance

Made by `make bench`, which overwrites this page. Ratios are medians of pairs that were timed in
turn within one run, with their quartiles; seconds of different runs are not compared. How to time
your own port: [README](../README.md).

| | |
|---|---|
"""


def page(
    about: dict[str, Any],
    sections: Sequence[tuple[str, str, Sequence[Figure]]],
    falls_short: str,
    pictures: Sequence[tuple[str, str]],
    rows: Sequence[Row],
) -> str:
    """The whole document. `sections` are (title, words, figures)."""
    parts = [HEAD + "".join(f"| {name} | {value} |\n" for name, value in about.items())]
    for title, words, figures in sections:
        parts.append(f"\n## {title}\n\n{words}\n" + table(figures))
    missed = [f"- {f.what}: {f.value}, should be {f.target}" for _, _, figures in sections
              for f in figures if f.met is False]  # fmt: skip
    parts.append("\n## What falls short\n\n")
    parts.append(
        ("In this run:\n\n" + "\n".join(missed) if missed else "Nothing in this run.") + "\n"
    )
    parts.append(f"\n{falls_short.strip()}\n")
    for title, path in pictures:
        parts.append(f"\n## {title}\n\n![{title}]({path})\n")
    parts.append("\n## Every size\n" + "".join(_by_operation(rows)))
    return "".join(parts)


def table(figures: Sequence[Figure]) -> str:
    """One line a figure."""
    head = "\n| figure | measured | should be | |\n|---|---|---|---|\n"
    return head + "".join(
        f"| {f.what} | {f.value}{'; ' + f.note if f.note else ''} | {f.target} | {_word(f)} |\n"
        for f in figures
    )


def _word(figure: Figure) -> str:
    return {True: "met", False: "**missed**", None: ""}[figure.met]


def _by_operation(rows: Sequence[Row]) -> list[str]:
    parts = []
    for op in dict.fromkeys(row.op for row in rows):
        parts.append(
            f"\n### {op}\n\n| size | reference | mlx-lm | ratio | limit | to the limit |\n"
        )
        parts.append("|---|---|---|---|---|---|\n")
        parts += [
            f"| {row.name} | {_time(row.backend)} | {_time(row.against)} | {ratio(row.ratio)} | "
            f"{_time(row.limit)} | {ratio(row.to_limit)} |\n"
            for row in rows if row.op == op
        ]  # fmt: skip
    return parts


def _time(side: Any) -> str:
    return seconds(side.seconds.median) if side is not None and side.seconds else ""
