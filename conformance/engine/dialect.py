"""A dialect: a named set of rules that may extend another one. The one lookup by dialect is here.

Whatever the fixtures say in one dialect stands under a name: a dialect's own id, the id of one that
it extends, or its family. The nearest of them holds, and where none is named the default does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from conformance.engine.literals import Strict
from conformance.suggestions import did_you_mean

Evidence = Literal["run", "read"]
Lineage = tuple[str, ...]  # the names under which a dialect is found, the nearest first

T = TypeVar("T")


class DialectError(ValueError):
    """An entry that does not make a dialect; its position in the file, and the keys below it."""

    def __init__(self, index: int, keys: tuple[str, ...], problem: str) -> None:
        super().__init__(problem)
        self.index = index
        self.keys = keys


class DialectEntry(Strict, frozen=True, kw_only=True):
    """A dialect as it is written down. One that `extends` another says only what differs.

    `absent` maps an operation that the dialect does not have to the reason; null gives back one
    that the parent lacks. `traps` maps one of which every call ends the process to the reason, in
    the same way. A kind that is absent lacks all of its operations. `state_shape` says of each kind
    which of its forms `state` has. `inexpressible` lists arguments that the types of the dialect
    cannot carry, such as a negative slot index where indices are unsigned.
    `implementation` is the name under which the implementation that it follows introduces itself,
    `ran_on` what its expectations were run on, and `backend` what runs them again in every run of
    the tests. `captured`: `dialect capture` wrote the entry, and nobody has looked at it.
    """

    id: str
    extends: str | UnsetType = UNSET
    family: str | UnsetType = UNSET
    follows: str | UnsetType = UNSET
    evidence: Evidence | UnsetType = UNSET
    summary: str | UnsetType = UNSET
    implementation: str | UnsetType = UNSET
    ran_on: str | UnsetType = UNSET
    backend: str | UnsetType = UNSET
    state_shape: dict[str, str] | UnsetType = UNSET
    absent: dict[str, str | None] = {}
    traps: dict[str, str | None] = {}
    inexpressible: list[str] | UnsetType = UNSET
    captured: bool = False


class DialectFile(Strict, frozen=True):
    dialects: list[DialectEntry]


class Hazard(Strict, frozen=True, kw_only=True):
    """A known upstream defect that a rule of some dialects carries, and what a user hits.

    A dialect carries what the one that it extends carries, unless `not_in` names it. An `unsafe`
    one reads or writes memory that is not the caller's: only the implementation itself is let
    through with it, and from every other backend a better outcome is demanded.
    """

    id: str
    rule: str
    dialects: list[str]
    hits: str
    not_in: list[str] = []
    unsafe: bool = False
    issue: str | None = None


class HazardFile(Strict, frozen=True):
    hazards: list[Hazard]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect with everything that it inherits. `parents` begins with the one it extends.

    `hazards` are the ids of the known defects that it carries, `unsafe` those of them that nobody
    but its implementation may have.
    """

    id: str
    family: str
    follows: str
    evidence: Evidence
    summary: str
    state_shape: dict[str, str]
    absent: dict[str, str] = {}
    traps: dict[str, str] = {}
    inexpressible: list[str] = []
    parents: tuple[str, ...] = ()
    implementation: str = ""
    ran_on: str = ""
    backend: str = ""
    captured: bool = False
    hazards: frozenset[str] = frozenset()
    unsafe: frozenset[str] = frozenset()

    @property
    def lineage(self) -> Lineage:
        """The names that it is looked up by: its own, those of its parents, its family."""
        return (self.id, *self.parents, self.family)


def lookup(table: Mapping[str, T | None], lineage: Lineage) -> T | None:
    """What a table says in a dialect; None where the default holds.

    That is so where nothing in the lineage is named, and where the nearest name has null: that is
    how a dialect takes back what its parent or family says.
    """
    key = nearest(table, lineage)
    return None if key is None else table[key]


def nearest(table: Iterable[str], lineage: Lineage) -> str | None:
    """The name under which a table has an entry that holds in a dialect."""
    names = set(table)
    return next((name for name in lineage if name in names), None)


def is_among(names: Iterable[str], lineage: Lineage) -> bool:
    """Whether a list of dialects and families says something of a dialect."""
    return nearest(names, lineage) is not None


