"""The comparison as a picture: time and peak memory against size, one panel an operation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from conformance.benchmarks.pairs import Row, Side, exponent
from conformance.benchmarks.sizes import MAIN_MODEL

_COLUMNS = 4
_STYLES = {"backend": ("#1f5fa8", "-", "o"), "against": ("#d1642a", "-", "s"),
           "limit": ("#777777", "--", None)}  # fmt: skip
_UNITS = {"bytes": "bytes of state", "positions": "positions of the mask"}

Value = Callable[[Side], "float | None"]


def draw(rows: Sequence[Row], names: dict[str, str], title: str, paths: Sequence[Path]) -> None:
    """Write the picture to each path, in the format of its ending.

    `names` says who `backend` and `against` are. ValueError when matplotlib is missing.
    """
    plt = _pyplot()
    rows = [row for row in rows if row.backend.seconds or (row.against and row.against.seconds)]
    ops = list(dict.fromkeys(row.op for row in rows))
    lines = -(-len(ops) // _COLUMNS)
    figure = plt.figure(figsize=(4.1 * _COLUMNS, 3.9 * lines + 0.9), layout="constrained")
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    boxes = figure.subfigures(lines, min(_COLUMNS, len(ops)), squeeze=False).flatten()
    for box, op in zip(boxes, ops, strict=False):
        _panel(box, op, [row for row in rows if row.op == op], names)
    handles = [
        plt.Line2D([], [], color=color, linestyle=line, marker=marker, markersize=4, label=name)
        for who, name in {**names, "limit": "limit"}.items()
        for color, line, marker in [_STYLES[who]]
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=len(handles), frameon=False)
    for path in paths:
        figure.savefig(path, dpi=110, metadata=_undated(path))
    plt.close(figure)


def check() -> None:
    """ValueError when there is nothing to draw with."""
    _pyplot()


def _undated(path: Path) -> dict[str, None]:
    """The same figures give the same file."""
    return {"Date": None} if path.suffix == ".svg" else {}


def _pyplot() -> Any:
    try:
        import matplotlib as mpl
    except ImportError:
        raise ValueError(
            "a plot needs matplotlib: pip install 'mlx-cache-conformance[plots]'"
        ) from None
    mpl.use("agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "0", "font.size": 8,
                         "axes.spines.top": False, "axes.spines.right": False})  # fmt: skip
    return plt


def _panel(box: Any, op: str, rows: list[Row], names: dict[str, str]) -> None:
    from matplotlib.ticker import EngFormatter, LogLocator

    upper, lower = box.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    upper.set_title(op, loc="left", fontsize=10, fontweight="bold")
    upper.set_ylabel("time")
    lower.set_ylabel("peak memory")
    lower.set_xlabel(_UNITS.get(rows[0].unit, rows[0].unit))
    for axes, value, unit in ((upper, _seconds, "s"), (lower, _peak, "B")):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.grid(which="major", color="#e4e4e4", linewidth=0.6)
        drawn = [_line(axes, rows, who, value) for who in ("backend", "against", "limit")]
        powers = [(color, power) for color, power in filter(None, drawn)]
        for place, (color, power) in enumerate(powers):
            axes.text(0.03 + 0.19 * place, 0.97, f"size$^{{{power:.2f}}}$", color=color,
                      transform=axes.transAxes, va="top", fontsize=9)  # fmt: skip
        if not any(len(drawing.get_xdata()) for drawing in axes.lines):
            axes.text(0.5, 0.5, "nothing", ha="center", transform=axes.transAxes, color="#777777")
        _at_least_a_decade(axes, bool(powers))
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
        axes.yaxis.set_major_formatter(EngFormatter(unit, sep=" "))
        axes.minorticks_off()
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _at_least_a_decade(axes: Any, headroom: bool) -> None:
    """No zoom into noise, and room for what is written at the top."""
    low, high = axes.get_ylim()
    middle = math.sqrt(low * high)
    low, high = min(low, middle / 4), max(high, middle * 4)
    axes.set_ylim(low, high * (high / low) ** 0.2 if headroom else high)


def _seconds(side: Side) -> float | None:
    return side.seconds.median if side.seconds else None


def _peak(side: Side) -> float | None:
    return float(side.peak_bytes) if side.peak_bytes else None


def _line(axes: Any, rows: list[Row], who: str, value: Value) -> tuple[str, float] | None:
    """A line through one model's sizes with the others as points; its colour and exponent."""
    color, line, marker = _STYLES[who]
    main = [row for row in rows if row.model in ("", MAIN_MODEL)]
    others = _values([row for row in rows if row not in main], who, value)
    if marker:
        axes.plot(*others, color=color, linestyle="", marker=marker, markersize=2.2, alpha=0.45)
    sizes, values = _values(main, who, value)
    axes.plot(sizes, values, color=color, linestyle=line, marker=marker, markersize=3,
              linewidth=1.3)  # fmt: skip
    power = exponent(sizes, values)
    return None if power is None else (color, power)


def _values(rows: list[Row], who: str, value: Value) -> tuple[list[int], list[float]]:
    """Sizes in order, each with the median of what stands there."""
    found: dict[int, list[float]] = {}
    for row in rows:
        side = getattr(row, who)
        if side is not None and (got := value(side)) is not None:
            found.setdefault(row.size, []).append(got)
    sizes = sorted(found)
    return sizes, [statistics.median(found[size]) for size in sizes]
