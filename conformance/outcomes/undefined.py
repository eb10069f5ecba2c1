"""`undefined`: nobody promises anything, but that the process goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import UnsetType

from conformance.engine.literals import Tensors
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Answer, Fields, Outcome
from conformance.outcomes.trap import is_trap


class UndefinedOutcome(Outcome, frozen=True):
    """Anything but a crash; says why."""

    key: ClassVar[str] = "undefined"
    spelling: ClassVar[Any] = str | UnsetType
    explains: ClassVar[tuple[str, ...]] = ("reason",)

    reason: str

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> UndefinedOutcome:
        return cls(fields[cls.key])

    def differences(self, answer: Answer) -> Iterator[Difference]:
        if is_trap(answer.reply):
            yield self.missed(answer)

    def words(self) -> str:
        return f"undefined, but no crash: {self.reason}"
