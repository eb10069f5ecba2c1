"""`trap`: the process ends by a check of its runtime."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import UnsetType

from conformance.calls import Refused, Reply
from conformance.engine.literals import Tensors
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Answer, Fields, Outcome

# The kind of the error that stands for a trap where the process must go on.
TRAP = "Trap"
# How a runtime check ends a process: ud2 or brk (Swift, Rust), abort (C++). Never a memory fault.
TRAP_SIGNALS = frozenset({signal.SIGILL, signal.SIGTRAP, signal.SIGABRT})


def is_trap(reply: Reply | None) -> bool:
    """Whether a reply stands for the end of the process."""
    return isinstance(reply, Refused) and reply.kind == TRAP


class TrapOutcome(Outcome, frozen=True):
    """The process dies (or the reference raises Trap); says why."""

    key: ClassVar[str] = "trap"
    spelling: ClassVar[Any] = str | UnsetType
    explains: ClassVar[tuple[str, ...]] = ("reason",)
    traps: ClassVar[bool] = True
    signals: ClassVar[frozenset[signal.Signals]] = TRAP_SIGNALS
    refuses: ClassVar[bool] = True

    reason: str

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> TrapOutcome:
        return cls(fields[cls.key])

    @classmethod
    def spelled_refusal(cls, reply: Refused) -> Fields | None:
        return {cls.key: reply.message} if is_trap(reply) else None

    def differences(self, answer: Answer) -> Iterator[Difference]:
        if not is_trap(answer.reply):
            yield self.missed(answer)

    def words(self) -> str:
        return f"the process traps: {self.reason}"
