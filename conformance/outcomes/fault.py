"""`fault`: the process ends by a memory fault of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import UnsetType

from conformance.engine.literals import Tensors
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Answer, Fields, Outcome


class FaultOutcome(Outcome, frozen=True):
    """The process dies of a memory fault (SIGSEGV, SIGBUS); says why. Its hazard must be unsafe, so
    that nobody but the implementation that has the defect may die of it.
    """

    key: ClassVar[str] = "fault"
    spelling: ClassVar[Any] = str | UnsetType
    explains: ClassVar[tuple[str, ...]] = ("reason",)
    traps: ClassVar[bool] = True
    signals: ClassVar[frozenset[signal.Signals]] = frozenset({signal.SIGSEGV, signal.SIGBUS})
    unsafe: ClassVar[bool] = True
    refuses: ClassVar[bool] = True

    reason: str

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> FaultOutcome:
        return cls(fields[cls.key])

    def differences(self, answer: Answer) -> Iterator[Difference]:
        yield self.missed(answer)  # whatever answers has not died

    def words(self) -> str:
        return f"the process dies of a memory fault: {self.reason}"
