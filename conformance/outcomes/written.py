"""`written`: the keys, tensors and metadata of a saved file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import UnsetType

from conformance.calls import Returned
from conformance.engine.literals import Tensors
from conformance.engine.operation import Gives
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Answer, Fields, Outcome


class WrittenOutcome(Outcome, frozen=True):
    """The saved file has the keys, tensors and metadata of this golden file."""

    key: ClassVar[str] = "written"
    spelling: ClassVar[Any] = str | UnsetType
    gives: ClassVar[Gives | None] = Gives.SAVED

    golden: str

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> WrittenOutcome:
        name = fields[cls.key]
        tensors.files.file(name)
        return cls(name)

    def compared(self, reply: Returned, answer: Answer) -> Iterator[Difference]:
        return answer.tensors.files.written(self.golden, answer.file)

    def details(self, tensors: Tensors) -> Iterator[str]:
        yield f"the file {self.golden}:"
        yield from (f"  {line}" for line in tensors.files.shown(self.golden))

    def words(self) -> str:
        return f"the file {self.golden}, tensor by tensor and key by key"
