"""Backends: one interface over an in-process class, a subprocess, and a published release.

`connect` turns a backend string into a live backend.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable

from conformance import invocation
from conformance.transport.backend import Backend, BackendTrouble, BackendUnusable

KINDS = "reference, py:module:Class, cmd:COMMAND, pypi:NAME==VERSION or mutant:NAME"


def connector(spec: str, dialect: str) -> Callable[[], Backend]:
    """What opens the backend that `spec` names; BackendUnusable if it names none."""
    kind, _, rest = spec.partition(":")
    if kind == "reference" and not rest:
        return lambda: _in_process("reference", dialect)
    if kind == "py" and rest:
        return lambda: _in_process(rest, dialect)
    if kind == "mutant" and rest:
        return lambda: _mutant(rest)
    if kind == "cmd" and rest.strip():
        try:
            command = shlex.split(rest)
        except ValueError as error:
            raise BackendUnusable(f"{spec}: {error}") from None
        return lambda: _process(command)
    if kind == "pypi" and rest:
        from conformance.transport import released as pypi

        release = pypi.parse(rest)
        return lambda: _process(pypi.command(release))
    raise BackendUnusable(f"unknown backend {spec!r}: a backend is {KINDS}")


def connect(spec: str, dialect: str) -> Backend:
    """Open a backend; BackendUnusable in one line when it cannot even shake hands."""
    try:
        return connector(spec, dialect)()
    except BackendTrouble as error:
        stderr = getattr(error, "stderr", "")
        last = f"; its last line on stderr: {stderr.splitlines()[-1]}" if stderr else ""
        raise BackendUnusable(f"{spec}: the handshake failed: {error}{last}") from error


def served(spec: str, dialect: str) -> str:
    """The backend string that runs another one in a process of its own."""
    if spec.startswith(("cmd:", "pypi:")):
        return spec
    parts = [*invocation.program(), "serve", "--backend", spec, "--dialect", dialect]
    return "cmd:" + shlex.join(parts)


def _in_process(target: str, dialect: str) -> Backend:
    from conformance.transport import in_process as inprocess

    if target == "reference":
        return inprocess.InProcessBackend(inprocess.reference(dialect))
    return inprocess.InProcessBackend(inprocess.python_class(target))


def _mutant(name: str) -> Backend:
    from conformance.mutants import demonstration
    from conformance.transport import in_process as inprocess

    try:
        mutant = demonstration(name)
    except ValueError as error:
        raise BackendUnusable(f"mutant:{name}: {error}") from None
    return inprocess.InProcessBackend(inprocess.mutant(mutant))


def _process(command: list[str]) -> Backend:
    from conformance.transport.process import ProcessBackend

    return ProcessBackend(command)
