"""Finding a sequence that backend and reference answer differently, and making it short."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.calls import Refused
from conformance.engine.kind import Kind
from conformance.properties import shorten
from conformance.properties.comparison import Comparison, Disagreement
from conformance.properties.drawn import Drawn
from conformance.properties.driver import Search
from conformance.properties.kind_properties import drawings_of, properties_of
from conformance.properties.sequences import needed, sequences


@dataclass
class Tally:
    """How much was tried: operations and refusals as the reference carried them out."""

    sequences: int = 0
    calls: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    _digest: Any = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        """Of all calls in order: equal where the same sequences were drawn."""
        return str(self._digest.hexdigest()[:16])

    def count(self, drawn: Drawn) -> None:
        self._digest.update(repr(drawn.calls).encode())
        self.sequences += 1
        self.calls += len(drawn.calls)
        for call, reply in zip(drawn.calls, drawn.replies, strict=True):
            self.operations[call.op] += 1
            if isinstance(reply, Refused):
                self.refusals[reply.kind] += 1


def search(
    comparison: Comparison, kind: Kind, number: int, count: int
) -> tuple[Disagreement | None, Tally]:
    """Compare on `count` sequences of a kind; the disagreement, made short, if there is one."""
    tally = Tally()
    found = disagreeing(comparison, kind, tally.count).run(number, count)
    if found is None or found.is_refused_by_adapter:
        return found, tally
    return shorten.dropping(comparison, found), tally


def disagreeing(
    comparison: Comparison, kind: Kind, tally: Callable[[Drawn], object] = lambda drawn: None
) -> Search[Drawn, Disagreement]:
    """The search for a sequence of a kind on which the two disagree."""
    drawing = sequences(
        comparison.reference,
        comparison.dialect,
        comparison.operations,
        drawings_of(comparison.kinds, kind),
    )
    return Search(
        drawing,
        comparison.compare,
        size=lambda found: len(found.drawn.calls),
        kind=lambda found: found.kind,
        count=tally,
        is_final=lambda found: found.is_refused_by_adapter,
    )


def not_applicable(comparison: Comparison, kind: Kind) -> str | None:
    """Why no sequences of a kind are drawn; None if they are."""
    drawing = properties_of(kind).drawing
    assert drawing is not None
    missing = sorted(needed(kind, drawing) - comparison.operations)
    return f"the backend declares no {', '.join(missing)}" if missing else None
