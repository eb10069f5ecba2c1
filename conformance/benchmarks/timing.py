"""One backend, one benchmark: built, tried once, and then timed as often as one asks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from conformance.benchmarks.benchmark import Benchmark
from conformance.calls import Call, Refused
from conformance.transport.backend import Backend, BackendTrouble, OperationRefused

SETUP_SECONDS = 120.0
QUICK = 1e-3  # what takes less is repeated until it takes as long


class NotTimed(Exception):
    """The benchmark has no time here: an operation is not declared, or it is refused.

    `lost`: the backend has died, hangs or talks nonsense, and must be started anew.
    """

    def __init__(self, reason: str, lost: bool = False) -> None:
        super().__init__(reason)
        self.lost = lost


@dataclass(frozen=True)
class Stopwatch:
    """A benchmark that a backend has carried out once. `seconds` is what that took."""

    backend: Backend
    benchmark: Benchmark
    seconds: float
    peak_bytes: int | None

    @property
    def repeats(self) -> int:
        """How often in a row one timing should carry it out."""
        if not self.benchmark.repeatable:
            return 1
        return max(1, math.ceil(QUICK / max(self.seconds, 1e-8)))

    def time(self, repeats: int = 1) -> float:
        """Seconds of one more timing; NotTimed where it is refused by now, or nobody answers."""
        try:
            return _measure(self.backend, self.benchmark, repeats)[0]
        except BackendTrouble as trouble:
            raise _lost(trouble) from trouble


def _lost(trouble: BackendTrouble) -> NotTimed:
    return NotTimed(f"{type(trouble).__name__}: {trouble}", lost=True)


def prepare(backend: Backend, benchmark: Benchmark, memory: bool = False) -> Stopwatch:
    """Build the caches and carry the operation out; NotTimed says why it cannot be timed."""
    missing = sorted(benchmark.needs - set(backend.handshake.capabilities))
    if missing:
        raise NotTimed(f"declares no {', '.join(missing)}")
    try:
        for reply in backend.call_all((Call("reset"), *benchmark.setup), SETUP_SECONDS):
            if isinstance(reply, Refused):
                raise NotTimed(f"refuses to build it: {reply.kind} {reply.message}")
        _measure(backend, benchmark, 1)
        seconds, peak = _measure(backend, benchmark, 1, memory)
    except BackendTrouble as trouble:
        raise _lost(trouble) from trouble
    return Stopwatch(backend, benchmark, seconds, peak)


def _measure(
    backend: Backend, benchmark: Benchmark, repeats: int, memory: bool = False
) -> tuple[float, int | None]:
    try:
        got = backend.call(
            "measure", operation=benchmark.op, arguments=benchmark.arguments, times=1,
            repeats=repeats, memory=memory,
        )  # fmt: skip
    except OperationRefused as refusal:
        raise NotTimed(f"refuses it: {refusal}") from None
    seconds, peak = (got.get("seconds"), got.get("peak_bytes")) if isinstance(got, dict) else (0, 0)
    if not (isinstance(seconds, list) and len(seconds) == 1 and isinstance(seconds[0], float)
            and seconds[0] > 0):  # fmt: skip
        raise NotTimed(f"measure gave {seconds!r} instead of one time in seconds")
    return seconds[0], peak if isinstance(peak, int) else None
