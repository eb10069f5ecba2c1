"""Limits, measured in this process beside the backends: a plain copy, the bare mask, one pass.

This is one of the few modules of the suite that use mlx themselves, and the only thing that is
judged by it is speed; it is imported when a benchmark runs and never by an ordinary run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from conformance.benchmarks.operations import Limit


def runner(limit: Limit) -> Callable[[], Any]:
    """What a limit is the time of."""
    return _KINDS[limit.kind](limit)


def measure(run: Callable[[], Any], repeats: int = 1) -> float:
    """Seconds that one of `repeats` takes."""
    started = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - started) / repeats


def _copy(limit: Limit) -> Callable[[], Any]:
    # New memory each time, as every operation that makes a tensor needs it.
    source = memoryview(bytearray(b"\x01") * limit.amount)
    return lambda: bytes(source)


def _mask(limit: Limit) -> Callable[[], Any]:
    batch, n = limit.shape
    rows = mx.array([min(row, n) for row in range(1, batch + 1)], dtype=mx.int32)
    mx.eval(rows)
    if limit.conditions == ("left_padding",):
        return lambda: mx.eval(mx.arange(n) >= rows[:, None])
    return lambda: mx.eval(mx.arange(n) < rows[:, None])


def _pass(limit: Limit) -> Callable[[], Any]:
    text = "1" * limit.amount
    return lambda: text.count(",")


_KINDS: dict[str, Callable[[Limit], Callable[[], Any]]] = {
    "copy": _copy,
    "mask": _mask,
    "pass": _pass,
}
