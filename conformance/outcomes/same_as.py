"""`same_as`: what another cache was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import UnsetType

from conformance.calls import Returned
from conformance.engine.literals import Tensors
from conformance.engine.operation import Gives
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Answer, Fields, Outcome


class SameAsOutcome(Outcome, frozen=True):
    """The snapshot of that other cache."""

    key: ClassVar[str] = "same_as"
    spelling: ClassVar[Any] = str | UnsetType
    gives: ClassVar[Gives | None] = Gives.SNAPSHOT

    handle: str

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> SameAsOutcome:
        return cls(fields[cls.key])

    @classmethod
    def compares_with(cls, fields: Fields) -> str | None:
        return str(fields[cls.key])

    def compared(self, reply: Returned, answer: Answer) -> Iterator[Difference]:
        if answer.shown is None:
            raise ValueError(f"{answer.call.op} shows no whole cache")
        before = answer.snapshots.get(self.handle)
        return answer.shown.differences(self.handle, before, reply.value)

    def words(self) -> str:
        return f"the same as {self.handle}"
