"""Backends: one interface over an in-process class, a subprocess, and a published release.

`connect` turns a backend string into a live backend.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from conformance import invocation
from conformance.patience import CHANGE_TIMEOUT, START_SECONDS
from conformance.suggestions import did_you_mean
from conformance.transport.backend import (
    Backend,
    BackendCrashed,
    BackendHung,
    BackendTrouble,
    BackendUnusable,
    ResultProblem,
    any_shape,
)
from conformance.transport.causes import Unusable
from conformance.transport.in_process import InProcessBackend

if TYPE_CHECKING:
    from conformance.transport.process import Start

DEVICES = ("cpu", "gpu")
FORMS = "reference, py:module:Class, cmd:COMMAND, pypi:NAME==VERSION or mutant:NAME"


def connector(
    spec: str,
    dialect: str,
    start_seconds: float = START_SECONDS,
    problem: ResultProblem = any_shape,
    device: str = "",
    start: Start | None = None,
) -> Callable[[], Backend]:
    """What opens the backend that `spec` names; BackendUnusable if it names none.

    `problem` judges the shape of results that come from another process, and `start` starts that.
    `device` is where a backend computes that this package starts itself: "cpu" or "gpu", or where
    it chooses to.
    """
    kind, _, rest = spec.partition(":")
    if kind == "reference" and not rest:
        return lambda: _reference(dialect, device)
    if kind == "py" and rest:
        return lambda: _python_class(rest, device)
    if kind == "mutant" and rest:
        return lambda: _mutant(rest, device)
    if kind == "cmd" and rest.strip():
        words = _words(spec)
        return lambda: _process(words, start_seconds, problem, start)
    if kind == "pypi" and rest:
        from conformance.transport import released

        release = released.parse(rest)
        return lambda: released.ReleasedBackend(release, start_seconds, problem, device, start)
    near = did_you_mean(spec, ["reference"])
    raise BackendUnusable(
        Unusable.NO_BACKEND, f"unknown backend {spec!r}: a backend is {FORMS}{near}"
    )


def connect(
    spec: str,
    dialect: str,
    start_seconds: float = START_SECONDS,
    problem: ResultProblem = any_shape,
    device: str = "",
    start: Start | None = None,
) -> Backend:
    """Open a backend. BackendUnusable, with what it said, when it cannot even shake hands, or when
    it does not compute on the device that is asked for.
    """
    try:
        backend = connector(spec, dialect, start_seconds, problem, device, start)()
    except BackendTrouble as error:
        text = f"{spec}: the handshake failed: {error}"
        said = error.stderr.splitlines() if isinstance(error, BackendCrashed) else []
        if len(said) > 1:
            text += "; it said on stderr:" + "".join(f"\n  {line}" for line in said)
        elif said:
            text += f"; its last line on stderr: {said[0]}"
        if isinstance(error, BackendHung):
            text += f"; it was given {start_seconds:g} s ({CHANGE_TIMEOUT})"
        raise BackendUnusable(Unusable.HANDSHAKE_FAILED, text) from error
    who = backend.handshake.implementation
    if device and who.computes_on != device:
        backend.close()
        where = f"computes on {who.device}" if who.device else "does not say where it computes"
        raise BackendUnusable(
            Unusable.OTHER_DEVICE,
            f"--device {device}: {spec} {where}; start it there and leave --device out",
        )
    return backend


def runs_in_process(spec: str) -> bool:
    """Whether `spec` names a class in this process, and no program."""
    return not spec.startswith(("cmd:", "pypi:"))


def command(spec: str) -> list[str] | None:
    """The command line of the program that `spec` names, or None for a class in this process.

    BackendUnusable if it names none, or if its release cannot be installed.
    """
    connector(spec, "")
    if runs_in_process(spec):
        return None
    kind, _, rest = spec.partition(":")
    if kind == "cmd":
        return _words(spec)
    from conformance.transport import released

    return released.command(released.parse(rest))


def served(spec: str, dialect: str, device: str = "") -> str:
    """The backend string that runs another one in a process of its own."""
    if not runs_in_process(spec):
        return spec
    parts = [*invocation.program(), "serve", "--backend", spec, "--dialect", dialect]
    if device:
        parts += ["--device", device]
    return "cmd:" + shlex.join(parts)


def _words(spec: str) -> list[str]:
    try:
        return shlex.split(spec.partition(":")[2])
    except ValueError as error:
        raise BackendUnusable(Unusable.NO_BACKEND, f"{spec}: {error}") from None


def _process(
    command: list[str], start_seconds: float, problem: ResultProblem, start: Start | None
) -> Backend:
    from conformance.transport.process import ProcessBackend

    return ProcessBackend(command, start_seconds, problem, start)


def _reference(dialect: str, device: str) -> Backend:
    from conformance.transport.python_adapters import compute_on, reference

    compute_on(device)
    return InProcessBackend(reference(dialect))


def _python_class(target: str, device: str) -> Backend:
    from conformance.transport.python_adapters import compute_on, python_class

    compute_on(device)
    return InProcessBackend(python_class(target))


def _mutant(name: str, device: str) -> Backend:
    from conformance.mutants.catalogue import demonstration
    from conformance.transport.python_adapters import compute_on, mutant

    compute_on(device)
    try:
        return InProcessBackend(mutant(demonstration(name)))
    except ValueError as error:
        raise BackendUnusable(Unusable.NO_BACKEND, f"mutant:{name}: {error}") from None
