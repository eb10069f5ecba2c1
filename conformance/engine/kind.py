"""A kind of cache, and all that belongs to it. The engine gets kinds; it knows none by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar, TypeVar

import msgspec

from conformance.engine.doctoring import Doctoring, Named
from conformance.engine.literals import Strict, Tensors
from conformance.engine.operation import Gives, Operation, Use
from conformance.outcomes.registry import Expect, expect_types
from conformance.outcomes.snapshots import Snapshots

DEFAULT_CACHE = "c"
S = TypeVar("S", bound=Strict)


class Step(Strict, frozen=True):
    """One operation. Without `expect` it must merely succeed.

    `unless` replaces `expect` in a dialect and those that extend it, or in a family; the nearest
    one holds, and null takes it back.
    """

    operation: ClassVar[Operation]
    kind: ClassVar[Kind]

    expect: Expect | None = None
    unless: dict[str, Expect | None] = {}


class OnCache(Step, frozen=True):
    """A step with the handle of the cache that it acts on, or makes."""

    cache: str = DEFAULT_CACHE


class Given(Strict, frozen=True):
    """A cache that a case starts from."""

    of_kind: ClassVar[Kind]


def derived(
    base: type[S], name: str, fields: Iterable[Any] = (), own: Mapping[str, Any] | None = None,
    **config: Any,
) -> type[S]:  # fmt: skip
    """A struct with what `base` has, some fields of another type and `own` class attributes."""
    made: Any = msgspec.defstruct(
        name,
        list(fields),
        bases=(base,),
        module=base.__module__,
        namespace={"__doc__": base.__doc__, **(own or {})},
        frozen=True,
        kw_only=True,
        **config,
    )
    return made  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False)
class Kind:
    """One class of cache; `title` is what it is called for a reader.

    `records` are its operations; on the wire they are called `KIND.OPERATION`, or without the kind
    where it is not `prefixed`. `about` is what docs/protocol.md says below their table.

    `given` is the grammar of a cache to start from; `build` makes calls of one, and names the
    operations alone, decoding no tensor, if it gets none; `misfit` says what is wrong with one.
    `state_shapes` are the forms that `state` has in dialects, `inexpressible` the arguments that
    the types of one may not carry. `snapshots` is what a whole cache shows. `doctoring` is what the
    doctor asks first, `properties` gives what there is to try of it, importing what that takes.
    """

    name: str
    title: str
    records: tuple[Operation, ...]
    prefixed: bool = True
    about: str = ""
    given: type[Given] | None = None
    build: Callable[[str, Any, Tensors | None], Iterator[Named]] | None = None
    misfit: Callable[[Any], str | None] | None = None
    state_shapes: tuple[str, ...] = ()
    inexpressible: tuple[str, ...] = ()
    doctoring: Doctoring | None = None
    snapshots: Snapshots | None = None
    properties: Callable[[], object] | None = None

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """Name in the kind -> operation."""
        prefix = f"{self.name}." if self.prefixed else ""
        return {
            record.name: record.altered(kind=self.name, prefix=prefix) for record in self.records
        }

    @cached_property
    def look(self) -> Operation:
        """The operation that shows a whole cache; LookupError where none does."""
        for operation in self.operations.values():
            if operation.gives is Gives.SNAPSHOT:
                return operation
        raise LookupError(f"no operation of {self.name} shows a whole cache")

    @cached_property
    def steps(self) -> dict[str, type[Step]]:
        """Name in the kind -> the step of a case with this operation."""
        return {
            name: self._step(operation)
            for name, operation in self.operations.items()
            if operation.use is Use.CASE
        }

    def _step(self, operation: Operation) -> type[Step]:
        own = {"operation": operation, "kind": self}
        name = "".join(part.title() for part in operation.wire.replace(".", "_").split("_"))
        assert issubclass(operation.arguments, Step)
        fields: list[Any] = [
            ("expect", self.expect | None, None),
            ("unless", dict[str, self.expect | None], {}),  # type: ignore[name-defined]
        ]
        return derived(
            operation.arguments, name, fields, own=own, tag_field="op", tag=operation.wire
        )

    @cached_property
    def expect(self) -> type[Expect]:
        """The grammar of an expectation of this kind."""
        return Expect if self.snapshots is None else expect_types(self.snapshots, self.name)[1]

    @cached_property
    def start(self) -> type[Given] | None:
        """The grammar of a cache to start from, as an entry of `given` with its kind."""
        if self.given is None:
            return None
        return derived(
            self.given, self.given.__name__, own={"of_kind": self}, tag_field="kind", tag=self.name
        )


def later_properties(package: str) -> Callable[[], object]:
    """The properties of the kind in this package, imported when they are tried: it takes long."""
    return lambda: import_module(f"{package}.properties").PROPERTIES
