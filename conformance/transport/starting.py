"""How the program of a backend is started anew when it was lost, without waiting for it each time.

A program of the suite's own is forked from a process that has imported everything. Any other one
that was lost once has a spare: the next process is started while the present one is judged.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.transport.channel import Channel
    from conformance.transport.forking import ForkServer


class Spares:
    """Starts a program; from its second start on, the one after it is started too."""

    def __init__(self) -> None:
        self._starts = 0
        self._spare: Channel | None = None

    def __call__(self, command: Sequence[str]) -> Channel:
        """A channel to the program. BackendUnusable if it does not start."""
        from conformance.transport.channel import Channel

        self._starts += 1
        channel, self._spare = self._spare, None
        if channel is not None and not channel.lives:  # a program may end when it is idle
            channel.close()
            channel = None
        channel = channel or Channel(command)
        if self._starts > 1:
            self._spare = Channel(command)
        return channel

    def close(self) -> None:
        """End the spare."""
        if self._spare is not None:
            self._spare.close()
            self._spare = None


class Forks:
    """Forks `command`, a `serve` of the suite's own, from one of its processes that stands ready.

    Where the system or the program cannot do that, it is started as any other one.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._spares = Spares()
        self._server: ForkServer | None = None
        self._works = sys.platform == "linux"

    def prepare(self) -> None:
        """Start what they are forked from; nothing is waited for."""
        from conformance.transport.forking import ForkServer

        if self._works and self._server is None:
            self._server = ForkServer(self._command)

    def __call__(self, command: Sequence[str]) -> Channel:
        """A channel to a process of its own."""
        from conformance.transport.channel import Channel
        from conformance.transport.forking import ForkingFailed

        self.prepare()
        if self._server is not None:
            try:
                return Channel(command, self._server.start)
            except ForkingFailed:
                self.close()
                self._works = False
        return self._spares(command)

    def close(self) -> None:
        """End what they are forked from."""
        self._spares.close()
        if self._server is not None:
            self._server.close()
            self._server = None
