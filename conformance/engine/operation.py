"""An operation as one record: all that the suite knows of one call of a kind.

The grammar of steps, the schemas, docs/protocol.md, lint, plan, doctor and properties read it.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, Literal

import msgspec

from conformance.engine import literals
from conformance.engine.literals import Slot, TensorRef, Tensors, Text, Tree

NOT_SENT = ("expect", "unless")  # fields of a step that are no arguments
ANY = "*"  # a cache of any kind


@dataclass(frozen=True)
class Form:
    """What a field of some type is in words, and how its literal becomes what travels."""

    words: str
    decode: Callable[[Tensors, Any], Any] | None = None


TEXTS = Form("list of strings", lambda _, value: literals.texts(value))
FORMS: dict[Any, Form] = {
    int: Form("integer"),
    str: Form("string"),
    bool: Form("boolean"),
    int | None: Form("integer or null"),
    str | None: Form("string or null"),
    list[int]: Form("list of integers"),
    list[int] | None: Form("list of integers, or null"),
    list[str]: Form("list of strings"),
    list[Any]: Form("list"),
    dict[str, Any]: Form("object"),
    TensorRef: Form("tensor", lambda tensors, value: tensors(value)),
    Slot: Form("tensor or null", lambda tensors, value: tensors.slot(value)),
    list[Tree]: Form("list of tensors (nulls, lists)", lambda tensors, value: tensors.tree(value)),
    list[Text]: TEXTS,
}


class Use(Enum):
    """Who asks for an operation."""

    CASE = "a step of a case"
    SESSION = "the suite itself"
    BENCHMARK = "a benchmark"


class Gives(Enum):
    """What a result is compared as."""

    VALUE = "a value"
    SNAPSHOT = "a whole cache"
    LOADED = "what a file holds"
    SAVED = "a file that was written"


class Space(Enum):
    """What a handle names. Two things of different spaces may have the same name."""

    CACHE = "cache"
    HELD = "held object"


@dataclass(frozen=True)
class Handle:
    """A field that holds a handle, or a list of them.

    `kind` is the kind of what it names: that of the operation, another one, or `ANY`. Where that
    depends on more than the operation, `kind_from` is the field of the step that says it, a list
    for a list of handles; the backend does not get it.
    """

    field: str
    kind: str = ""
    space: Space = Space.CACHE
    kind_from: str = ""

    def names(self, step: Any) -> list[str]:
        """The handles that a step, or its plain data, has there."""
        return _listed(step, self.field)

    def made(self, step: Any, own: str) -> dict[tuple[Space, str], str]:
        """What an operation of the kind `own` makes under these handles: of which kind each is."""
        names = self.names(step)
        kinds = _listed(step, self.kind_from) if self.kind_from else [self.kind or own] * len(names)
        return {(self.space, name): kind for name, kind in zip(names, kinds, strict=False)}

    def takes(self, kind: str | None, own: str) -> bool:
        """Whether an operation of the kind `own` takes a cache of a kind here, if there is one."""
        return kind is not None and (self.kind == ANY or kind == (self.kind or own))


def _listed(step: Any, field: str) -> list[str]:
    value = step.get(field) if isinstance(step, dict) else getattr(step, field)
    listed = value if isinstance(value, list) else [value]
    return [name for name in listed if isinstance(name, str) and name]


RECEIVER = Handle("cache")


@dataclass(frozen=True)
class Argument:
    """An argument as it travels; `required` if it is in every request."""

    name: str
    form: Form
    required: bool


@dataclass(frozen=True, eq=False)
class Operation:
    """One call, with its arguments and result.

    `arguments` are the fields of a step; `request` are those that travel, where these are others,
    and `spell` makes the latter of the former. `always` are arguments that each request has, though
    a step may leave them out. `result` is in words, `answer` its type where that has a name.
    `makes` is the handle that it makes, `reads` are those it needs. `looks`: it changes nothing.
    `problem` says what is wrong with the shape of a result as it came over the wire.

    For drawn sequences: `weight` is how often it is drawn. A difference in what it answers is about
    the requirement `about` (`about_in` for a shape of state of the dialect), and one in a cache
    that it does not name about `apart`.
    """

    name: str
    arguments: type[msgspec.Struct]
    result: str
    makes: Handle | None = None
    reads: tuple[Handle, ...] = (RECEIVER,)
    looks: bool = False
    gives: Gives = Gives.VALUE
    use: Use = Use.CASE
    request: type[msgspec.Struct] | None = None
    always: tuple[str, ...] = ()
    spell: Callable[[Any, Tensors], dict[str, Any]] | None = None
    answer: type[msgspec.Struct] | None = None
    problem: Callable[[Any], str | None] | None = None
    weight: int = 2
    about: str = ""
    about_in: Mapping[str, str] = field(default_factory=dict)
    apart: str = ""
    kind: str = ""
    prefix: str = ""  # of the name on the wire

    @property
    def wire(self) -> str:
        """Its name on the wire and among capabilities: unlike `name`, of one kind alone."""
        return self.prefix + self.name

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that it is about: its own, and those of what it needs and makes."""
        made = () if self.makes is None else (self.makes,)
        named = {handle.kind for handle in (*self.reads, *made) if not handle.kind_from}
        return frozenset({self.kind, *(named - {"", ANY})})

    @property
    def receiver(self) -> str | None:
        """The field with the cache that it acts on, if it acts on one."""
        return RECEIVER.field if RECEIVER in self.reads else None

    def altered(self, **changes: Any) -> Operation:
        """The same operation as another kind has it."""
        return dataclasses.replace(self, **changes)

    def misfit(self, needed: Handle, name: str, kind: str | None) -> str | None:
        """What is wrong with a handle that names something of this kind, or nothing yet."""
        if kind is None and needed.space is Space.HELD:
            return f"nothing is held as {name!r} yet"
        if kind is None:
            return f"no cache is called {name!r} yet"
        if not needed.takes(kind, self.kind):
            wanted = needed.kind or self.kind
            return f"{self.wire} is an operation of {wanted}, and {name!r} is of {kind}"
        return None

    @cached_property
    def sent(self) -> tuple[Argument, ...]:
        """Its arguments as they travel. ValueError for a type that has no form."""
        found = []
        for info in msgspec.structs.fields(self.request or self.arguments):
            if info.name in NOT_SENT or (self.makes and info.name == self.makes.kind_from):
                continue
            required = info.required or info.name in self.always or info.name == RECEIVER.field
            found.append(Argument(info.name, self._form(info.name, info.type), required))
        return tuple(found)

    @cached_property
    def texts(self) -> frozenset[str]:
        """The arguments that are texts, which can be large."""
        return frozenset(argument.name for argument in self.sent if argument.form is TEXTS)

    def spelled(self, step: Any, tensors: Tensors) -> dict[str, Any]:
        """The arguments of a step as a backend gets them; ValueError when a literal is wrong."""
        if self.spell is not None:
            return self.spell(step, tensors)
        found = {}
        for argument in self.sent:
            value = getattr(step, argument.name)
            decode = argument.form.decode
            found[argument.name] = value if decode is None else decode(tensors, value)
        return found

    def _form(self, name: str, hint: Any) -> Form:
        if typing.get_origin(hint) is Literal:
            return FORMS[str]
        if hint not in FORMS:
            raise ValueError(f"{self.name}: the type of {name} has no form in engine/operation.py")
        return FORMS[hint]
