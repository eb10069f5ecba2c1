"""Trying a law on a backend until it breaks, and making the trial that breaks it small."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from conformance.calls import Call, Reply
from conformance.engine.kind import Kind
from conformance.properties.comparison import Comparison
from conformance.properties.driver import Search
from conformance.properties.law import Broken, Law, Trial
from conformance.transport.backend import BackendTrouble


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


def try_law(
    law: Law, comparison: Comparison, kind: Kind, number: int, count: int
) -> tuple[Breach | None, Tried]:
    """Try a law `count` times on the backend, by what a seed draws. The reference is not asked."""
    tried = Tried()
    return breaking(law, comparison, kind, tried).run(number, count), tried


def breaking(
    law: Law, comparison: Comparison, kind: Kind, tried: Tried | None = None
) -> Search[st.DataObject, Breach]:
    """The search for a trial in which a law does not hold."""
    calls: list[Call] = []  # of the latest trial

    def broken(data: st.DataObject) -> Breach | None:
        calls.clear()
        trial: Trial | None = None
        try:
            backend = comparison.backend.backend
            make = law.makes or Trial
            trial = make(data.draw, backend, comparison.rules, kind, comparison.operations)
            law.trial(trial)
        except (Broken, BackendTrouble) as error:
            if isinstance(error, BackendTrouble):
                comparison.backend.drop()
            return Breach(str(error), *((trial.calls, trial.replies) if trial else ([], [])))
        finally:
            calls.extend(trial.calls if trial else ())
        comparison.backend.forget_restarts()
        return None

    def count(_: st.DataObject) -> None:
        if tried is not None:
            tried.trials += 1
            tried.calls += len(calls)

    return Search(st.data(), broken, size=lambda found: len(found.calls), count=count)
