"""Limits, measured in this process beside the backends: a plain copy, the bare mask, one pass.

Arrays are on the device that the backend computes on: a copy on the host says nothing of a GPU.

This is one of the few modules of the suite that use mlx themselves, and the only thing that is
judged by it is speed; it is imported when a benchmark runs and never by an ordinary run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import mlx.core as mx

from conformance.benchmarks.benchmark import Limit


def runner(limit: Limit, device: str = "") -> Callable[[], Any]:
    """What a limit is the time of, on a device, or MLX's default one. ValueError if MLX has none of
    it here.
    """
    place = mx.Device(getattr(mx, device)) if device else mx.default_device()
    if not mx.is_available(place):
        raise ValueError(f"MLX has no {device} here")
    with mx.stream(place):
        run = _KINDS[limit.kind](limit)
    return run if limit.kind == "pass" else partial(_on, place, run)


def _on(place: mx.Device, run: Callable[[], mx.array]) -> mx.array:
    """Computed there: `eval` returns when the device is done."""
    with mx.stream(place):
        made = run()
        mx.eval(made)
    return made


def device_name(device: str) -> str:
    """What MLX calls a device; empty where it has none of it here."""
    place = mx.Device(getattr(mx, device)) if device else mx.default_device()
    return str(mx.device_info(place).get("device_name", "")) if mx.is_available(place) else ""


def measure(run: Callable[[], Any], repeats: int = 1) -> float:
    """Seconds that one of `repeats` takes."""
    started = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - started) / repeats


def _copy(limit: Limit) -> Callable[[], mx.array]:
    # New memory each time, as every operation that makes a tensor needs it.
    source = mx.ones((limit.amount,), mx.uint8)
    half = limit.amount // 2
    halves = [source[:half], source[half:]]
    mx.eval(halves)
    return lambda: mx.concatenate(halves)


def _mask(limit: Limit) -> Callable[[], mx.array]:
    batch, n = limit.shape
    rows = mx.array([min(row, n) for row in range(1, batch + 1)], dtype=mx.int32)
    mx.eval(rows)
    if limit.conditions == ("left_padding",):
        return lambda: mx.arange(n) >= rows[:, None]
    return lambda: mx.arange(n) < rows[:, None]


def _pass(limit: Limit) -> Callable[[], Any]:
    text = "1" * limit.amount
    return lambda: text.count(",")


_KINDS: dict[str, Callable[[Limit], Callable[[], Any]]] = {
    "copy": _copy,
    "mask": _mask,
    "pass": _pass,
}
