"""Which mutants the properties find by themselves: laws, drawn sequences and contents of files,
beside the reference.

This takes minutes, and what it finds changes only with the properties, so that it is kept in
`properties.json`: `make properties` writes it anew, and the tests check a sample of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import msgspec

from conformance.cli.progress import Step
from conformance.engine.suite import Suite
from conformance.fixtures.read import read_suite
from conformance.kinds.files.contents import Content
from conformance.kinds.files.exchange import drawn, exchange
from conformance.mutants.mutant import Mutant
from conformance.properties.breaches import breaking
from conformance.properties.comparison import Comparison
from conformance.properties.kind_properties import laws_of
from conformance.properties.profiles import Part, PropertyChoice, Tries
from conformance.properties.search import disagreeing
from conformance.transport import connect
from conformance.transport.restarting import RestartingBackend
from tools.mutants import named
from tools.mutants.backend import opened
from tools.mutants.kills import spread

STORED = Path(__file__).with_name("properties.json")
CHOICE = PropertyChoice("quick", 0)
FILE_CHOICES = tuple(PropertyChoice("default", seed) for seed in (1, 2, 3))
# Mutants that only a file shows which no content makes, and why.
APART = {
    name: f"shows in a {file} alone, and contents make sound ones"
    for file, names in {
        "damaged file": ("file-nothing-if-damaged", "file-filled-up-with-zeros"),
        "forged file": (
            "file-tensors-beyond-classes", "file-slots-as-many-as-it-says",
            "file-class-by-any-name",
        ),
        "file of weights": ("file-weights-are-no-layers",),
    }.items()
    for name in names
}  # fmt: skip
_NAMED = 4  # laws that are named one by one


class Caught(msgspec.Struct, frozen=True, omit_defaults=True):
    """The laws that a mutant breaks, and the first drawn sequence that tells it, if one does.

    Of a mutant of files the first content that tells it instead, with each of three seeds; `apart`
    is why no content can. It is caught where each seed does.
    """

    laws: tuple[str, ...] = ()
    sequence: int | None = None
    contents: tuple[int | None, ...] = ()
    apart: str = ""

    def __bool__(self) -> bool:
        if self.contents:
            return None not in self.contents
        return bool(self.laws) or self.sequence is not None

    @property
    def words(self) -> str:
        """For a reader."""
        if self.apart:
            return self.apart
        if self.contents:
            return "content " + ", ".join("-" if at is None else str(at) for at in self.contents)
        count = len(self.laws)
        named = ", ".join(self.laws) if count <= _NAMED else f"{count} laws"
        laws = f"breaks {named}" if count else ""
        sequence = "" if self.sequence is None else f"sequence {self.sequence}"
        return "; ".join(filter(None, (laws, sequence))) or "-"


def catch(suite: Suite, mutant: Mutant) -> Caught:
    """Try the quick profile on a mutant in process, or the contents of files of the default one."""
    if mutant.name in APART:
        return Caught(apart=APART[mutant.name])
    dialect = suite.dialect(mutant.dialect)
    session = RestartingBackend(partial(opened, mutant))
    comparison = Comparison(connect("reference", dialect.id), session, dialect, suite.kinds)
    try:
        if mutant.files is not None:
            found = (_first_content(comparison, suite, choice) for choice in FILE_CHOICES)
            return Caught(contents=tuple(found))
        return _caught_by_calls(comparison, suite, mutant)
    finally:
        session.close()
        comparison.reference.close()


def _first_content(comparison: Comparison, suite: Suite, choice: PropertyChoice) -> int | None:
    parts = [part for part in choice.parts(suite.kinds) if part.tries is Tries.OWN]
    tried = (one for part in parts for one in _contents(suite.root, comparison.dialect.id, part))
    return next((at for at, one in enumerate(tried, 1) if exchange(comparison, one)), None)


@cache
def _contents(root: Path, dialect: str, part: Part) -> list[Content]:
    """What is drawn in a dialect, once for all of its mutants."""
    return drawn(_suite(root).dialect(dialect), part.seed, part.count)


def _caught_by_calls(comparison: Comparison, suite: Suite, mutant: Mutant) -> Caught:
    known = laws_of(suite.kinds)
    laws: list[str] = []
    first: int | None = None
    tried = 0
    for part in CHOICE.parts(suite.kinds):
        kind = suite.kinds[part.kind]
        if kind.name != mutant.kind:
            continue
        if part.tries is Tries.LAW:
            _, law = known[part.law]
            applies = law.not_applicable(kind, comparison.dialect, comparison.operations) is None
            trials = breaking(law, comparison, kind)
            if applies and trials.first(part.seed, part.count) is not None:
                laws.append(law.id)
        elif part.tries is Tries.SEQUENCES and first is None:
            at = disagreeing(comparison, kind).first(part.seed, part.count)
            first = None if at is None else tried + at
            tried += part.count
    return Caught(tuple(laws), first)


def is_drawn(suite: Suite, mutant: Mutant) -> bool:
    """Whether there is something to try of it: not for a kind without properties."""
    return mutant.files is not None or suite.kinds[mutant.kind].properties is not None


def stored() -> dict[str, Caught]:
    """Mutant -> what was found when the file was written."""
    return msgspec.json.decode(STORED.read_bytes(), type=dict[str, Caught])


def catch_all(
    suite: Suite,
    chosen: Sequence[Mutant],
    jobs: int | None = None,
    step: Step = lambda name, count: None,
) -> dict[str, Caught]:
    """The same for those of `chosen` that something is drawn for, on `jobs` processes."""
    tried = [mutant for mutant in chosen if is_drawn(suite, mutant)]
    found = spread(tried, partial(catch, suite), partial(_caught, suite.root), jobs, step)
    return {mutant.name: caught for mutant, caught in zip(tried, found, strict=True)}


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
