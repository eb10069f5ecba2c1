"""Memory that a backend takes, in megabytes: of its process and children, and on its device."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

MEGABYTE = 1024 * 1024
_SAMPLE_SECONDS = 0.002


def family(pid: int) -> list[int]:
    """A process and what it started, as far as they still live: their ids."""
    if not _kernel_lists_children():
        return _family_by_ancestry(pid)
    found = [pid] if os.path.exists(f"/proc/{pid}") else []
    for one in found:  # grows while it is gone through
        found.extend(_children(one))
    return found


def resident(pid: int) -> float:
    """What the process and its children hold now; 0 when they are gone."""
    return _held(family(pid))


@functools.cache
def _kernel_lists_children() -> bool:
    """Whether Linux says who started what; otherwise every process of the machine is asked."""
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as listed:
                children.extend(map(int, listed.read().split()))
    except OSError:  # it ended, or the thread did: what is left of it is listed elsewhere
        pass
    return children


def _family_by_ancestry(pid: int) -> list[int]:
    import psutil

    try:
        first = psutil.Process(pid)
        return [pid, *(child.pid for child in first.children(recursive=True))]
    except psutil.Error:
        return []


def _held(pids: Sequence[int]) -> float:
    return sum(map(_held_by, pids)) / MEGABYTE


def _held_by(pid: int) -> int:
    """Bytes; 0 for a process that is gone."""
    if _kernel_lists_children():
        try:
            with open(f"/proc/{pid}/statm", "rb") as pages:
                return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            return 0
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


class Gauge(Protocol):
    """The peak over a span of time, beyond what was held at its start."""

    @property
    def growth(self) -> float:
        """The peak, less what was held at the start. Meaningful after the span."""

    def mark(self) -> None:
        """Begin the span here."""

    def __enter__(self) -> Gauge: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None: ...


class DeviceGauge:
    """Of arrays on a device, as the implementation counts them: `held` and `peak` in bytes.

    `ask` gives both, and begins a new peak.
    """

    def __init__(self, ask: Callable[[], Mapping[str, int]]) -> None:
        self._ask = ask
        self._start = 0
        self.growth = 0.0

    def mark(self) -> None:
        """Begin the span here."""
        self._start = self._ask()["held"]

    def __enter__(self) -> DeviceGauge:
        self.mark()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        if kind is None:  # otherwise there may be nobody to ask
            self.growth = max(self._ask()["peak"] - self._start, 0) / MEGABYTE


class Gauges:
    """Several at once; the largest growth counts, as one may see a part of what another sees."""

    def __init__(self, *gauges: Gauge) -> None:
        self._gauges = gauges

    @property
    def growth(self) -> float:
        """The largest. Meaningful after the span."""
        return max(gauge.growth for gauge in self._gauges)

    def mark(self) -> None:
        """Begin the span here."""
        for gauge in self._gauges:
            gauge.mark()

    def __enter__(self) -> Gauges:
        for gauge in self._gauges:
            gauge.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: object, trace: TracebackType | None
    ) -> None:
        for gauge in reversed(self._gauges):
            gauge.__exit__(kind, value, trace)


class ProcessGauge:
    """Of resident memory.

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
        self._family: list[int] = []

    @property
    def growth(self) -> float:
        """The peak, less what was held at the start. Meaningful after the span."""
        return max(self._peak - self._start, 0.0)

    def mark(self) -> None:
        """Begin the span here."""
        self._start = self._peak = _held(self._family)
        for pid in self._exact:
            _reset_peak(pid)

    def __enter__(self) -> ProcessGauge:
        # Looked for once: where the kernel lists no children, every process is asked for them.
        self._family = family(self._pid)
        self._start = self._peak = _held(self._family)
        self._exact = list(self._family)
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
