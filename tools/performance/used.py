"""What a program used until it ended: time on the clock, time of processors, memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Used:
    """Of a program and of all that it started and waited for; `megabytes` of the largest one."""

    seconds: float
    processor: float
    megabytes: float
    code: int
    said: str

    def words(self, count: int) -> str:
        """For a run of so many cases."""
        return (
            f"{count} in {self.seconds:.2f} s ({self.processor:.2f} s of processors), "
            f"{self.megabytes:.0f} MB, {count / self.seconds:.0f} a second"
        )


def used(
    command: Sequence[str], where: Path | None = None, more: Mapping[str, str] | None = None
) -> Used:
    """Run a program to its end."""
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=where,
        env={**os.environ, **(more or {})},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Used(
        time.perf_counter() - started,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        process.returncode,
        said,
    )
