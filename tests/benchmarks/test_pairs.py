"""Ratios pair by pair, and what a comparison says."""

from __future__ import annotations

import mlx.core as mx
import msgspec
import pytest

from conformance.benchmarks import limits, pairs
from conformance.benchmarks.benchmark import Limit
from conformance.benchmarks.operations import benchmarks
from conformance.benchmarks.pairs import compare, exponent, in_turn, ratios, rounds_within, spread
from conformance.cli import bench
from conformance.transport import connect
from conformance.transport.backend import BackendCrashed, BackendUnusable, OperationRefused
from conformance.transport.causes import Unusable
from conformance.transport.messages import Handshake
from conformance.transport.restarting import RestartingBackend

BY_ID = {each.id: each for each in benchmarks()}


def test_timers_take_turns_and_none_is_always_first():
    said = []

    def timer(name):
        def run():
            said.append(name)
            return float(len(said))

        return run

    taken = in_turn([timer("a"), timer("b"), timer("c")], 4)
    assert "".join(said) == "abcbcacababc"
    assert [len(times) for times in taken] == [4, 4, 4]
    assert taken[1] == [2.0, 4.0, 9.0, 11.0]


def test_a_ratio_is_taken_pair_by_pair():
    # The machine slows down tenfold midway: the medians of both sides lie, their pairs do not.
    a, b = [1.0, 1.0, 10.0, 10.0, 10.0], [2.0, 2.0, 20.0, 20.0, 20.0]
    assert ratios(a, b) == spread([0.5] * 5)
    with pytest.raises(ValueError, match="zip"):
        ratios(a, b[:-1])


def test_a_spread_is_the_median_and_the_quartiles():
    assert spread([4.0, 1.0, 3.0, 2.0, 5.0]) == pairs.Spread(3.0, 2.0, 4.0)
    assert spread([7.0]) == pairs.Spread(7.0, 7.0, 7.0)


@pytest.mark.parametrize(("one", "rounds"), [(0.0, 101), (0.001, 101), (0.1, 10), (3.0, 5)])
def test_rounds_fill_the_time(one, rounds):
    assert rounds_within(1.0, one) == rounds


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_exponent_is_that_of_the_larger_sizes(power):
    sizes = [1, 10, 100, 1000, 10_000]
    values = [max(s**power, 10**power) for s in sizes]
    assert exponent(sizes, values) == pytest.approx(power)


def test_without_two_sizes_there_is_no_exponent():
    assert exponent([5, 5], [1.0, 2.0]) is None
    assert exponent([], []) is None
    assert exponent([1, 2], [0.0, 0.0]) is None


def test_a_comparison_holds_both_sides_the_limit_and_the_ratios():
    with (
        connect("py:tests.support.slow:Slow", "mlx-lm-0.32") as slow,
        connect("reference", "mlx-lm-0.32") as quick,
    ):
        row = compare(BY_ID["extract-lfm2-b8"], slow, quick, seconds=0.2)
    assert row.rounds >= 5
    assert row.ratio.low > 10, "twenty milliseconds against some microseconds"
    assert row.to_limit.low > 10
    assert row.backend.seconds.low >= 0.02 > row.against.seconds.median


def test_a_refusal_has_neither_time_nor_ratio():
    with (
        connect("py:tests.support.slow:Refuses", "mlx-lm-0.32") as refuses,
        connect("reference", "mlx-lm-0.32") as quick,
    ):
        row = compare(BY_ID["merge-lfm2-b8"], refuses, quick, seconds=0.05)
    assert row.backend.seconds is None
    assert "not today" in row.backend.not_timed
    assert row.against.seconds is not None
    assert row.ratio is None
    assert row.to_limit is None


class Failing:
    """Takes a millisecond for everything, and fails from a timing on."""

    def __init__(self, after: int, trouble: Exception) -> None:
        self.left, self.trouble, self.closed = after, trouble, False
        self.handshake = msgspec.convert(
            {"protocol": 1, "dialect": "", "capabilities": ["get", "measure", "fill", "new"],
             "implementation": {"name": "failing", "version": "1", "language": "x"}},
            Handshake,
        )  # fmt: skip

    def call_all(self, calls, seconds):
        return []

    def call(self, op, **arguments):
        self.left -= 1
        if self.left < 0:
            raise self.trouble
        return {"seconds": [0.001], "peak_bytes": 1}

    def close(self):
        self.closed = True


