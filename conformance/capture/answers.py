"""What a release answers where it differs from the dialect that a new one extends."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from conformance.calls import Refused, Reply, Returned
from conformance.engine.case import Case
from conformance.engine.dialect import Dialect
from conformance.engine.execute import Observation, execute
from conformance.engine.filearguments import FileArgument
from conformance.engine.judge import judge
from conformance.engine.kind import Step
from conformance.engine.operation import Gives
from conformance.engine.plan import (
    PlannedStep,
    absent,
    applicability,
    expectations,
    operations,
)
from conformance.engine.runner import Run
from conformance.engine.verdict import Status, Verdict
from conformance.outcomes.error import ErrorOutcome
from conformance.outcomes.reading import SAME
from conformance.outcomes.registry import options, spelled
from conformance.reporting import words

LEAVES = "leaves"


@dataclass(frozen=True)
class Changed:
    """A step of a case, counted from 1, whose outcome is another than the parent's."""

    case: Case
    number: int
    fields: dict[str, Any]  # as a fixture spells the outcome
    step: str
    expected: str
    got: str

    @property
    def operation(self) -> str:
        return self.case.steps[self.number - 1].operation.wire


@dataclass
class Answers:
    """Everything in which a release differs from the parent of its dialect.

    `gone` are the operations that it lacks, `back` those that only the parent lacks. `unable` are
    cases that cannot be carried out, and why, `left` those that a person has to look at.
    """

    dialect: Dialect
    gone: dict[str, str]
    back: list[str]
    changed: list[Changed] = field(default_factory=list)
    unable: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


class Unsteady(ValueError):
    """A release does not answer the same in two runs: `cases` says of each what the two gave."""

    def __init__(self, cases: Mapping[str, str]) -> None:
        lines = [f"  {name}: {how}" for name, how in cases.items()]
        said = "1 case does" if len(lines) == 1 else f"{len(lines)} cases do"
        head = f"{said} not end in the same way in two runs, so nothing is written or marked:"
        way = "leave each of them to a person with --leave CASE, or have the release fixed"
        super().__init__("\n".join([head, *lines, way]))
        self.cases = dict(cases)


@dataclass(frozen=True)
class _Tried:
    """A case as it was carried out last, and how it ended: its status and every difference."""

    case: Case
    ended: tuple[str, ...]


def captured(
    run: Run, name: str, cases: Iterable[Case] | None = None, leave: Iterable[str] = (),
    along: Callable[[Sequence[Any], str], Iterable[Any]] = lambda items, doing: items,
) -> Answers:  # fmt: skip
    """What the release of a run answers as a child `name` of the dialect of the run, or, where that
    is the dialect of the run, in cases that are newer than what is written of it.

    Unsteady if a second run of the same cases, on a fresh process, gives anything else. The cases
    to `leave` are not looked at: a person says what holds there. `along` shows how far it is.
    """
    found = Answers(*_dialect(run, name))
    left = set(leave)
    chosen = list(run.suite.cases.values() if cases is None else cases)
    tried = [
        each for case in along(chosen, "first run")
        if case.id not in left and (each := _settled(run, case, found))
    ]  # fmt: skip
    for each in tried:
        run.session_for(each.case).close()  # the second run has nothing of the first
    unsteady = {
        each.case.id: f"{_first_part(each.ended, again)}, then {_first_part(again, each.ended)}"
        for each in along(tried, "second run")
        if (again := _ended(_verdict(run, each.case, found.dialect)[0])) != each.ended
    }
    if unsteady:
        raise Unsteady(unsteady)
    found.left |= dict.fromkeys(sorted(left), "it was left out with --leave")
    return found


def _ended(verdict: Verdict) -> tuple[str, ...]:
    if verdict.status is not Status.FAIL:
        return (verdict.status.value,)  # how much memory or time it took is never quite the same
    rows = ((words.place(row), *row.difference.words()) for row in verdict.mismatches)
    said = (f"{place}: expected {expected}, got {got}" for place, expected, got in rows)
    return (verdict.status.value, *said)


def _first_part(ended: tuple[str, ...], other: tuple[str, ...]) -> str:
    """The first difference that is not so in the other run; how it ended, if there is none."""
    more = (row for row, there in zip_longest(ended[1:], other[1:]) if row and row != there)
    return " ".join(next(more, ended[0]).split())


def _dialect(run: Run, name: str) -> tuple[Dialect, dict[str, str], list[str]]:
    """The new dialect, the operations that it has not, and those that only its parent has not."""
    parent, declared = run.dialect, set(run.handshake.capabilities)
    needed = {op for case in run.suite.cases.values() for op in operations(case)}
    who = run.handshake.implementation
    reason = f"{who.name} {who.version} has no such operation"
    gone = {op: reason for op in sorted(needed - declared) if absent(parent, op) is None}
    for kind in run.suite.kinds:
        own = {operation.wire for operation in kind.operations.values()} & needed
        if kind.prefixed and own and not own & declared:
            gone = {op: why for op, why in gone.items() if op not in own}
            if kind.name not in parent.absent:
                gone[kind.name] = f"{who.name} {who.version} has no such cache"
    back = sorted(op for op in declared & parent.absent.keys())
    parents = parent.parents if name == parent.id else (parent.id, *parent.parents)
    dialect = replace(
        parent,
        id=name,
        parents=parents,
        absent={op: why for op, why in {**parent.absent, **gone}.items() if op not in back},
    )
    return dialect, gone, back


