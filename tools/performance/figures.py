"""One measured figure: a ratio within one run, its spread, and what it should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.benchmarks.limits import measure
from conformance.benchmarks.pairs import Spread, in_turn, ratios, spread


@dataclass(frozen=True)
class Figure:
    """`target` is text; `met` is None where there is none."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None
    note: str = ""


def most(what: str, value: Spread, bound: float, unit: str = "", note: str = "") -> Figure:
    """A figure that should be at most so much."""
    return Figure(what, shown(value, unit), f"at most {bound:g}{unit}", value.median <= bound, note)


def least(what: str, value: Spread, bound: float, unit: str = "", note: str = "") -> Figure:
    """A figure that should be at least so much."""
    met = value.median >= bound
    return Figure(what, shown(value, unit), f"at least {bound:g}{unit}", met, note)


def shown(value: Spread, unit: str = "") -> str:
    """Median and quartiles."""
    return f"{value.median:.3g}{unit} ({value.low:.3g} to {value.high:.3g})"


def paired(
    ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int
) -> tuple[Spread, Spread, Spread]:
    """The ratio ours / theirs pair by pair, and the seconds of each; both have run once before."""
    ours()
    theirs()
    mine, other = in_turn([lambda: measure(ours), lambda: measure(theirs)], rounds)
    return ratios(mine, other), spread(mine), spread(other)


def per_second(count: float, seconds: Sequence[float]) -> Spread:
    """How many a second."""
    return spread([count / each for each in seconds])
