"""A Python class in this process: the reference, or any class shaped like mlx-lm's."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from conformance import __version__
from conformance.calls import Call, Reply
from conformance.transport.backend import (
    Backend,
    BackendHung,
    BackendTrouble,
    BackendUnusable,
    OperationRefused,
    ProtocolViolation,
    from_wire,
    to_wire,
)
from conformance.transport.causes import Unusable
from conformance.transport.lines import FAILURES
from conformance.transport.messages import Handshake

if TYPE_CHECKING:
    from conformance.mutants import Mutant
    from conformance.transport.adapter import Adapter

# Without these there is no slot cache to speak of; everything else is a declared gap.
ESSENTIAL = ("__getitem__", "__setitem__", "state")


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


def reference(dialect: str) -> Adapter:
    """The adapter around the reference implementation in a dialect."""
    from conformance.transport.measuring import Measuring
    from conformance.transport.reference_files import ReferenceFiles
    from reference_impl import DIALECTS, dialect_class, from_state

    if dialect not in DIALECTS:
        raise BackendUnusable(
            Unusable.NO_BACKEND, f"the reference speaks {', '.join(DIALECTS)}; not {dialect}"
        )
    implementation = {"name": "reference", "version": __version__, "language": "python"}
    restore = partial(from_state, dialect=dialect)
    files = ReferenceFiles(dialect)
    return Measuring(dialect_class(dialect), implementation, dialect, restore, files)


def mutant(wrong: Mutant) -> Adapter:
    """The adapter around a mutant, in the mutant's dialect."""
    from conformance.mutants import build
    from conformance.transport.adapter import Adapter
    from conformance.transport.reference_files import ReferenceFiles

    cls, restore = build(wrong)
    implementation = {"name": f"mutant:{wrong.name}", "version": __version__, "language": "python"}
    files = wrong.files(ReferenceFiles(wrong.dialect)) if wrong.files else None
    return Adapter(cls, implementation, wrong.dialect, restore, files)


def python_class(target: str) -> Adapter:
    """The adapter around `module:Class`; BackendUnusable when there is no such class."""
    from conformance.transport.adapter import module_files, module_loader
    from conformance.transport.measuring import Measuring

    module_name, separator, class_name = target.partition(":")
    if not separator or not module_name or not class_name:
        raise BackendUnusable(
            Unusable.NO_BACKEND, f"py:{target}: write py:package.module:ClassName"
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m` does: a port is judged where it lies
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise BackendUnusable(
            Unusable.NOT_IMPORTED,
            f"py:{target}: importing {module_name} failed with {type(error).__name__}: {error}",
        ) from error
    cls = getattr(module, class_name, None)
    if not isinstance(cls, type):
        raise BackendUnusable(
            Unusable.NO_CACHE_CLASS, f"py:{target}: {module_name} has no class {class_name}"
        )
    missing = [name for name in ESSENTIAL if not hasattr(cls, name)]
    if missing:
        raise BackendUnusable(
            Unusable.NO_CACHE_CLASS,
            f"py:{target}: {class_name} has no {', '.join(missing)}; a slot cache is shaped like "
            "mlx-lm's ArraysCache (see the README, section on plugging in your own code)",
        )
    package = module_name.partition(".")[0]
    version = str(getattr(importlib.import_module(package), "__version__", ""))
    implementation = {"name": target, "version": version, "language": "python"}
    files = module_files(module)
    return Measuring(cls, implementation, restore=module_loader(module), files=files)
