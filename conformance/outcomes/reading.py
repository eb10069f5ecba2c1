"""`reading`: what a loaded file comes to, beside what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from msgspec import UNSET, UnsetType

from conformance.calls import Returned
from conformance.engine.filearguments import FileArgument
from conformance.engine.literals import Strict, Tensors
from conformance.engine.operation import Gives
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Answer, Fields, Outcome
from conformance.values import Data

SAME, LOSSY, WRONG = "same", "lossy", "wrong"


class NotSame(Strict, frozen=True):
    """Either `lossy: what is missing`, or `wrong: what is there instead`."""

    lossy: str | UnsetType = UNSET
    wrong: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        if (self.lossy is UNSET) == (self.wrong is UNSET):
            raise ValueError("a reading is `same`, or exactly one of lossy and wrong")


class ReadAs(Data, frozen=True):
    """What a file was read as."""

    kind: str
    what: str = ""

    def words(self) -> str:
        return self.kind if self.kind == SAME else f"{self.kind}: {self.what}"


class ReadingOutcome(Outcome, frozen=True):
    """What the loaded file comes to beside what is in it: `same`, `{lossy: what is missing}` or
    `{wrong: what is there instead}`.
    """

    key: ClassVar[str] = "reading"
    spelling: ClassVar[Any] = Literal["same"] | NotSame | UnsetType
    gives: ClassVar[Gives | None] = Gives.LOADED

    kind: str
    what: str = ""

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> ReadingOutcome:
        spelled = fields[cls.key]
        if not isinstance(spelled, NotSame):
            return cls(SAME)
        if isinstance(spelled.lossy, str):
            return cls(LOSSY, spelled.lossy)
        return cls(WRONG, str(spelled.wrong))

    def compared(self, reply: Returned, answer: Answer) -> Iterator[Difference]:
        """All the differences where it should be the same."""
        arguments = answer.call.arguments.values()
        file = next(each for each in arguments if isinstance(each, FileArgument))
        found = ReadAs(*file.reading(reply.value))
        if (found.kind, found.what) == (self.kind, self.what):
            return
        rows = list(file.differences(reply.value)) if self.kind == SAME else []
        yield from rows or [Difference("", self, found)]

    def words(self) -> str:
        return "all that is in the file" if self.kind == SAME else f"{self.kind}: {self.what}"
