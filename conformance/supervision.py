"""A run whose backend lives in its process is carried out by a child of this one.

Otherwise an implementation that ends its process with status 0, as an embedded runtime may do,
would make a run green that nobody finished. The child says what it is at, and at the end how it
ended; the parent believes nothing else. An interrupt reaches both, and the child ends first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

END = "ended "  # what the child says last begins with it
_CHILD = Path(__file__).with_name("supervised.py")
_FAILED = 1


class Supervision:
    """What this process knows of its being a child; the only instance is SUPERVISION."""

    def __init__(self) -> None:
        self._pipe: int | None = None

    def needed(self, backends: Iterable[str | None]) -> bool:
        """Whether one of them is a class for this process, and nobody watches this process already.

        A debugger and a measurement of coverage see nothing of a child, so that there is none then.
        """
        in_process = any(spec is not None and spec.startswith("py:") for spec in backends)
        return in_process and self._pipe is None and not _observed()

    def begin(self, pipe: int) -> None:
        """From now on this process is a child."""
        os.set_inheritable(pipe, False)
        self._pipe = pipe

    def tell(self, what: str) -> None:
        """What is done now, for the parent, if there is one. BrokenPipeError when it is gone."""
        if self._pipe is not None:
            os.write(self._pipe, f"{what}\n".encode())


SUPERVISION = Supervision()


def _observed() -> bool:
    monitoring: Any = getattr(sys, "monitoring", None)  # since Python 3.12
    tools = range(6) if monitoring is not None else ()
    return sys.gettrace() is not None or any(monitoring.get_tool(tool) for tool in tools)


def supervise(program: str, arguments: Sequence[str]) -> int:
    """Have a child do it, with these arguments of `pytest` or of this `command`; its exit code."""
    reading, writing = os.pipe()
    command = [sys.executable, str(_CHILD), json.dumps(sys.path), str(writing), program]
    with subprocess.Popen([*command, *arguments], pass_fds=[writing]) as child:
        os.close(writing)
        before = {
            signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
            signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: child.terminate()),
        }
        try:
            said = _last_line(reading)
            ended = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if said.startswith(END):
        return int(said.removeprefix(END))
    how = signal.Signals(-ended).name if ended < 0 else f"exit code {ended}"
    where = f"in {said}" if said else "before anything was judged"
    print(
        f"mlx-cache-conformance: the process ended with {how} {where}, which the backend in it "
        "did: this run is a failure; --isolate has each case in a process apart"
    )
    return _FAILED


def _last_line(reading: int) -> str:
    last = ""
    with open(reading) as pipe:
        for line in pipe:
            last = line
    return last.rstrip("\n")
