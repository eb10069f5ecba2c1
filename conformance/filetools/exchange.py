"""Every participant writes every case, every participant reads what every other wrote."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from conformance.engine.literals import Tensors
from conformance.filetools.compare import reading
from conformance.filetools.model import CaseFile, spell
from conformance.filetools.reading import Reading
from conformance.outcomes import trap
from conformance.transport.backend import (
    Backend,
    BackendCrashed,
    BackendHung,
    OperationRefused,
)

if TYPE_CHECKING:  # it imports the reference, which mutation testing must not have seen
    from conformance.filetools.participants import Participant

Outcome = Reading | str  # a string says why there is no file
Progress = Callable[[str, int], None]
TRAP = "the process ends"
_TRAPS = (signal.SIGILL, signal.SIGTRAP)


class Live(Protocol):
    """Whatever carries out operations; a backend, or a session that restarts it."""

    def call(self, op: str, **arguments: Any) -> Any: ...


class Session:
    """A participant's process, started when needed and again after it died."""

    def __init__(self, who: Participant) -> None:
        self.who = who
        self._backend: Backend | None = None

    def call(self, op: str, **arguments: Any) -> Any:
        """One operation. OperationRefused, BackendCrashed or BackendHung; the next call works."""
        if self._backend is None:
            self._backend = self.who.start()
        try:
            return self._backend.call(op, **arguments)
        except (BackendCrashed, BackendHung):
            self.close()
            raise

    def close(self) -> None:
        """End the process, if there is one."""
        if self._backend is not None:
            self._backend.close()
            self._backend = None


@contextlib.contextmanager
def session(who: Participant) -> Iterator[Session]:
    """A session that ends with the block."""
    opened = Session(who)
    try:
        yield opened
    finally:
        opened.close()


def write_all(
    who: Participant, cases: CaseFile, folder: Path, progress: Progress
) -> dict[str, str | None]:
    """Case -> None when its file lies in `folder`, else why it cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = Tensors(cases.tensors)
    outcomes: dict[str, str | None] = {}
    with session(who) as live:
        for case in cases.cases:
            path = folder / f"{case.id}.safetensors"
            outcomes[case.id] = None
            try:
                live.call("save", path=str(path), **spell(case, tensors))
            except OperationRefused as refusal:
                outcomes[case.id] = refusal.kind
            except (BackendCrashed, BackendHung) as trouble:
                outcomes[case.id] = f"crash: {trouble}"
            if outcomes[case.id] is not None:
                path.unlink(missing_ok=True)
            progress(f"{who.name} writes", 1)
    return outcomes


def read_one(live: Live, path: Path, expected: dict[str, Any]) -> Reading:
    """What one participant makes of one file."""
    try:
        return reading(expected, live.call("load", path=str(path)))
    except OperationRefused as refusal:
        if refusal.kind == trap.TRAP:
            return Reading(trap=TRAP)
        return Reading(error=refusal.kind)
    except BackendCrashed as crash:
        return Reading(trap=TRAP if crash.signal in _TRAPS else crash.how)
    except BackendHung:
        return Reading(trap="no answer in time")


def exchange(
    all_of_them: Sequence[Participant], cases: CaseFile, folder: Path, progress: Progress
) -> dict[str, dict[str, dict[str, Outcome]]]:
    """case -> writer -> reader -> outcome; one text under every reader where there is no file."""
    tensors = Tensors(cases.tensors)
    expected = {case.id: spell(case, tensors, read=True) for case in cases.cases}
    writers = [who for who in all_of_them if who.writes]
    places = {who.name: folder / f"writer-{index}" for index, who in enumerate(writers)}
    written = {who.name: write_all(who, cases, places[who.name], progress) for who in writers}
    matrix: dict[str, dict[str, dict[str, Outcome]]] = {
        case: {who.name: {} for who in writers} for case in expected
    }
    for reader in all_of_them:
        with session(reader) as live:
            for writer in writers:
                for case, wanted in expected.items():
                    problem = written[writer.name][case]
                    path = places[writer.name] / f"{case}.safetensors"
                    matrix[case][writer.name][reader.name] = (
                        problem if problem is not None else read_one(live, path, wanted)
                    )
                progress(f"{reader.name} reads", len(expected))
    return matrix
