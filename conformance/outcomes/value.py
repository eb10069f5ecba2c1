"""`value`: a plain result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from conformance import values
from conformance.calls import Returned
from conformance.engine.literals import Tensors, spelled
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Answer, Fields, Outcome
from conformance.outcomes.snapshots import Snapshots


class ValueOutcome(Outcome, frozen=True):
    """This plain result."""

    key: ClassVar[str] = "value"
    spelling: ClassVar[Any] = Any

    value: Any

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> ValueOutcome:
        value = fields[cls.key]
        if value != value:
            raise ValueError("`value: .nan` equals nothing; a tensor can spell a NaN")
        return cls(value)

    @classmethod
    def spelled(cls, reply: Returned, snapshots: Snapshots | None) -> Fields | None:
        return {cls.key: spelled(reply.value)}

    def compared(self, reply: Returned, answer: Answer) -> Iterator[Difference]:
        if not values.same(self.value, reply.value):
            yield self.missed(answer)

    def words(self) -> str:
        return values.words(self.value)
