"""Which mutants the properties find by themselves: laws, and drawn sequences beside the reference.

This takes minutes, and what it finds changes only with the properties, so that it is kept in
`properties.json`: `make properties` writes it anew, and the tests check a sample of it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from conformance.fixtures.load import Suite, read_suite
from conformance.kinds.slots.laws import LAWS
from conformance.mutants import Mutant
from conformance.properties.comparison import Sides
from conformance.properties.law import Broken, Law, Trial
from conformance.properties.profiles import Order, Part
from conformance.properties.sequences import Drawn, sequences
from conformance.transport import connect
from conformance.transport.backend import BackendTrouble
from conformance.transport.restarting import RestartingBackend
from tools.mutants import named
from tools.mutants.backend import opened
from tools.mutants.kills import spread

STORED = Path(__file__).with_name("properties.json")
ORDER = Order("quick", 0)
_NAMED = 4  # laws that are named one by one


class Caught(msgspec.Struct, frozen=True):
    """The laws that a mutant breaks, and the first drawn sequence that tells it, if one does."""

    laws: tuple[str, ...]
    sequence: int | None

    def __bool__(self) -> bool:
        return bool(self.laws) or self.sequence is not None

    @property
    def words(self) -> str:
        """For a reader."""
        count = len(self.laws)
        named = ", ".join(self.laws) if count <= _NAMED else f"{count} laws"
        laws = f"breaks {named}" if count else ""
        sequence = "" if self.sequence is None else f"sequence {self.sequence}"
        return "; ".join(filter(None, (laws, sequence))) or "-"


class _Told(BaseException):
    """Told apart: no Exception, so that nothing is tried to make it shorter."""


def catch(suite: Suite, mutant: Mutant) -> Caught:
    """Try the quick profile on a mutant, in process."""
    dialect = suite.dialect(mutant.dialect)
    session = RestartingBackend(partial(opened, mutant))
    sides = Sides(connect("reference", dialect.id), session, dialect)
    laws: list[str] = []
    first: int | None = None
    tried = 0
    try:
        for part in ORDER.parts():
            if part.law is not None:
                law = LAWS[part.law]
                applies = law.not_applicable(dialect, sides.operations) is None
                if applies and _breaks(law, sides, part):
                    laws.append(law.id)
            elif first is None:
                at = _first(sides, part)
                first = None if at is None else tried + at
                tried += part.count
    finally:
        session.close()
        sides.model.close()
    return Caught(tuple(laws), first)


def _breaks(law: Law, sides: Sides, part: Part) -> bool:
    def trial(data: st.DataObject) -> None:
        try:
            law.trial(Trial(data.draw, sides.session.backend, sides.dialect, sides.operations))
        except BackendTrouble:
            sides.session.drop()
            raise _Told from None
        except Broken:
            raise _Told from None

    return _told(st.data(), trial, part)


def _first(sides: Sides, part: Part) -> int | None:
    number = 0

    def compared(drawn: Drawn) -> None:
        nonlocal number
        number += 1
        if sides.compare(drawn) is not None:
            raise _Told

    found = _told(sequences(sides.model, sides.dialect, sides.operations), compared, part)
    return number if found else None


def _told(strategy: st.SearchStrategy[Any], test: Any, part: Part) -> bool:
    run = settings(
        max_examples=part.count, deadline=None, database=None, print_blob=False,
        phases=(Phase.generate,), suppress_health_check=list(HealthCheck),
    )(seed(part.seed)(given(strategy)(test)))  # fmt: skip
    with contextlib.suppress(Flaky):
        try:
            run()
        except _Told:
            return True
    return False


def stored() -> dict[str, Caught]:
    """Mutant -> what was found when the file was written."""
    return msgspec.json.decode(STORED.read_bytes(), type=dict[str, Caught])


def catch_all(
    suite: Suite,
    chosen: Sequence[Mutant],
    jobs: int | None = None,
    step: Callable[[str], None] = lambda name: None,
) -> dict[str, Caught]:
    """The same for those of `chosen` that are no mutants of files, on `jobs` processes."""
    drawn = [mutant for mutant in chosen if mutant.files is None]
    found = spread(drawn, partial(catch, suite), partial(_caught, suite.root), jobs, step)
    return {mutant.name: caught for mutant, caught in zip(drawn, found, strict=True)}


def _caught(root: Path, name: str) -> Caught:
    return catch(_suite(root), named(name))


@cache
def _suite(root: Path) -> Suite:
    """One a worker process."""
    return read_suite(root)


def encoded(found: dict[str, Caught]) -> str:
    """One line a mutant, as it is stored."""
    lines = [f"{json.dumps(name)}: {msgspec.json.encode(each).decode()}"
             for name, each in found.items()]  # fmt: skip
    return "{\n" + ",\n".join(lines) + "\n}\n"
