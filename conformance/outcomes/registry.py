"""The outcomes there are, and what follows from them: how an expectation is spelled and decoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from conformance.calls import Refused, Reply
from conformance.engine.literals import Strict, Tensors
from conformance.outcomes.cache import CacheOutcome
from conformance.outcomes.error import ErrorOutcome
from conformance.outcomes.fault import FaultOutcome
from conformance.outcomes.mlx_versions import PATTERN, holding, ordered
from conformance.outcomes.outcome import Fields, Outcome
from conformance.outcomes.reading import ReadingOutcome
from conformance.outcomes.refused import RefusedOutcome
from conformance.outcomes.same_as import SameAsOutcome
from conformance.outcomes.snapshots import Snapshots
from conformance.outcomes.tensors import TensorOutcome, TensorsOutcome
from conformance.outcomes.trap import TrapOutcome
from conformance.outcomes.undefined import UndefinedOutcome
from conformance.outcomes.value import ValueOutcome
from conformance.outcomes.written import WrittenOutcome

OUTCOMES: tuple[type[Outcome], ...] = (
    ValueOutcome, TensorOutcome, TensorsOutcome, CacheOutcome, SameAsOutcome, ErrorOutcome,
    RefusedOutcome, TrapOutcome, FaultOutcome, UndefinedOutcome, ReadingOutcome, WrittenOutcome,
)  # fmt: skip


_Before = Annotated[str, Meta(pattern=PATTERN)]
_GUARDS = [outcome.guard for outcome in OUTCOMES if outcome.guard]


def _about() -> str:
    """The docstring of `Expect`, which its schema shows."""
    lines = []
    for outcome in OUTCOMES:
        said = " ".join(str(outcome.__doc__).split())
        lines.append(f"`{outcome.key}`: {said[0].lower()}{said[1:]}")
    return "\n".join([
        "The outcome that a step must have: exactly one of the first group.\n", *lines,
        "`accept` lists better outcomes than the dialect's own, `hazard` names the defect that the "
        "outcome documents. `mlx` has what holds instead with an older version of mlx, where that "
        "decides it: `{\"<0.32.3\": {error: ValueError}}`.",
    ])  # fmt: skip


if TYPE_CHECKING:

    class Better(Strict, frozen=True):
        """One outcome; its fields are those of `OUTCOMES`."""

        def __init__(self, **fields: Any) -> None: ...

    class OlderExpect(Better, frozen=True):
        """The outcome that a step must have, and what is better than the dialect's own."""

        hazard: str | UnsetType
        accept: list[Better]

        def __init__(
            self, *, hazard: str = "", accept: Sequence[Better] = (), **fields: Any
        ) -> None: ...

    class Expect(OlderExpect, frozen=True):
        """The same, and what holds instead with an older mlx."""

        mlx: dict[str, OlderExpect]

        def __init__(
            self, *, hazard: str = "", accept: Sequence[Better] = (),
            mlx: Mapping[str, OlderExpect] = ..., **fields: Any,
        ) -> None: ...  # fmt: skip


def expect_types(snapshots: Snapshots | None, kind: str) -> tuple[type[Better], type[Expect]]:
    """The grammar of an outcome and of an expectation in a kind: a whole cache is spelled as the
    kind's snapshots show it.
    """
    name = "".join(part.title() for part in kind.split("_"))
    own: list[Any] = []
    for each in OUTCOMES:
        spelling = each.spelling if snapshots is None else each.spelling_of(snapshots)
        own.append((each.key, spelling, UNSET))
        own += [(key, beside, UNSET) for key, beside in each.beside.items()]
    config: Any = {"module": __name__, "frozen": True, "kw_only": True}
    about = {"__doc__": "An outcome that is better than the dialect's own; exactly one of these."}
    better: Any = msgspec.defstruct(
        f"{name}Better", own, bases=(Strict,), namespace=about, **config
    )
    more: list[Any] = [
        ("hazard", str | UnsetType, UNSET),
        ("accept", list[better], msgspec.field(default_factory=list)),
    ]
    about = {"__doc__": "What holds with an older mlx, spelled as an expectation."}
    older: Any = msgspec.defstruct(
        f"{name}OlderExpect", more, bases=(better,), namespace=about, **config
    )
    by_mlx: list[Any] = [("mlx", dict[_Before, older], msgspec.field(default_factory=dict))]
    about = {"__doc__": _about()}
    expect: Any = msgspec.defstruct(
        f"{name}Expect", by_mlx, bases=(older,), namespace=about, **config
    )
    return better, expect


