"""`error`: a refusal by its kind, and by what else it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import UnsetType

from conformance import values
from conformance.calls import Refused, Returned
from conformance.engine.literals import Tensors
from conformance.outcomes.difference import Difference, Marker, Quoted
from conformance.outcomes.outcome import Answer, Fields, Outcome
from conformance.outcomes.trap import TRAP, TrapOutcome
from conformance.values import Data


class Containing(Data, frozen=True):
    """Any text with this in it."""

    text: str

    def words(self) -> str:
        return f"contains {self.text!r}"


class AsBefore(Data, frozen=True):
    """What was there before the refusal."""

    was: Any

    def words(self) -> str:
        return f"{values.words(self.was)} as before"


class ErrorOutcome(Outcome, frozen=True):
    """Refused with this kind, `payload` entries equal and `message` contained in the text;
    `leaves: unchanged` also compares the whole cache before and after.
    """

    key: ClassVar[str] = "error"
    spelling: ClassVar[Any] = str | UnsetType
    beside: ClassVar[Mapping[str, Any]] = {
        "payload": dict[str, Any] | UnsetType,
        "message": str | UnsetType,
        "leaves": Literal["unchanged"] | UnsetType,
    }
    guard: ClassVar[str | None] = "leaves"
    explains: ClassVar[tuple[str, ...]] = ("message",)
    refuses: ClassVar[bool] = True

    kind: str
    payload: dict[str, Any] = msgspec.field(default_factory=dict)
    message: str = ""
    unchanged: bool = False

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> ErrorOutcome:
        payload, message = fields.get("payload", {}), fields.get("message", "")
        return cls(fields[cls.key], payload, message, cls.guard in fields)

    @classmethod
    def problems(cls, fields: Fields) -> Iterator[str]:
        if fields[cls.key] == TRAP:
            yield f"a trap is written `{TrapOutcome.key}: reason`"

    @classmethod
    def spelled_refusal(cls, reply: Refused) -> Fields | None:
        return {cls.key: reply.kind}

    @property
    def guarded(self) -> bool:
        return self.unchanged

    def differences(self, answer: Answer) -> Iterator[Difference]:
        reply = answer.reply
        if not isinstance(reply, Refused) or reply.kind != self.kind:
            yield self.missed(answer)
            return
        for name, value in self.payload.items():
            if name not in reply.payload:
                yield Difference(f"payload.{name}", value, Marker("not in the payload"))
            elif not values.same(value, reply.payload[name]):
                yield Difference(f"payload.{name}", value, reply.payload[name])
        if self.message not in reply.message:
            yield Difference("message", Containing(self.message), Quoted(reply.message))
        if self.unchanged:
            yield from _changes(answer)

    def words(self) -> str:
        payload = f" {values.whole(self.payload)}" if self.payload else ""
        message = f" saying {self.message!r}" if self.message else ""
        unchanged = ", cache unchanged" if self.unchanged else ""
        return values.clipped(f"refused with {self.kind}{payload}{message}{unchanged}")


def _changes(answer: Answer) -> Iterator[Difference]:
    """What a refusal changed in the cache that it acted on."""
    before, after, shown = answer.before, answer.after, answer.shown
    failed = next((reply for reply in (before, after) if isinstance(reply, Refused)), None)
    if shown is None or not isinstance(before, Returned) or not isinstance(after, Returned):
        yield Difference("cache", Marker("can be looked at"), failed or Marker("no snapshot"))
        return
    for each in shown.differences("before", before.value, after.value):
        place = f"cache after the refusal, {each.place}"
        yield Difference(place, AsBefore(each.expected), each.got, each.why)
