"""`reading`: what a loaded file comes to, beside what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from msgspec import UNSET, UnsetType

from conformance.calls import Returned
from conformance.engine.literals import Strict, Tensors
from conformance.engine.operation import Gives
from conformance.filetools.compare import differences, reading
from conformance.filetools.reading import LOSSY, SAME, WRONG
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Answer, Fields, Outcome
from conformance.values import Data


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
        """All the differences where it should be the same. Without a content any reading is wrong,
        and is told by the number of its caches.
        """
        content, got = answer.call.arguments["path"].content, reply.value
        if content is None:
            found = ReadAs(WRONG, f"{len(got['caches'])} caches")
        else:
            said = reading(content, got)
            found = ReadAs(said.kind, said.what)
        if (found.kind, found.what) == (self.kind, self.what):
            return
        exact = content is not None and self.kind == SAME
        rows = list(differences(content, got)) if exact else []
        yield from rows or [Difference("", self, found)]

    def words(self) -> str:
        return "all that is in the file" if self.kind == SAME else f"{self.kind}: {self.what}"