def repeats(
    table: Mapping[str, T | None], key: str, defaults: Mapping[Lineage, T | None]
) -> str | None:
    """The name whose entry says the same as that of `key`, so that `key` may go; "" is the default.

    None if `key` makes a difference in one of the dialects, which are given with their defaults.
    """
    without = {name: value for name, value in table.items() if name != key}
    above: str | None = None
    for lineage, default in defaults.items():
        if nearest(table, lineage) != key:
            continue
        if (lookup(table, lineage) or default) != (lookup(without, lineage) or default):
            return None
        above = nearest(without, lineage) or ""
    return above


def inherited(entries: Iterable[DialectEntry], hazards: Iterable[Hazard]) -> dict[str, Dialect]:
    """Dialects by id, in the order of their entries. DialectError for one that is incomplete."""
    found: dict[str, Dialect] = {}
    hazards = list(hazards)
    for index, entry in enumerate(entries):
        dialect = _made(index, entry, found)
        carried = [hazard for hazard in hazards if carries(dialect.lineage, hazard)]
        found[entry.id] = msgspec.structs.replace(
            dialect,
            hazards=frozenset(hazard.id for hazard in carried),
            unsafe=frozenset(hazard.id for hazard in carried if hazard.unsafe),
        )
    return found


def carries(lineage: Lineage, hazard: Hazard) -> bool:
    """Whether a rule of the dialect has a known defect."""
    table = dict.fromkeys(hazard.dialects, True) | dict.fromkeys(hazard.not_in, False)
    return bool(lookup(table, lineage))


def spread(values: Mapping[str, T | None], lineages: Mapping[str, Lineage]) -> dict[str, T | None]:
    """The shortest table that says these values, by dialect; None is the default.

    The opposite of `lookup`. Parents stand before their children in `lineages`.
    """
    table: dict[str, T | None] = {}
    for name, value in values.items():
        if lookup(table, lineages[name]) != value:
            table[name] = value
    return table


def _made(index: int, entry: DialectEntry, known: Mapping[str, Dialect]) -> Dialect:
    given = {
        name: value
        for name in ("family", "follows", "evidence", "summary", "state_shape", "inexpressible",
                     "implementation", "ran_on", "backend")
        if (value := getattr(entry, name)) is not UNSET
    }  # fmt: skip
    if entry.extends is UNSET:
        missing = sorted(Dialect.__struct_fields__[1:6] - given.keys())
        if missing:
            raise DialectError(index, (), f"extends no dialect and has no `{missing[0]}`")
        return Dialect(
            id=entry.id,
            absent=_reasons(index, "absent", entry.absent, {}),
            traps=_reasons(index, "traps", entry.traps, {}),
            captured=entry.captured,
            **given,
        )
    if entry.extends not in known:
        raise DialectError(index, ("extends",), f"no dialect {entry.extends} stands above")
    if "family" in given:
        raise DialectError(index, ("family",), f"the family must be the same as in {entry.extends}")
    parent = known[entry.extends]
    if entry.state_shape is not UNSET:
        given["state_shape"] = {**parent.state_shape, **entry.state_shape}
    return msgspec.structs.replace(
        parent,
        id=entry.id,
        parents=(parent.id, *parent.parents),
        absent=_reasons(index, "absent", entry.absent, parent.absent),
        traps=_reasons(index, "traps", entry.traps, parent.traps),
        captured=entry.captured,
        **given,
    )


def _reasons(
    index: int, key: str, own: Mapping[str, str | None], parents: Mapping[str, str]
) -> dict[str, str]:
    """The reasons by operation; null takes back one of the parent's."""
    found = dict(parents)
    for op, reason in own.items():
        if reason is not None:
            found[op] = reason
        elif found.pop(op, None) is None:
            raise DialectError(index, (key, op), f"no parent has {op} here")
    return found


def dialect_named(name: str, dialects: Mapping[str, Dialect]) -> Dialect:
    """One of `dialects`; ValueError lists the ones there are."""
    if name not in dialects:
        raise ValueError(
            f"unknown dialect {name!r}: the dialects are {', '.join(dialects)}"
            f"{did_you_mean(name, dialects, 1)}"
        )
    return dialects[name]
