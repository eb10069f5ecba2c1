"""The kinds that a run knows, and the grammar of cases that follows from them."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from functools import cached_property, reduce
from typing import Any

import msgspec

from conformance.engine.case import Case, Chapter
from conformance.engine.kind import DEFAULT_CACHE, Kind, derived
from conformance.engine.operation import RECEIVER, Operation, Use
from conformance.engine.session import SESSION
from conformance.outcomes.snapshots import Snapshots


class Kinds:
    """Some kinds beside each other. `given` without a kind is of the first one."""

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def __getitem__(self, name: str) -> Kind:
        return self._kinds[name]

    def only(self, names: Iterable[str]) -> Kinds:
        """Some of these kinds."""
        return Kinds(self[name] for name in names)

    # ------------------------------------------------------------------ operations

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """Name on the wire -> operation: those of the session, then kind by kind."""
        own = (operation for kind in self for operation in kind.operations.values())
        return {operation.wire: operation for operation in (*SESSION, *own)}

    @cached_property
    def case_operations(self) -> tuple[str, ...]:
        """The operations that a case can use, by their names on the wire."""
        return tuple(w for w, operation in self.operations.items() if operation.use is Use.CASE)

    @cached_property
    def declarable(self) -> frozenset[str]:
        """The operations that a backend may declare as its capabilities."""
        return frozenset(
            w for w, operation in self.operations.items() if operation.use is not Use.SESSION
        )

    @cached_property
    def snapshots(self) -> dict[str, Snapshots]:
        """Name on the wire of an operation that shows a whole cache -> what it shows."""
        return {kind.look.wire: kind.snapshots for kind in self if kind.snapshots is not None}

    def problem(self, method: str, result: Any) -> str | None:
        """What is wrong with the shape of a result as it came over the wire."""
        operation = self.operations.get(method)
        problem = operation.problem if operation else None
        return problem(result) if problem else None

    # ------------------------------------------------------------------ grammar

    @cached_property
    def case(self) -> type[Case]:
        """A case whose steps and caches are of these kinds."""
        steps = [step for kind in self for step in kind.steps.values()]
        starts = [kind.start for kind in self if kind.start is not None]
        step: Any = _any(steps)
        fields: list[Any] = [("steps", list[step])]
        if starts:
            start: Any = _any(starts)
            fields.append(("given", dict[str, start], {}))
        return derived(Case, Case.__name__, fields)

    @cached_property
    def chapter(self) -> type[Chapter]:
        """A chapter of such cases."""
        return derived(Chapter, Chapter.__name__, [("cases", list[self.case])])  # type: ignore[name-defined]

    def read_case(self, data: dict[str, Any]) -> Case:
        """A case from plain data. msgspec.ValidationError says what is wrong with it."""
        return msgspec.convert(self.resolved_case(data), self.case)

    def resolved(self, chapter: Any) -> Any:
        """The plain data of a chapter with every kind in its place, ready to be converted."""
        if not isinstance(chapter, dict) or not isinstance(chapter.get("cases"), list):
            return chapter
        return {**chapter, "cases": [self.resolved_case(case) for case in chapter["cases"]]}

    def resolved_case(self, case: Any) -> Any:
        """The same of one case: a step names its operation as the kind of its cache has it.

        What does not look like a case stays as it is: converting it says what is wrong.
        """
        if not isinstance(case, dict):
            return case
        known: dict[Any, str] = {}
        found = dict(case)
        if isinstance(case.get("given"), dict):
            found["given"] = {name: self._start(spec) for name, spec in case["given"].items()}
            for name, spec in found["given"].items():
                if isinstance(spec, dict):
                    known[RECEIVER.space, name] = str(spec["kind"])
        if isinstance(case.get("steps"), list):
            found["steps"] = [self._step(step, known) for step in case["steps"]]
        return found

    def _start(self, spec: Any) -> Any:
        return {"kind": next(iter(self._kinds)), **spec} if isinstance(spec, dict) else spec

    def _step(self, step: Any, known: dict[Any, str]) -> Any:
        if not isinstance(step, dict) or not isinstance(step.get("op"), str):
            return step
        operation = self._meant(step, known)
        if operation is None:
            return step
        if operation.makes is not None:
            known |= operation.makes.made(_with_cache(step), operation.kind)
        return {**step, "op": operation.wire}

    def _meant(self, step: dict[str, Any], known: dict[Any, str]) -> Operation | None:
        """The operation of this name that goes with the first handle that it needs."""
        for kind in self:
            operation = kind.operations.get(step["op"])
            if operation is None or not operation.reads:
                continue
            needed = operation.reads[0]
            for name in needed.names(_with_cache(step))[:1]:
                if needed.takes(known.get((needed.space, name)), kind.name):
                    return operation
        return self.operations.get(step["op"])


def _with_cache(step: dict[str, Any]) -> dict[str, Any]:
    """The step with the receiver that is meant where none is named."""
    return {RECEIVER.field: DEFAULT_CACHE, **step}


def _any(types: list[Any]) -> Any:
    return reduce(operator.or_, types)
