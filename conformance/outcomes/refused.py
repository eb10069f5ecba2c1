"""`refused`: an error, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import UnsetType

from conformance.calls import Refused
from conformance.engine.literals import Tensors
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Answer, Fields, Outcome
from conformance.outcomes.trap import is_trap


class RefusedOutcome(Outcome, frozen=True):
    """Refused with an error of any kind; says why."""

    key: ClassVar[str] = "refused"
    spelling: ClassVar[Any] = str | UnsetType
    explains: ClassVar[tuple[str, ...]] = ("reason",)
    refuses: ClassVar[bool] = True

    reason: str

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> RefusedOutcome:
        return cls(fields[cls.key])

    def differences(self, answer: Answer) -> Iterator[Difference]:
        if not isinstance(answer.reply, Refused) or is_trap(answer.reply):
            yield self.missed(answer)

    def words(self) -> str:
        return f"refused with an error of any kind: {self.reason}"
