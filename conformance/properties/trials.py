"""Trying a law on a backend until it breaks, and making the trial that breaks it small."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from conformance.calls import Call, Reply
from conformance.properties.comparison import Sides
from conformance.properties.law import Broken, Law, Trial
from conformance.transport.backend import BackendTrouble

SHRINK_SECONDS = 20.0
SHRINK_ATTEMPTS = 500


@dataclass(frozen=True)
class Breach:
    """A trial in which a law did not hold: why, and the calls that were answered."""

    why: str
    calls: list[Call]
    replies: list[Reply]


@dataclass
class Tried:
    """How much was tried."""

    trials: int = 0
    calls: int = 0


class _Enough(BaseException):
    """Shrinking has taken its share; not an Exception, so that it ends the engine at once."""


def try_law(law: Law, sides: Sides, number: int, count: int) -> tuple[Breach | None, Tried]:
    """Try a law `count` times on the backend, by what a seed draws. The reference is not asked."""
    tried = Tried()
    best: Breach | None = None
    until, attempts = 0.0, 0

    def trial(data: st.DataObject) -> None:
        nonlocal best, until, attempts
        if best is not None and (time.monotonic() > until or attempts >= SHRINK_ATTEMPTS):
            raise _Enough
        attempts += best is not None
        one: Trial | None = None
        try:
            one = Trial(data.draw, sides.session.backend, sides.dialect, sides.operations)
            law.trial(one)
        except (Broken, BackendTrouble) as error:
            if isinstance(error, BackendTrouble):
                sides.session.drop()
            if best is None:
                until = time.monotonic() + SHRINK_SECONDS
            found = Breach(str(error), one.calls if one else [], one.replies if one else [])
            if best is None or len(found.calls) <= len(best.calls):
                best = found
            raise
        finally:
            if best is None:
                tried.trials += 1
                tried.calls += len(one.calls) if one else 0
        sides.session.forget_restarts()

    run: Any = settings(
        max_examples=count, deadline=None, database=None, print_blob=False,
        phases=(Phase.generate, Phase.shrink), report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )(seed(number)(given(st.data())(trial)))  # fmt: skip
    with contextlib.suppress(Broken, BackendTrouble, _Enough, Flaky):
        run()
    return best, tried
