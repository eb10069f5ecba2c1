"""What there is to try of a kind: sequences of its operations, laws, and searches of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from conformance.engine.kind import Kind
from conformance.engine.kinds import Kinds
from conformance.engine.verdict import Status
from conformance.properties.comparison import Comparison
from conformance.properties.drawing import Drawing
from conformance.properties.law import Law


class OwnFind(ABC):
    """What a kind's own search found."""

    @property
    @abstractmethod
    def status(self) -> Status:
        """The verdict."""

    @abstractmethod
    def lines(self, part: str, origin: str) -> list[str]:
        """All that a reader needs, but for how to see it again."""


class OwnSearch(ABC):
    """A search that is not one of operations in sequence; `words` say what is tried."""

    words: ClassVar[str]

    @abstractmethod
    def not_applicable(self, comparison: Comparison) -> str | None:
        """Why it is not tried on these two backends; None if it is."""

    @abstractmethod
    def run(
        self, comparison: Comparison, number: int, count: int
    ) -> tuple[OwnFind | None, int, str]:
        """Try what is drawn from a seed: what was found, how much was tried, and a digest of it."""


@dataclass(frozen=True)
class KindProperties:
    """`drawing` draws sequences of a kind, in which the kinds `beside` it take part too."""

    drawing: type[Drawing] | None = None
    beside: tuple[str, ...] = ()
    laws: tuple[Law, ...] = ()
    own: OwnSearch | None = None


def properties_of(kind: Kind) -> KindProperties:
    """What a kind has to try, which may be nothing."""
    found: Any = kind.properties() if kind.properties else KindProperties()
    assert isinstance(found, KindProperties)
    return found


def laws_of(kinds: Kinds) -> dict[str, tuple[Kind, Law]]:
    """The laws of all kinds by id."""
    return {law.id: (kind, law) for kind in kinds for law in properties_of(kind).laws}


def drawings_of(kinds: Kinds, kind: Kind) -> dict[str, tuple[Kind, type[Drawing]]]:
    """The kinds that take part in sequences of one, by name, and how each is drawn."""
    own = properties_of(kind)
    found = {}
    for each in (kind, *(kinds[name] for name in own.beside)):
        drawing = properties_of(each).drawing
        if drawing is not None:
            found[each.name] = each, drawing
    return found
