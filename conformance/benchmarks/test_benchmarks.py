"""Benchmarks with pytest-benchmark: `pytest --pyargs conformance --benchmark-only`.

The plugin collects this file then and never otherwise. Operations are timed by the backend's own
clock (`measure`), which pytest-benchmark reads as its timer; the transport is timed here.
"""

from __future__ import annotations

from typing import Any

import pytest

from conformance.benchmarks import timing, transport
from conformance.benchmarks.benchmark import Benchmark
from conformance.benchmarks.operations import benchmarks
from conformance.benchmarks.timing import NotTimed
from conformance.benchmarks.transport import transports
from conformance.plugin import state_of
from conformance.transport.backend import Backend

MAX_ROUNDS = 1000


class Clock:
    """A clock that goes on only while the backend's own clock runs."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def backend_clock(self) -> float:
        """The timer of pytest-benchmark."""
        return self._seconds

    def run(self, stopwatch: timing.Stopwatch, repeats: int) -> None:
        """One round: as long as one call took."""
        self._seconds += stopwatch.time(repeats)


OPERATIONS = {each.id: each for each in benchmarks()}
TRANSPORTS = {each.id: each for each in transports()}


def _timed(each: Benchmark) -> Any:
    mark = pytest.mark.benchmark(group=each.op, timer=Clock().backend_clock)
    return pytest.param(each.id, id=each.id, marks=mark)


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Clock:
    """The clock that the test's mark names as the timer."""
    mark = request.node.get_closest_marker("benchmark")
    own: Clock = mark.kwargs["timer"].__self__
    return own


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> Backend:
    """The live backend of this process."""
    return state_of(request.config).run().backend


@pytest.mark.parametrize("operation", map(_timed, OPERATIONS.values()))
def test_operation(
    operation: str, clock: Clock, backend: Backend, benchmark: Any, pytestconfig: pytest.Config
) -> None:
    each = OPERATIONS[operation]
    try:
        stopwatch = timing.prepare(backend, each, memory=True)
    except NotTimed as reason:
        _not_timed(backend, benchmark, reason)
    benchmark.extra_info.update(
        {"size": each.size, "unit": each.unit, "peak_bytes": stopwatch.peak_bytes}
    )
    repeats = stopwatch.repeats
    seconds = pytestconfig.getoption("benchmark_max_time")
    least = pytestconfig.getoption("benchmark_min_rounds")
    rounds = int(float(seconds) / (stopwatch.seconds * repeats))
    benchmark.pedantic(
        clock.run, args=(stopwatch, repeats), rounds=min(max(rounds, least, 1), MAX_ROUNDS)
    )


@pytest.mark.benchmark(group="transport")
@pytest.mark.parametrize("message", TRANSPORTS)
def test_transport(message: str, backend: Backend, benchmark: Any) -> None:
    try:
        send = transport.prepare(backend, TRANSPORTS[message])
    except NotTimed as reason:
        _not_timed(backend, benchmark, reason)
    benchmark(send)


def _not_timed(backend: Backend, benchmark: Any, reason: NotTimed) -> None:
    benchmark.skipped = True  # or pytest-benchmark warns of a fixture that was not used
    if str(reason).startswith("declares no"):
        pytest.skip(f"{backend.handshake.implementation.name} {reason}")
    pytest.fail(f"{backend.handshake.implementation.name} {reason}", pytrace=False)
