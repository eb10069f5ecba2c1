"""A frozen set: the cases that count for each dialect, as a release of the suite had them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from conformance.engine.dialect import Dialect, nearest
from conformance.engine.literals import Strict


class FrozenCases(Strict, frozen=True):
    """Cases that count for the same dialects."""

    dialects: list[str]
    cases: list[str]


class FrozenFile(Strict, frozen=True, kw_only=True):
    """A set as it is written down. `suite` is the release of the suite that froze it."""

    set: str
    suite: str
    groups: list[FrozenCases]


@dataclass(frozen=True)
class FrozenSet:
    """A set by its name. A dialect that came later has the cases of the nearest one it extends."""

    name: str
    groups: tuple[FrozenCases, ...]

    @cached_property
    def ids(self) -> frozenset[str]:
        """The cases that count for any dialect."""
        return frozenset(name for group in self.groups for name in group.cases)

    @cached_property
    def dialects(self) -> frozenset[str]:
        """The dialects that there were."""
        return frozenset(name for group in self.groups for name in group.dialects)

    def counted(self, dialect: Dialect) -> frozenset[str]:
        """The cases that count for a dialect; ValueError if the set knows none of its lineage."""
        name = nearest(self.dialects, dialect.lineage)
        if name is None:
            raise ValueError(f"the set {self.name} has no cases for {dialect.id}: it came later")
        return frozenset(
            case for group in self.groups if name in group.dialects for case in group.cases
        )


def groups(applying: dict[str, list[str]]) -> Iterator[FrozenCases]:
    """Case -> dialects in which it applies, as groups of cases with the same dialects."""
    found: dict[tuple[str, ...], list[str]] = {}
    for case, dialects in applying.items():
        found.setdefault(tuple(dialects), []).append(case)
    for names, cases in found.items():
        if names:
            yield FrozenCases([*names], cases)
