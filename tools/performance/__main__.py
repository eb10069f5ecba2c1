"""`make bench`: measure everything and write docs/performance.md.

`--smallest` measures as little as possible, to see that all of it works; `--only SECTION` one part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from conformance.benchmarks.machine import machine
from conformance.benchmarks.pairs import Row
from conformance.benchmarks.plot import draw
from tools.performance import operations, states, suite
from tools.performance.figures import Figure
from tools.performance.page import page, table

HERE = Path(__file__).resolve().parent
SECTIONS = ("operations", "metadata", "states", "files", "suite")
Section = tuple[str, str, list[Figure]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.performance")
    parser.add_argument("--out", type=Path, default=HERE.parent.parent / "docs")
    parser.add_argument("--only", choices=SECTIONS, action="append", default=[])
    parser.add_argument("--smallest", action="store_true")
    options = parser.parse_args(arguments)
    wanted = options.only or SECTIONS
    small = options.smallest
    sections: list[Section] = []
    rows: list[Row] = []
    lists: list[Row] = []
    if "operations" in wanted:
        most = 70_000 if small else 3e8
        rows = operations.rows(
            "reference", operations.MLX_LM, "mlx-lm-0.32",
            operations.chosen(most), 0.02 if small else 0.7, tell,
        )  # fmt: skip
        sections += _operations(rows)
    if "metadata" in wanted:
        lists = operations.rows(
            "reference", None, "mlxrs-0.1",
            operations.chosen(1000 if small else 2e6, ("meta_state", "set_meta_state")),
            0.02 if small else 1, tell,
        )  # fmt: skip
        sections.append(said(
            "Metadata", "The reference in its dialect mlxrs-0.1.",
            operations.metadata(
                100 if small else 1 << 20, 10**7 if small else 10**8, 3 if small else 9
            ),
        ))  # fmt: skip
    if "states" in wanted:
        sections.append(said(
            "Long runs", "One token at a time with left padding and lengths, and a mask every 100.",
            states.advancing(1000 if small else 100_000),
        ))  # fmt: skip
    if "files" in wanted:
        sections.append(said(
            "Files", "A list of caches in mlx-lm 0.32's layout.",
            states.files(1 if small else 15, 1 if small else 32, 2 if small else 5),
        ))  # fmt: skip
    if "suite" in wanted:
        sections.append(said("The suite itself", "On the reference.", _suite(small)))
    _write(options.out, sections, rows, lists)


def _operations(rows: list[Row]) -> Iterator[Section]:
    yield ("Against mlx-lm", "The reference as mlx-lm-0.32 / mlx-lm itself, both in one process.",
           list(operations.against_mlx_lm(rows)))  # fmt: skip
    large = list(operations.bandwidth(rows))
    if large:
        yield (
            "Bandwidth",
            "Time of a plain copy of the bytes moved / time of the operation.",
            large,
        )
    yield ("Masks", "", list(operations.masks(rows)))


def _suite(small: bool) -> Iterator[Figure]:
    yield from suite.starting(1 if small else 7)
    yield from suite.rates(1 if small else 5)
    yield from suite.growth((1, 2) if small else (1, 10, 100))
    yield from suite.two_processes("quick" if small else "default", 1 if small else 2)


def said(title: str, words: str, figures: Iterator[Figure]) -> Section:
    """A section, each figure shown as soon as it is there."""
    found = []
    for figure in figures:
        tell(f"{figure.what}: {figure.value}")
        found.append(figure)
    return title, words, found


def tell(text: str) -> None:
    """Progress."""
    start, end = ("\r\033[K", "") if sys.stderr.isatty() else ("", "\n")
    print(f"{start}{text}", end=end, file=sys.stderr, flush=True)


def _release() -> str:
    """Of mlx-lm, which only the part of the operations needs, and fails without."""
    try:
        return version("mlx-lm")
    except PackageNotFoundError:
        return "(not installed)"


def _write(out: Path, sections: list[Section], rows: list[Row], lists: list[Row]) -> None:
    tell("")
    for title, _, figures in sections:
        print(f"{title}\n{table(figures)}")
    pictures = []
    folder = out / "performance"
    folder.mkdir(parents=True, exist_ok=True)
    for name, title, found, names in (
        ("mlx-lm", "The reference and mlx-lm", rows,
         {"backend": "reference", "against": f"mlx-lm {_release()}"}),
        ("metadata", "Metadata", lists, {"backend": "reference"}),
    ):  # fmt: skip
        if found:
            draw(found, names, title, [folder / f"{name}.svg"])
            pictures.append((title, f"performance/{name}.svg"))
    about = {**machine(), "mlx-lm": _release(), "suite": version("mlx-cache-conformance")}
    falls_short = (HERE / "falls_short.md").read_text()
    text = page(about, sections, falls_short, pictures, [*rows, *lists])
    (out / "performance.md").write_text(text)
    print(f"written: {out / 'performance.md'}")


if __name__ == "__main__":
    main()
