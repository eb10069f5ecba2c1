"""A pytest plugin that kills the run's backend at random moments, and writes down in which case.

    mlx-cache-conformance run --isolate ... -- -p killer     with KILLER=SEED:FILE
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

_LONGEST_LIFE = 3.0  # seconds; less than two starts take on a busy machine, and no case is reached
_GLANCE = 0.01


class Killer:
    def __init__(self, seed: str, path: Path) -> None:
        self._random = random.Random(int(seed))
        self._path = path
        self._case = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.kills: list[dict[str, object]] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._case = nodeid.partition("[")[2].rstrip("]")
        if not self._thread.is_alive() and not self.kills:
            self._thread.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._path.write_text(json.dumps(self.kills))

    def _work(self) -> None:
        me, ends = psutil.Process(), {}
        while not self._over.wait(_GLANCE):
            for child in self._serving(me):
                if child.pid not in ends:  # in its start, in a case, or between two
                    ends[child.pid] = time.monotonic() + self._random.uniform(0, _LONGEST_LIFE)
                elif ends[child.pid] < time.monotonic():
                    ends[child.pid] = float("inf")
                    before = self._case
                    child.send_signal(signal.SIGKILL)
                    self.kills.append({"pid": child.pid, "from": before, "to": self._case})

    @staticmethod
    def _serving(me: psutil.Process) -> Iterator[psutil.Process]:
        """All backends; not what they are forked from, whose end costs nothing but time."""
        for child in me.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.ppid() != me.pid or "--forks" not in child.cmdline():
                    yield child


def pytest_configure(config: pytest.Config) -> None:
    seed, _, path = os.environ["KILLER"].partition(":")
    config.pluginmanager.register(Killer(seed, Path(path)))
