"""A backend in this process: the reference, or any class shaped like mlx-lm's."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from conformance.calls import Call, Reply
from conformance.transport.backend import (
    Backend,
    BackendHung,
    BackendTrouble,
    OperationRefused,
    ProtocolViolation,
    from_wire,
    to_wire,
)
from conformance.transport.lines import FAILURES
from conformance.transport.messages import Handshake

if TYPE_CHECKING:
    from conformance.transport.adapter import Adapter


class InProcessBackend(Backend):
    """Drives an adapter object directly: the operations and values of stdio, no process."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self.handshake = msgspec.convert(adapter.perform("initialize", {}), Handshake)

    def call_all(self, calls: Sequence[Call], seconds: float) -> Iterable[Reply]:
        """As for any backend. What does not answer in time is interrupted, if Python runs it."""
        with _Alarm(seconds) as alarm:
            for reply in super().call_all(calls, seconds):
                alarm.check()
                yield reply

    def call(self, op: str, **arguments: Any) -> Any:
        from conformance.transport import adapter

        try:
            return from_wire(self._adapter.perform(op, to_wire(arguments)))
        except (adapter.UnknownOperation, adapter.InvalidArguments, adapter.AdapterBug) as error:
            cause = FAILURES[adapter.CODES[type(error)]]
            raise ProtocolViolation(cause, f"{op}: {error}") from error
        except BackendTrouble:
            raise
        except Exception as error:
            kind = getattr(error, "kind", type(error).__name__)
            raise OperationRefused(kind, str(error), getattr(error, "payload", {})) from error

    def perform(self, op: str, params: dict[str, Any]) -> Any:
        """One operation in wire values; what the implementation raises passes through."""
        return self._adapter.perform(op, params)

    def close(self) -> None:
        self._adapter.op_reset()


class _Alarm:
    """Interrupts this process, where its main thread is asked to and nobody else's timer is set."""

    def __init__(self, seconds: float) -> None:
        self._seconds = max(seconds, 0.001)
        self._rung = False
        self._armed = False

    def check(self) -> None:
        """BackendHung also where the implementation swallowed it."""
        if self._rung:
            raise BackendHung("no answer in time")

    def __enter__(self) -> _Alarm:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getitimer(signal.ITIMER_REAL)[0] == 0:
            self._before = signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
            self._armed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._armed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)

    def _ring(self, *_: object) -> None:
        self._rung = True
        self.check()
