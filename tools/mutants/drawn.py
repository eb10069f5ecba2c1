"""Which mutants the properties find by themselves: laws, and drawn sequences beside the reference.

This takes minutes, and what it finds changes only with the properties, so that it is kept in
`properties.json`: `make properties` writes it anew, and the tests check a sample of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import msgspec

from conformance.engine.suite import Suite
from conformance.fixtures.read import read_suite
from conformance.mutants.mutant import Mutant
from conformance.properties.breaches import breaking
from conformance.properties.comparison import Comparison
from conformance.properties.kind_properties import laws_of
from conformance.properties.profiles import PropertyChoice, Tries
from conformance.properties.search import disagreeing
from conformance.transport import connect
from conformance.transport.restarting import RestartingBackend
from tools.mutants import named
from tools.mutants.backend import opened
from tools.mutants.kills import spread

STORED = Path(__file__).with_name("properties.json")
CHOICE = PropertyChoice("quick", 0)
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


def catch(suite: Suite, mutant: Mutant) -> Caught:
    """Try the quick profile on a mutant, in process."""
    dialect = suite.dialect(mutant.dialect)
    session = RestartingBackend(partial(opened, mutant))
    comparison = Comparison(connect("reference", dialect.id), session, dialect, suite.kinds)
    known = laws_of(suite.kinds)
    laws: list[str] = []
    first: int | None = None
    tried = 0
    try:
        for part in CHOICE.parts(suite.kinds):
            kind = suite.kinds[part.kind]
            if kind.name != mutant.kind:
                continue
            if part.tries is Tries.LAW:
                _, law = known[part.law]
                applies = law.not_applicable(kind, dialect, comparison.operations) is None
                trials = breaking(law, comparison, kind)
                if applies and trials.first(part.seed, part.count) is not None:
                    laws.append(law.id)
            elif part.tries is Tries.SEQUENCES and first is None:
                at = disagreeing(comparison, kind).first(part.seed, part.count)
                first = None if at is None else tried + at
                tried += part.count
    finally:
        session.close()
        comparison.reference.close()
    return Caught(tuple(laws), first)


def is_drawn(suite: Suite, mutant: Mutant) -> bool:
    """Whether there is something to try of it: not for files, nor for a kind without properties."""
    return mutant.files is None and suite.kinds[mutant.kind].properties is not None


def stored() -> dict[str, Caught]:
    """Mutant -> what was found when the file was written."""
    return msgspec.json.decode(STORED.read_bytes(), type=dict[str, Caught])


def catch_all(
    suite: Suite,
    chosen: Sequence[Mutant],
    jobs: int | None = None,
    step: Callable[[str], None] = lambda name: None,
) -> dict[str, Caught]:
    """The same for those of `chosen` that something is drawn for, on `jobs` processes."""
    drawn = [mutant for mutant in chosen if is_drawn(suite, mutant)]
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
