"""From a case to the calls that carry it out in one dialect, or why it does not apply there."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET

from conformance.engine import literals
from conformance.engine.case import CacheSpec, Case, Load, Save, StepBase
from conformance.engine.dialect import Dialect, lookup
from conformance.engine.expect import Expect
from conformance.engine.literals import Tensors

_NOT_ARGUMENTS = {"expect", "unless"}
_TENSOR_ARGUMENTS = {"value", "keys", "values"}
NO_RECEIVER = {"merge", "held", "load", "save"}  # operations that act on no `cache`


@dataclass(frozen=True)
class Call:
    """One operation as a backend gets it; arguments are plain values, `Tensor` and None."""

    op: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedStep:
    """A call, what it must give, and where it comes from.

    `number` counts the steps as the case writes them from 1; the building of `given` is 0.
    `guarded` steps are surrounded by snapshots of `arguments["cache"]` that must be equal.
    """

    number: int
    call: Call
    expect: Expect | None = None

    @property
    def guarded(self) -> bool:
        return any(option.leaves is not UNSET for option in outcomes(self.expect))


@dataclass(frozen=True)
class Plan:
    """A case, bound to a dialect."""

    case: Case
    dialect: Dialect
    tensors: Tensors
    steps: tuple[PlannedStep, ...]

    @property
    def files(self) -> bool:
        """Whether a step reads or writes a file."""
        return any("path" in step.call.arguments for step in self.steps)

    @property
    def may_trap(self) -> bool:
        """Whether the dialect lets the process die in one of the steps."""
        return any(may_trap(step.expect) for step in self.steps)


@dataclass(frozen=True)
class NotApplicable:
    """Why a case is not run. `declared` gaps are the backend's, the others are the dialect's."""

    reason: str
    declared: bool = False


def expectation(step: StepBase, dialect: Dialect) -> Expect | None:
    """What a step must give in a dialect."""
    return lookup(step.unless, dialect.lineage) or step.expect


def may_trap(expect: Expect | None) -> bool:
    """Whether a trap is one of the outcomes that an expectation takes."""
    return any(option.trap is not UNSET for option in outcomes(expect))


def outcomes(expect: Expect | None) -> tuple[Expect, ...]:
    """The outcomes that an expectation takes: its own, then those it accepts."""
    return () if expect is None else (expect, *expect.accept)


def operations(case: Case) -> Set[str]:
    """The operations that carrying out a case needs in any dialect."""
    ops = {step.__struct_config__.tag for step in case.steps}
    for spec in case.given.values():
        ops |= {call.op for call in build("c", spec, Tensors(case.tensors), lenient=True)}
    for step in case.steps:
        for expect in (step.expect, *step.unless.values()):
            if any(option.leaves is not UNSET for option in outcomes(expect)):
                ops.add("snapshot")
    return {str(op) for op in ops}


def applicability(
    case: Case, dialect: Dialect, capabilities: Set[str] | None = None
) -> NotApplicable | None:
    """Why a case does not apply to a dialect or to what a backend can do; None if it does."""
    reason = lookup(case.not_applicable, dialect.lineage)
    if reason is not None:
        return NotApplicable(reason)
    needed = operations(case)
    for op in sorted(needed):
        if op in dialect.absent:
            return NotApplicable(f"{dialect.id} has no {op}: {dialect.absent[op]}")
    if capabilities is not None:
        missing = sorted(needed - capabilities)
        if missing:
            return NotApplicable(f"the backend declares no {', '.join(missing)}", declared=True)
    return None


def plan(case: Case, dialect: Dialect, tensors: Tensors) -> Plan:
    """Bind an applicable case to a dialect; ValueError when a literal is wrong."""
    steps = [
        PlannedStep(0, call)
        for handle, spec in case.given.items()
        for call in build(handle, spec, tensors)
    ]
    for number, step in enumerate(case.steps, start=1):
        call = Call(str(step.__struct_config__.tag), arguments(step, tensors))
        steps.append(PlannedStep(number, call, expectation(step, dialect)))
    return Plan(case, dialect, tensors, tuple(steps))


def build(handle: str, spec: CacheSpec, tensors: Tensors, lenient: bool = False) -> Iterator[Call]:
    """The calls that build a given cache; `lenient` names the operations, decoding no tensor."""
    slots = spec.slots if spec.slots is not UNSET else []
    if spec.mamba:
        yield Call("new_mamba", {"cache": handle, "left_padding": spec.left_padding})
    else:
        size = spec.size if spec.size is not UNSET else len(slots)
        yield Call("new", {"cache": handle, "size": size, "left_padding": spec.left_padding})
    for index, slot in enumerate(slots):
        if slot is not None:
            value = None if lenient else tensors(slot)
            yield Call("set", {"cache": handle, "slot": index, "value": value})
    if spec.lengths is not None:
        yield Call("prepare", {"cache": handle, "lengths": spec.lengths})


def arguments(step: StepBase, tensors: Tensors) -> dict[str, Any]:
    """The arguments of a step as a backend gets them; ValueError when a literal is wrong."""
    if isinstance(step, Load):
        return {"path": tensors.files.file(step.file)}
    if isinstance(step, Save):
        return {"path": tensors.files.target(step.content), **tensors.files.content(step.content)}
    arguments: dict[str, Any] = {}
    for name in step.__struct_fields__:
        if name in _NOT_ARGUMENTS:
            continue
        value = getattr(step, name)
        if name in _TENSOR_ARGUMENTS:
            value = tensors.slot(value)
        elif name == "state":
            value = tensors.tree(value)
        elif name == "meta_state":
            value = literals.texts(value)
        arguments[name] = value
    if step.__struct_config__.tag in NO_RECEIVER:
        del arguments["cache"]
    return arguments
