"""Resident memory of a backend's process, its children included, in megabytes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

MEGABYTE = 1024 * 1024
_SAMPLE_SECONDS = 0.002


def family(pid: int) -> list[psutil.Process]:
    """A process and what it started, as far as they still live."""
    import psutil

    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


def resident(pid: int) -> float:
    """What the process and its children hold now; 0 when they are gone."""
    return _held(family(pid))


def _held(processes: Sequence[psutil.Process]) -> float:
    import psutil

    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total / MEGABYTE


class Gauge:
    """The peak over a span of time, beyond what was held at its start.

    Linux keeps the peak itself and lets it be reset, so that nothing is missed. Elsewhere it is
    sampled every two milliseconds, which sees whatever stays for longer than that.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._start = 0.0
        self._peak = 0.0
        self._stop = threading.Event()
        self._sampler: threading.Thread | None = None
        self._exact: list[int] = []
        self._family: list[psutil.Process] = []

    @property
    def growth(self) -> float:
        """The peak, less what was held at the start. Meaningful after the span."""
        return max(self._peak - self._start, 0.0)

    def mark(self) -> None:
        """Begin the span here."""
        self._start = self._peak = _held(self._family)
        for pid in self._exact:
            _reset_peak(pid)

    def __enter__(self) -> Gauge:
        # Looked for once: finding a child means reading about every process of the machine.
        self._family = family(self._pid)
        self._start = self._peak = _held(self._family)
        self._exact = [process.pid for process in self._family]
        if not all(_reset_peak(pid) for pid in self._exact):
            self._exact = []
            self._sampler = threading.Thread(target=self._sample, daemon=True)
            self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        if self._sampler is not None:
            self._stop.set()
            self._sampler.join()
        self._peak = max(self._peak, resident(self._pid), sum(map(_peak, self._exact)))

    def _sample(self) -> None:
        while not self._stop.wait(_SAMPLE_SECONDS):
            self._peak = max(self._peak, resident(self._pid))


def _reset_peak(pid: int) -> bool:
    """Make the kernel forget the peak of a process; False where it keeps none."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _peak(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), "0")
    return int(kilobytes) / 1024
