"""A kind with two operations of its own: a counter is made with a start, and is added to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from conformance.engine.doctoring import Doctoring, Example, Named
from conformance.engine.kind import Given, Kind, OnCache
from conformance.engine.kinds import Kinds
from conformance.engine.literals import Tensors
from conformance.engine.operation import Handle, Operation
from conformance.kinds import KINDS as SHIPPED
from conformance.kinds import common
from conformance.outcomes.difference import Difference
from conformance.outcomes.snapshots import ExpectedCache, Snapshots, WholeCache, fields


class New(OnCache, frozen=True, kw_only=True):
    start: int


class Add(OnCache, frozen=True, kw_only=True):
    n: int


class WireCounter(msgspec.Struct, frozen=True):
    """What a counter shows."""

    total: int
    additions: int


def problem(result: Any) -> str | None:
    try:
        msgspec.convert(result, WireCounter)
    except msgspec.ValidationError as error:
        return str(error)
    return None


class GivenCounter(Given, frozen=True, kw_only=True):
    start: int
    add: list[int] = msgspec.field(default_factory=list)


def build(handle: str, given: GivenCounter, _: Tensors | None) -> Iterator[Named]:
    yield "new", {"cache": handle, "start": given.start}
    for n in given.add:
        yield "add", {"cache": handle, "n": n}


class ExpectedCounter(ExpectedCache, frozen=True):
    total: int
    additions: int | None = None

    def differences(self, got: dict[str, Any]) -> Iterator[Difference]:
        keys = ("total",) if self.additions is None else ("total", "additions")
        yield from fields({key: getattr(self, key) for key in keys}, got, keys)

    def words(self) -> str:
        return f"a counter at {self.total}"


class CounterState(WholeCache, frozen=True, kw_only=True):
    """A counter; `additions` are free where they are left out."""

    total: int
    additions: int | UnsetType = UNSET

    def decoded(self, tensors: Tensors) -> ExpectedCounter:
        return ExpectedCounter(self.total, None if self.additions is UNSET else self.additions)


def properties() -> object:
    from toy_kind.properties import PROPERTIES

    return PROPERTIES


COUNTER = Kind(
    name="counter",
    title="Counters",
    records=(
        Operation("new", New, "null; a counter", makes=Handle("cache"), reads=(), about="COUNT-001",
                  apart="COUNT-002"),
        Operation("add", Add, "integer, the new total", about="COUNT-001"),
        common.COPY.altered(about="COUNT-002", apart="COUNT-002"),
        common.SNAPSHOT.altered(result="a WireCounter", answer=WireCounter, problem=problem),
    ),
    given=GivenCounter,
    build=build,
    snapshots=Snapshots(("total", "additions"), CounterState, dict),
    doctoring=Doctoring(
        essential=("new", "snapshot"),
        make=lambda handle: ("new", {"cache": handle, "start": 0}),
        lacking=(("new", {"cache": "c"}), ("add", {"cache": "c"})),
        example=Example(
            "five, and two more",
            (("new", {"cache": "c", "start": 5}), ("add", {"cache": "c", "n": 2})),
            {"total": 7, "additions": 1},
        ),
    ),
    properties=properties,
)  # fmt: skip

KINDS = Kinds((*SHIPPED, COUNTER))