if not TYPE_CHECKING:
    Better, Expect = expect_types(None, "")  # in a kind without snapshots
    OlderExpect = Expect.__base__


# --------------------------------------------------------------------------- as they are spelled


def given(expect: Better) -> Iterator[tuple[type[Outcome], Fields]]:
    """The outcomes that an expectation spells, which should be one, each with what it says."""
    for outcome in OUTCOMES:
        if getattr(expect, outcome.key) is UNSET:
            continue  # of nearly all of them, and this is asked a hundred thousand times a run
        own = {key: getattr(expect, key) for key in (outcome.key, *outcome.beside)}
        yield outcome, {key: value for key, value in own.items() if value is not UNSET}


def strays(expect: Better, outcome: type[Outcome]) -> Iterator[tuple[str, str]]:
    """Keys beside an outcome that belong to another one, and to which."""
    for other in OUTCOMES:
        for key in other.beside:
            if other is not outcome and getattr(expect, key) is not UNSET:
                yield key, other.key


def options(expect: Expect) -> tuple[Better, ...]:
    """The outcomes that an expectation takes: its own, those that are better, and those that hold
    with an older mlx.
    """
    older = expect.mlx.values()
    return (expect, *expect.accept, *(each for one in older for each in (one, *one.accept)))


def guards(expect: Expect) -> bool:
    """Whether an outcome that an expectation takes needs snapshots before and after the step."""
    return any(getattr(option, key) is not UNSET for option in options(expect) for key in _GUARDS)


def spelled(reply: Reply, snapshots: Snapshots | None = None) -> Fields:
    """The expectation that a reply meets, of the last outcome that can spell it. `snapshots` are
    those of the kind, where it is a snapshot.
    """
    each = (
        outcome.spelled_refusal(reply)
        if isinstance(reply, Refused)
        else outcome.spelled(reply, snapshots)
        for outcome in reversed(OUTCOMES)
    )
    return next(found for found in each if found is not None)


# --------------------------------------------------------------------------- as they are compared


@dataclass(frozen=True)
class Expectation:
    """What a step must come to in a dialect: its own outcome, or one that is better.

    `hazard` is the defect that the own one documents. `older` has what holds instead with an older
    mlx, the oldest first.
    """

    own: Outcome
    accept: tuple[Outcome, ...] = ()
    hazard: str = ""
    older: tuple[tuple[str, Expectation], ...] = ()

    @property
    def options(self) -> tuple[Outcome, ...]:
        """Everything that is taken, the own outcome first."""
        return (self.own, *self.accept)

    @property
    def may_trap(self) -> bool:
        """Whether the process may end."""
        return any(option.traps for option in self.options)

    def ended_by(self, how: int | None) -> Outcome | None:
        """The outcome that is the end of the process with a signal, if one is taken."""
        return next((option for option in self.options if how in option.signals), None)

    def on(self, mlx: str) -> Expectation:
        """What holds with a version of mlx; the newest where it is not said."""
        if not self.older:
            return self
        return holding(self.older, mlx) or replace(self, older=())

    def without(self, hazards: Set[str]) -> Expectation:
        """The same where the dialect's own outcome is not taken if it has one of these hazards."""
        if self.hazard not in hazards or not self.accept:
            return self
        own, *accept = self.accept
        return Expectation(own, tuple(accept), self.hazard if accept else "", self.older)

    @property
    def may_refuse(self) -> bool:
        """Whether the operation may not be carried out."""
        return any(option.refuses for option in self.options)

    @property
    def guarded(self) -> bool:
        """Whether snapshots before and after the step are needed."""
        return any(option.guarded for option in self.options)


def decoded(expect: Expect, tensors: Tensors) -> Expectation:
    """An expectation with its literals decoded; ValueError for what is spelled wrong."""
    older = ((before, _decoded(each, tensors)) for before, each in expect.mlx.items())
    return replace(_decoded(expect, tensors), older=ordered(older))


def _decoded(expect: OlderExpect, tensors: Tensors) -> Expectation:
    own, *accept = (outcome(option, tensors) for option in (expect, *expect.accept))
    hazard = "" if expect.hazard is UNSET else str(expect.hazard)
    return Expectation(own, tuple(accept), hazard)


def outcome(expect: Better, tensors: Tensors) -> Outcome:
    """The one outcome that an expectation spells, what it accepts left out."""
    found = list(given(expect))
    if len(found) != 1:
        names = ", ".join(each.key for each in OUTCOMES)
        got = ", ".join(each.key for each, _ in found) or "none"
        raise ValueError(f"an expectation has exactly one of {names}; got {got}")
    ((one, own),) = found
    return one.decoded(own, tensors)