REFUSED = OperationRefused("ValueError", "not today")
DIED = BackendCrashed("SIGABRT")


@pytest.mark.parametrize("after", [0, 1, 2, 4])
@pytest.mark.parametrize(("trouble", "said"), [(REFUSED, "not today"), (DIED, "SIGABRT")])
def test_a_side_that_fails_at_any_time_is_said_in_its_row_and_the_other_is_timed(
    after, trouble, said
):
    failing, sound = Failing(after, trouble), Failing(10**6, trouble)
    lost = []
    row = compare(BY_ID["get-lfm2"], failing, sound, 0.01, lost.append)
    assert said in row.backend.not_timed
    assert (row.backend.seconds, row.ratio) == (None, None)
    assert row.against.seconds.median == 0.001
    assert lost == ([failing] if trouble is DIED else []), "who refuses is alive"
    turned = compare(BY_ID["get-lfm2"], Failing(10**6, trouble), Failing(after, trouble), 0.01)
    assert said in turned.against.not_timed
    assert turned.backend.seconds.median == 0.001


def test_the_next_row_is_timed_after_the_backend_has_died():
    opened = [Failing(3, DIED), Failing(10**6, DIED)]
    first = opened[0]
    session = RestartingBackend(lambda: opened.pop(0)).open()
    chosen = [BY_ID["get-lfm2"], BY_ID["get-mamba2"]]
    rows = bench.timed(chosen, [session], bench.Pace(0.01, 10, 2))
    assert [bool(row.backend.seconds) for row in rows] == [False, True]
    assert "SIGABRT" in rows[0].backend.not_timed
    assert first.closed


def test_a_backend_that_does_not_start_again_is_said_in_every_row():
    def connect():
        if tried:
            raise BackendUnusable(Unusable.MISSING_CAPABILITY, "it is gone")
        tried.append(True)
        return Failing(3, DIED)

    tried = []
    session = RestartingBackend(connect).open()
    chosen = [BY_ID["get-lfm2"], BY_ID["get-mamba2"]]
    rows = bench.timed(chosen, [session], bench.Pace(0.01, 10, 2))
    assert "SIGABRT" in rows[0].backend.not_timed
    assert "it does not start again: it is gone" in rows[1].backend.not_timed


def test_limits_do_what_they_are_called_after():
    assert limits.runner(Limit("copy", 1000), "cpu")().tolist() == [1] * 1000
    assert limits.runner(Limit("pass", 1000))() == 0
    for conditions in (("left_padding",), ("lengths",)):
        limits.runner(Limit("mask", shape=(2, 3), conditions=conditions))()
    small, large = (limits.runner(Limit("copy", size)) for size in (1000, 100_000_000))
    assert limits.measure(small, 10) < limits.measure(large)


@pytest.mark.skipif(mx.is_available(mx.gpu), reason="this machine has a GPU")
def test_a_limit_on_a_device_that_is_not_here_is_named():
    with pytest.raises(ValueError, match="MLX has no gpu here"):
        limits.runner(Limit("copy", 1000), "gpu")


def test_rounds_end_where_more_would_change_nothing():
    taken = in_turn([lambda: 1.0, lambda: 2.0], 50, pairs.settled)
    assert [len(times) for times in taken] == [pairs.MIN_ROUNDS] * 2
    busy = iter(range(1, 1000))
    taken = in_turn([lambda: float(next(busy)), lambda: 1.0], 50, pairs.settled)
    assert [len(times) for times in taken] == [50, 50]


def test_a_row_says_when_the_machine_was_too_busy():
    quiet, busy = pairs.Spread(1.0, 0.9, 1.1), pairs.Spread(1.0, 0.5, 1.5)
    side = pairs.Side(quiet)
    row = pairs.Row("get", "x", 1, "bytes", 5, side, side, None, quiet, None)
    assert not row.noisy
    assert msgspec.structs.replace(row, ratio=busy).noisy
