"""`cache`: a whole cache, as its kind shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import UnsetType

from conformance.calls import Returned
from conformance.engine.literals import Tensors
from conformance.engine.operation import Gives
from conformance.outcomes.difference import Difference, Marker
from conformance.outcomes.outcome import Answer, Fields, Outcome
from conformance.outcomes.snapshots import ExpectedCache, Snapshots, WholeCache


class CacheOutcome(Outcome, frozen=True):
    """This whole snapshot."""

    key: ClassVar[str] = "cache"
    spelling: ClassVar[Any] = WholeCache | UnsetType
    gives: ClassVar[Gives | None] = Gives.SNAPSHOT

    shown: ExpectedCache

    @classmethod
    def spelling_of(cls, snapshots: Snapshots) -> Any:
        return cls.spelling if snapshots.spelling is None else snapshots.spelling | UnsetType

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> CacheOutcome:
        return cls(fields[cls.key].decoded(tensors))

    @classmethod
    def spelled(cls, reply: Returned, snapshots: Snapshots | None) -> Fields | None:
        spell = None if snapshots is None else snapshots.spell
        state = spell(reply.value) if spell and isinstance(reply.value, dict) else None
        return None if state is None else {cls.key: state}

    def compared(self, reply: Returned, answer: Answer) -> Iterator[Difference]:
        if isinstance(reply.value, dict):
            yield from self.shown.differences(reply.value)
        else:
            yield Difference("", Marker("a snapshot"), reply.value)

    def words(self) -> str:
        return self.shown.words()