def _settled(run: Run, case: Case, found: Answers) -> _Tried | None:
    """The case with the outcomes of the release, as far as it goes; None if it does not apply.

    An outcome changes what is looked at, and what is compared after it: so this goes on until
    nothing differs.
    """
    first, own = case, found.dialect.id
    if applicability(case, found.dialect, frozenset(run.handshake.capabilities)) is not None:
        return None
    changed: dict[int, Changed] = {}
    while True:
        verdict, observation = _verdict(run, case, found.dialect)
        if verdict.status is Status.PASS:
            found.changed += changed.values()
            return _Tried(case, _ended(verdict))
        if verdict.status is not Status.FAIL:
            _give_up(found, case, changed, f"{verdict.status.value} {words.detail(verdict)}")
            return _Tried(case, _ended(verdict))
        more = list(_differing(first, verdict, observation, changed))
        if not more:
            _give_up(found, case, changed, _first_difference(verdict))
            return _Tried(case, _ended(verdict))
        for each in more:
            changed[each.number] = each
            step = case.steps[each.number - 1]
            case = _with(case, each.number, _amended(step, own, each.fields))


def _verdict(run: Run, case: Case, dialect: Dialect) -> tuple[Verdict, Observation]:
    bound = run.plan(case, dialect)
    observation = execute(bound, run.session_for(case))
    return judge(bound, observation), observation


def _give_up(found: Answers, case: Case, changed: dict[int, Changed], why: str) -> None:
    """A step that makes what later ones need may be refused: then nothing comes of the case."""
    refused = [each for each in changed.values() if "error" in each.fields]
    if refused:
        how = refused[0].fields["error"]
        found.unable[case.id] = f"{refused[0].operation} is refused with {how}"
    else:
        found.left[case.id] = " ".join(why.split())


def _first_difference(verdict: Verdict) -> str:
    row = verdict.mismatches[0]
    expected, got = row.difference.words()
    return f"{words.place(row)}: expected {expected}, got {got}"


def _differing(
    case: Case, verdict: Verdict, observation: Observation, changed: Mapping[int, Changed]
) -> Iterator[Changed]:
    """The steps that differ, each as the release answers it, as far as that can be spelled."""
    known: dict[int, Changed | None] = {**changed}
    seen = {each.step.number: each for each in observation.seen if each.step.number}
    for row in verdict.mismatches:
        number = row.step.number if row.step else 0
        if number not in seen:
            continue
        if number in known:
            earlier = known[number]
            if earlier is not None and LEAVES in earlier.fields:  # it does not leave all as it was
                yield dataclasses.replace(earlier, fields=_without(earlier.fields, LEAVES))
                known[number] = None
            continue
        fields = _fields(seen[number].step, seen[number].reply)
        if fields is not None:
            expected, got = row.difference.words()
            known[number] = None  # one difference of a step is enough
            if ErrorOutcome.key in fields and _refusal_changes_nothing(case.steps[number - 1]):
                fields[LEAVES] = "unchanged"
            yield Changed(case, number, fields, words.place(row), expected, got)


def _fields(step: PlannedStep, reply: Reply) -> dict[str, Any] | None:
    """An answer as a fixture spells it; None for a file, of which there must be a golden one."""
    gives = step.operation.gives
    if isinstance(reply, Returned) and gives is Gives.SAVED:
        return None
    if isinstance(reply, Returned) and gives is Gives.LOADED:
        arguments = step.call.arguments.values()
        file = next(each for each in arguments if isinstance(each, FileArgument))
        kind, what = file.reading(reply.value)
        return {"reading": kind if kind == SAME else {kind: what}}
    if isinstance(reply, Refused) and reply.kind == "UnknownCache":
        return None
    snapshots = step.kind.snapshots if gives is Gives.SNAPSHOT else None
    fields = spelled(reply, snapshots)
    return {key: msgspec.to_builtins(value) for key, value in fields.items()}


def _refusal_changes_nothing(step: Step) -> bool:
    """Whether some dialect demands that, where it refuses the step."""
    every = [option for each in expectations(step) for option in options(each)]
    return any(getattr(option, LEAVES) is not UNSET for option in every)


def _without(fields: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != key}


def _amended(step: Step, dialect: str, fields: dict[str, Any]) -> Step:
    expect = msgspec.convert(fields, step.kind.expect)
    return replace(step, unless={**step.unless, dialect: expect})


def _with(case: Case, number: int, step: Step) -> Case:
    steps = [*case.steps]
    steps[number - 1] = step
    return replace(case, steps=steps)
