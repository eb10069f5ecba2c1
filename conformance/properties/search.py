"""Finding a sequence that backend and reference answer differently, and making it short."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky

from conformance.calls import Refused
from conformance.properties import shorten
from conformance.properties.comparison import Difference, Sides
from conformance.properties.sequences import Drawn, sequences

# A backend that crashes or hangs costs a start or a time limit for each attempt.
SHRINK_SECONDS = 30.0
SHRINK_ATTEMPTS = 500


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


def search(sides: Sides, number: int, count: int) -> tuple[Difference | None, Tally]:
    """Compare on `count` sequences drawn from a seed; the difference, made short, if there is one.

    The same seed and count draw the same sequences in any process.
    """
    tally = Tally()
    best: Difference | None = None
    until = 0.0
    attempts = 0

    def compared(drawn: Drawn) -> None:
        nonlocal best, until, attempts
        if best is None:
            tally.count(drawn)
        elif time.monotonic() > until or (attempts := attempts + 1) > SHRINK_ATTEMPTS:
            raise _Enough
        found = sides.compare(drawn)
        if found is None or (best is not None and found.kind != best.kind):
            return
        if best is None:
            until = time.monotonic() + SHRINK_SECONDS
        if best is None or len(found.drawn.calls) <= len(best.drawn.calls):
            best = found
        raise _Found

    drawing = sequences(sides.model, sides.dialect, sides.operations)
    run = settings(
        max_examples=count, deadline=None, database=None, print_blob=False,
        phases=(Phase.generate, Phase.shrink), report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )(seed(number)(given(drawing)(compared)))  # fmt: skip
    with contextlib.suppress(_Found, _Enough, Flaky):
        run()
    return (None if best is None else shorten.dropping(sides, best)), tally


class _Found(Exception):
    """A sequence that the two sides answer differently."""


class _Enough(BaseException):
    """Shrinking has taken its share; not an Exception, so that it ends the engine at once."""
