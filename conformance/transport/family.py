"""The processes of a backend: the one that was started, and whatever it started in turn.

A process group is left with one call of setsid, and a parent that dies takes the ancestry with it.
What stays is the environment: all that descend from a backend carry its mark.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterator

import psutil

from conformance.transport.memory import MEGABYTE

MARK = "MLX_CACHE_CONFORMANCE_PROCESS"
_ROUNDS = 20  # a process that forks while it is looked for is found in the next round


class Family:
    """Marks what is started with `environment`, and finds it again."""

    def __init__(self) -> None:
        self._token = uuid.uuid4().hex
        self._adopted: list[psutil.Process] = []

    @property
    def environment(self) -> dict[str, str]:
        """For the process to be started. Marks add up, as one backend may start another."""
        return {**os.environ, MARK: f"{os.environ.get(MARK, '')}:{self._token}"}

    def adopt(self, pid: int) -> None:
        """Count a process that was forked: it has the environment of what it was forked from."""
        with contextlib.suppress(psutil.Error):
            self._adopted.append(psutil.Process(pid))

    def members(self) -> list[psutil.Process]:
        """All that live, zombies excepted."""
        marked = [one for one in self._candidates() if self._is_marked(one)]
        return [*(one for one in self._adopted if one not in marked and _lives(one)), *marked]

    def _candidates(self) -> Iterator[psutil.Process]:
        """All processes; where Linux shows their environments as files, those with the mark."""
        if not os.path.exists("/proc/self/environ"):
            yield from psutil.process_iter()
            return
        token = self._token.encode()
        for name in os.listdir("/proc"):
            if not name.isdecimal():
                continue
            with contextlib.suppress(OSError, psutil.Error):
                with open(f"/proc/{name}/environ", "rb") as environment:
                    marked = token in environment.read()
                if marked:
                    yield psutil.Process(int(name))

    def end(self) -> None:
        """Kill what still lives."""
        for _ in range(_ROUNDS):
            left = self.members()
            if not left:
                return
            for one in left:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            time.sleep(0.005)

    def limit_growth(self, megabytes: float) -> None:
        """Let the writable memory of each grow by so much at most, where the system can do that.

        Only Linux can set a limit of another process. Reserved address space does not count.
        """
        for one in self.members():
            with contextlib.suppress(psutil.Error, OSError, ValueError, AttributeError):
                _, hard = one.rlimit(psutil.RLIMIT_DATA)
                limit = one.memory_info().data + int(megabytes * MEGABYTE)
                if hard == psutil.RLIM_INFINITY or limit < hard:
                    one.rlimit(psutil.RLIMIT_DATA, (limit, hard))

    def _is_marked(self, one: psutil.Process) -> bool:
        try:
            mine = self._token in one.environ().get(MARK, "")
        except (psutil.Error, OSError):
            return False
        return mine and _lives(one)


def _lives(one: psutil.Process) -> bool:
    try:
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, OSError):
        return False
