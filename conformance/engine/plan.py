"""From a case to the calls that carry it out in one dialect, or why it does not apply there."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from conformance.calls import Call
from conformance.engine.case import Case
from conformance.engine.dialect import Dialect, lookup
from conformance.engine.filearguments import FileArgument
from conformance.engine.kind import Given, Kind, Step
from conformance.engine.literals import Tensors
from conformance.engine.operation import Operation
from conformance.outcomes.registry import Expect, Expectation, decoded, guards
from conformance.values import Data


@dataclass(frozen=True)
class PlannedStep:
    """A call of an operation of a kind, what it must give, and where it comes from.

    `number` counts the steps as the case writes them from 1; the building of `given` is 0.
    `guarded` steps are surrounded by snapshots of `arguments["cache"]` that must be equal.
    """

    number: int
    call: Call
    kind: Kind
    operation: Operation
    expect: Expectation | None = None

    @property
    def guarded(self) -> bool:
        return self.expect is not None and self.expect.guarded

    @property
    def may_trap(self) -> bool:
        """Whether the dialect lets the process die here."""
        return self.expect is not None and self.expect.may_trap


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
        return any(
            isinstance(value, FileArgument)
            for step in self.steps
            for value in step.call.arguments.values()
        )

    @property
    def kinds(self) -> Set[str]:
        """The names of the kinds that its steps are about."""
        return {kind for step in self.steps for kind in step.operation.kinds}

    @property
    def may_trap(self) -> bool:
        """Whether the dialect lets the process die in one of the steps."""
        return any(step.may_trap for step in self.steps)


class NotApplicable(Data, frozen=True):
    """Why a case is not run in a dialect: as the case says."""

    reason: str

    @property
    def declared(self) -> bool:
        """Whether this is a gap of the backend, and no rule of the dialect."""
        return False

    def words(self) -> str:
        return self.reason


class AbsentOperation(NotApplicable, frozen=True):
    """The dialect has not an operation that the case needs."""

    dialect: str
    op: str

    def words(self) -> str:
        return f"{self.dialect} has no {self.op}: {self.reason}"


class Undeclared(NotApplicable, frozen=True):
    """The backend declares none of these operations, which the case needs."""

    reason: str = ""
    operations: tuple[str, ...] = ()

    @property
    def declared(self) -> bool:
        return True

    def words(self) -> str:
        return f"the backend declares no {', '.join(self.operations)}"


NOT_APPLICABLE = (NotApplicable, AbsentOperation, Undeclared)


def expectation(step: Step, dialect: Dialect) -> Expect | None:
    """What a step must give in a dialect."""
    return lookup(step.unless, dialect.lineage) or step.expect


def expectations(step: Step) -> list[Expect]:
    """All that a step must give in one dialect or another."""
    return [expect for expect in (step.expect, *step.unless.values()) if expect is not None]


def operations(case: Case) -> Set[str]:
    """The operations that carrying out a case needs in any dialect."""
    ops = {step.operation.wire for step in case.steps}
    for handle, given in case.given.items():
        ops |= {planned.call.op for planned in build(handle, given, None)}
    for step in case.steps:
        if any(map(guards, expectations(step))):
            ops.add(step.kind.look.wire)
    return ops


def applicability(
    case: Case, dialect: Dialect, capabilities: Set[str] | None = None
) -> NotApplicable | None:
    """Why a case does not apply to a dialect or to what a backend can do; None if it does."""
    reason = lookup(case.not_applicable, dialect.lineage)
    if reason is not None:
        return NotApplicable(reason)
    needed = operations(case)
    for op in sorted(needed):
        reason = absent(dialect, op)
        if reason is not None:
            return AbsentOperation(reason, dialect.id, op)
    if capabilities is not None:
        missing = sorted(needed - capabilities)
        if missing:
            return Undeclared(operations=tuple(missing))
    return None


def absent(dialect: Dialect, op: str) -> str | None:
    """Why a dialect has not an operation, alone, in every kind (`*.NAME`), or with its kind."""
    kind, _, name = op.rpartition(".")
    wider = (f"*.{name}", kind) if kind else ()
    return next((dialect.absent[key] for key in (op, *wider) if key in dialect.absent), None)


def plan(
    case: Case, dialect: Dialect, tensors: Tensors, implementation: str | None = None,
    mlx: str | None = None,
) -> Plan:  # fmt: skip
    """Bind an applicable case to a dialect; ValueError when a literal is wrong.

    With the name of the implementation that will carry it out, an unsafe outcome of the dialect is
    left to the one that it belongs to. With the version of mlx underneath, which is empty where the
    implementation does not say it, outcomes are those that hold with it.
    """
    itself = implementation in (None, dialect.implementation)
    forbidden: Set[str] = frozenset() if itself else dialect.unsafe
    steps = [
        planned for handle, given in case.given.items() for planned in build(handle, given, tensors)
    ]
    for number, step in enumerate(case.steps, start=1):
        operation = step.operation
        call = Call(operation.wire, operation.spelled(step, tensors))
        expect = expectation(step, dialect)
        bound = None if expect is None else decoded(expect, tensors)
        if bound is not None:
            bound = (bound if mlx is None else bound.on(mlx)).without(forbidden)
        steps.append(PlannedStep(number, call, step.kind, operation, bound))
    return Plan(case, dialect, tensors, tuple(steps))


def build(handle: str, given: Given, tensors: Tensors | None) -> Iterator[PlannedStep]:
    """The calls that build a given cache; without `tensors` no literal is decoded."""
    kind = given.of_kind
    assert kind.build is not None
    for name, arguments in kind.build(handle, given, tensors):
        operation = kind.operations[name]
        yield PlannedStep(0, Call(operation.wire, arguments), kind, operation)
