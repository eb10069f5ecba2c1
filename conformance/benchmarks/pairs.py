"""Two backends and a limit in turn, within one run: seconds of each, and ratios pair by pair.

A machine that slows down slows all of them: the ratio of two timings that follow each other stays
what it is where their seconds do not.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from conformance.benchmarks import limits, timing
from conformance.benchmarks.benchmark import Benchmark, Limit
from conformance.benchmarks.timing import NotTimed, Stopwatch
from conformance.transport.backend import Backend

MIN_ROUNDS = 5
MAX_ROUNDS = 101
ENOUGH = 0.02  # quartiles so near each other, as a share of the median, are not worth more rounds
TOO_FAR = 0.25  # and so far apart they say nothing

Timer = Callable[[], float]


class Spread(msgspec.Struct, frozen=True):
    """Median and quartiles."""

    median: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """How far the quartiles are apart, as a share of the median."""
        return (self.high - self.low) / self.median


class Side(msgspec.Struct, frozen=True):
    """What one of them took, in seconds, and its peak in bytes; or why it was not timed."""

    seconds: Spread | None = None
    peak_bytes: int | None = None
    not_timed: str = ""


class Row(msgspec.Struct, frozen=True):
    """One benchmark. `ratio` is backend / against, `to_limit` backend / limit."""

    op: str
    name: str
    size: int
    unit: str
    rounds: int
    backend: Side
    against: Side | None
    limit: Side | None
    ratio: Spread | None
    to_limit: Spread | None
    model: str = ""

    @property
    def noisy(self) -> bool:
        """The machine was too busy for the comparison to say anything."""
        told = self.ratio or self.to_limit or self.backend.seconds
        return told is not None and told.width > TOO_FAR


def spread(values: Sequence[float]) -> Spread:
    """Median and quartiles of at least one value."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(statistics.median(values), low, high)


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The spread of the ratios pair by pair, of timings that were taken in turn."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def in_turn(
    timers: Sequence[Timer], rounds: int, enough: Callable[[list[list[float]]], bool] | None = None
) -> list[list[float]]:
    """The timings of each; each round begins with another one, so that none is always first.

    It ends before all rounds where `enough` says so of what was taken.
    """
    taken: list[list[float]] = [[] for _ in timers]
    for number in range(rounds):
        if enough is not None and enough(taken):
            break
        for offset in range(len(timers)):
            which = (number + offset) % len(timers)
            taken[which].append(timers[which]())
    return taken


def rounds_within(seconds: float, one_round: float) -> int:
    """How many rounds fit into a time; at least 5, at most 101."""
    return min(max(int(seconds / max(one_round, 1e-9)), MIN_ROUNDS), MAX_ROUNDS)


def settled(taken: list[list[float]]) -> bool:
    """Whether more rounds would change nothing: of one side its seconds, of two their ratio."""
    if not taken or len(taken[0]) < MIN_ROUNDS:
        return False
    return (ratios(*taken[:2]) if len(taken) > 1 else spread(taken[0])).width <= ENOUGH


class _Stopped(Exception):
    """A side cannot be timed any more."""

    def __init__(self, watch: Stopwatch, reason: NotTimed) -> None:
        super().__init__()
        self.watch, self.reason = watch, reason


def compare(
    benchmark: Benchmark, backend: Backend, against: Backend | None, seconds: float,
    lost: Callable[[Backend], None] = lambda backend: None,
) -> Row:  # fmt: skip
    """Time one benchmark for at most about so many seconds, fewer where the machine is quiet.

    A side that refuses it has no time, and the row says why. `lost` is told of a backend that must
    be started anew before it is asked again.
    """
    watches = [_prepared(each, benchmark, lost) for each in (backend, against) if each is not None]
    while True:
        try:
            return _timed(benchmark, watches, backend.handshake.implementation.computes_on, seconds)
        except _Stopped as stopped:
            if stopped.reason.lost:
                lost(stopped.watch.backend)
            watches[watches.index(stopped.watch)] = str(stopped.reason)


def untimed(benchmark: Benchmark, reason: str, compared: bool) -> Row:
    """A row in which nobody has a time."""
    return _row(benchmark, [reason] * (1 + compared), [], "")


def _time(watch: Stopwatch, repeats: int) -> float:
    try:
        return watch.time(repeats)
    except NotTimed as reason:
        raise _Stopped(watch, reason) from reason


def _timed(
    benchmark: Benchmark, watches: list[Stopwatch | str], device: str, seconds: float
) -> Row:
    timed = [watch for watch in watches if isinstance(watch, Stopwatch)]
    timers: list[Timer] = []
    costs: list[float] = []
    repeats = max((watch.repeats for watch in timed), default=1)
    for watch in timed:
        timers.append(partial(_time, watch, repeats))
        costs.append(watch.seconds * repeats)
    no_limit = ""
    if timed and benchmark.limit is not None:
        try:
            timer, cost = _limit_timer(benchmark.limit, device)
            timers.append(timer)
            costs.append(cost)
        except ValueError as error:
            no_limit = str(error)
    rounds = rounds_within(seconds, sum(costs)) if timed else 0
    taken = in_turn(timers, rounds, settled)
    return _row(benchmark, watches, taken, no_limit)


def _row(
    benchmark: Benchmark, watches: list[Stopwatch | str], taken: list[list[float]], no_limit: str
) -> Row:
    queue = iter(taken)
    times = [next(queue) if isinstance(watch, Stopwatch) else None for watch in watches]
    limit = next(queue, None)
    limited = Side(spread(limit)) if limit else Side(not_timed=no_limit) if no_limit else None
    first, second = times[0], times[1] if len(times) > 1 else None
    return Row(
        op=benchmark.op, name=benchmark.name, size=benchmark.size, unit=benchmark.unit,
        rounds=len(taken[0]) if taken else 0,
        backend=_side(watches[0], first),
        against=_side(watches[1], second) if len(watches) > 1 else None,
        limit=limited,
        ratio=ratios(first, second) if first and second else None,
        to_limit=ratios(first, limit) if first and limit else None,
        model=benchmark.model,
    )  # fmt: skip


def _side(watch: Stopwatch | str, times: list[float] | None) -> Side:
    if isinstance(watch, str) or times is None:
        return Side(not_timed=str(watch))
    return Side(spread(times), watch.peak_bytes)


def _prepared(
    backend: Backend, benchmark: Benchmark, lost: Callable[[Backend], None]
) -> Stopwatch | str:
    try:
        return timing.prepare(backend, benchmark, memory=True)
    except NotTimed as reason:
        if reason.lost:
            lost(backend)
        return str(reason)


def _limit_timer(limit: Limit, device: str) -> tuple[Timer, float]:
    run = limits.runner(limit, device)
    limits.measure(run)
    once = limits.measure(run)
    repeats = max(1, math.ceil(timing.QUICK / max(once, 1e-8)))
    return (lambda: limits.measure(run, repeats)), once * repeats


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float | None:
    """The power of the size with which the values grow, fitted to the larger half of the sizes.

    Smaller ones are ruled by what a call costs at all. None for fewer than two sizes above 0.
    """
    points = [(s, v) for s, v in zip(sizes, values, strict=True) if s > 0 and v > 0]
    if points:
        middle = math.sqrt(min(points)[0] * max(points)[0])
        points = [point for point in points if point[0] >= middle]
    if len({size for size, _ in points}) < 2:
        return None
    logs = [(math.log(size), math.log(value)) for size, value in points]
    return statistics.linear_regression([x for x, _ in logs], [y for _, y in logs]).slope
