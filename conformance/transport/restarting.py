"""A backend that is started when it is needed, and started anew when it was lost."""

from __future__ import annotations

from collections.abc import Callable

from conformance.transport.backend import (
    Backend,
    BackendCrashed,
    BackendGone,
    BackendHung,
    BackendTrouble,
    BackendUnusable,
)
from conformance.transport.causes import Unusable
from conformance.transport.messages import Handshake

# More than twice as many as a dialect has cases that demand a refusal, each of which a port that
# dies of them takes twice: all of these stand in a row, and each is to be judged.
MAX_RESTARTS = 1500
HANG_WEIGHT = 150


class RestartingBackend:
    """A backend, started when needed and anew after trouble, a bounded number of times on end.

    A case without trouble begins the count anew. Traps that a dialect demands do not count: it may
    demand any number of them. A hang counts as many, because each one costs its whole time limit.
    """

    def __init__(self, connect: Callable[[], Backend]) -> None:
        self._connect = connect
        self._restarts = 0
        self._backend: Backend | None = None
        self._first: Backend | None = None  # for what is true of all of them

    def open(self) -> RestartingBackend:
        """Start it now, before any case can be blamed; raises what connecting raises."""
        self._first = self._backend = self._connect()
        return self

    @property
    def handshake(self) -> Handshake:
        """What it said of itself when it was first started."""
        return (self._first or self.backend).handshake

    @property
    def is_process(self) -> bool:
        """Whether it can die without taking this process along."""
        return (self._first or self.backend).pid is not None

    @property
    def backend(self) -> Backend:
        """The live backend."""
        if self._backend is None:
            if self._restarts > MAX_RESTARTS:
                raise BackendGone(f"it had to be restarted {MAX_RESTARTS} times on end; giving up")
            try:
                self._backend = self._connect()
                self._first = self._first or self._backend
            except BackendUnusable as error:
                if error.cause is Unusable.HANDSHAKE_FAILED and error.__cause__:
                    raise error.__cause__ from None  # it died or hung while it started
                self._restarts += 1
                raise BackendGone(f"it does not start again: {error}") from error
        return self._backend

    def drop(self, trouble: BackendTrouble | None = None, demanded: bool = False) -> None:
        """End the backend after trouble; the next use starts another.

        A crash that was `demanded`, as a dialect does where it traps, is not counted.
        """
        if isinstance(trouble, BackendGone):
            return  # nothing is left to end
        if not (demanded and isinstance(trouble, BackendCrashed)):
            self._restarts += HANG_WEIGHT if isinstance(trouble, BackendHung) else 1
        self.close()

    def forget_restarts(self) -> None:
        """Begin the count anew, as a case went through without trouble."""
        self._restarts = 0

    def close(self) -> None:
        """End the backend."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None
