"""Who writes and reads: a release, a port, or the reference in the manner of a dialect."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from conformance.kinds import KINDS
from conformance.kinds.files import EXCHANGED
from conformance.transport import command, released, runs_in_process
from conformance.transport.backend import Backend, BackendUnusable
from conformance.transport.causes import Unusable
from conformance.transport.process import ProcessBackend
from reference_impl import DIALECTS
from reference_impl.files.readers import READERS

REFERENCE = "reference"
STRICT = "strict"


@dataclass(frozen=True)
class Participant:
    """One row and column of the matrix. `command` starts its file server."""

    name: str
    command: tuple[str, ...]
    writes: bool = True

    def start(self) -> Backend:
        """A live backend of its own; BackendUnusable when it cannot do files."""
        backend = ProcessBackend(list(self.command), problem=KINDS.problem)
        missing = [op for op in EXCHANGED if op not in backend.handshake.capabilities]
        if missing:
            backend.close()
            raise BackendUnusable(
                Unusable.MISSING_CAPABILITY,
                f"{self.name} does not declare {' and '.join(missing)}",
            )
        return backend


def participants(spec: str) -> list[Participant]:
    """What a backend string stands for. `reference` is all dialects and the strict reader;
    `reference@DIALECT` one of them.
    """
    kind, _, rest = spec.partition(":")
    if spec == REFERENCE:
        return [as_reference(name) for name in (*DIALECTS, STRICT)]
    if spec.startswith(f"{REFERENCE}@"):
        return [as_reference(spec.partition("@")[2])]
    if not runs_in_process(spec):
        name = released.parse(rest).requirement if kind == "pypi" else spec
        return [Participant(name, tuple(command(spec) or ()))]
    raise BackendUnusable(
        Unusable.NO_BACKEND,
        f"{spec}: files are exchanged with reference, reference@DIALECT, pypi:NAME==VERSION or "
        "cmd:COMMAND",
    )


def as_reference(dialect: str) -> Participant:
    """The reference in a dialect, or `strict`."""
    if dialect not in (*READERS, STRICT):
        raise BackendUnusable(
            Unusable.NO_BACKEND, f"the reference reads as {', '.join(READERS)} or {STRICT}"
        )
    command = (sys.executable, "-m", "conformance.transport.reference_files", dialect)
    return Participant(f"{REFERENCE}@{dialect}", command, writes=dialect != STRICT)
