"""The backend under examination."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from conformance.doctor.probe import InProcessProbe, Limits, ProcessEnd, ProcessProbe
from conformance.doctor.reading import AnswerReader
from conformance.engine.dialect import Dialect
from conformance.engine.doctoring import Named
from conformance.engine.filearguments import placed
from conformance.engine.kind import Kind
from conformance.engine.plan import Plan, applicability, plan
from conformance.engine.suite import Suite
from conformance.transport import command, connect, runs_in_process
from conformance.transport.backend import BackendUnusable
from conformance.transport.causes import Oddity, Unusable
from conformance.transport.in_process import InProcessBackend
from conformance.transport.messages import ErrorObject, Handshake, Response


class NotHere(Exception):
    """The check has no object in this backend; the text says why."""


@dataclass
class Patient:
    """The backend under examination, opened when it is needed and again after trouble."""

    spec: str
    suite: Suite
    limits: Limits
    asked_dialect: str | None = None
    ending: ProcessEnd | None = None  # how it shut down, once it was told to
    first: Handshake | None = None
    oddities: dict[Oddity, str] = field(default_factory=dict)  # with the question of the first
    _endpoint: ProcessProbe | InProcessProbe | None = field(default=None, repr=False)

    @property
    def in_process(self) -> bool:
        """Whether there are no pipes to ask about."""
        return runs_in_process(self.spec)

    @property
    def endpoint(self) -> ProcessProbe | InProcessProbe:
        """The live backend. Raises BackendTrouble, or BackendUnusable for a bad backend string."""
        if self._endpoint is None:
            self._endpoint = self._open()
            self.first = self.first or self._endpoint.handshake
        return self._endpoint

    @property
    def probe(self) -> ProcessProbe:
        """The live backend as a process; for checks of processes only."""
        assert isinstance(self.endpoint, ProcessProbe)
        return self.endpoint

    @property
    def capabilities(self) -> frozenset[str]:
        """The operations that it declares."""
        return frozenset(self.endpoint.handshake.capabilities)

    @cached_property
    def dialect(self) -> Dialect:
        """The dialect asked for, else the declared one; the default where that is unknown.

        BackendUnusable, as in a run, when none is declared.
        """
        declared = self.first.dialect if self.first else self.suite.default_dialect.id
        chosen = self.asked_dialect or declared
        if not chosen and self.spec != "reference":
            raise BackendUnusable(
                Unusable.NO_DIALECT,
                f"{self.spec} declares no dialect; say by which to judge it: "
                f"--dialect {' | '.join(self.suite.dialects)}",
            )
        return self.suite.dialects.get(chosen, self.suite.default_dialect)

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of which it declares operations; where it declares none, the default one."""
        declared = self.first.capabilities if self.first else ()
        found = [
            kind
            for kind in self.suite.kinds
            if kind.doctoring and any(o.wire in declared for o in kind.operations.values())
        ]
        return found or [next(iter(self.suite.kinds))]

    def ask(self, op: str, **params: Any) -> Response:
        """One request, in wire values, `Tensor`, or files that are there while it lasts."""
        with tempfile.TemporaryDirectory() as folder:
            return self.endpoint.ask(op, placed(params, Path(folder)))

    def error(self, op: str, **params: Any) -> ErrorObject | None:
        """The error of one request, or None."""
        error = self.ask(op, **params).error
        return error if isinstance(error, ErrorObject) else None

    def need(self, *operations: str) -> None:
        """NotHere if one of these is not declared."""
        missing = [op for op in operations if op not in self.capabilities]
        if missing:
            raise NotHere(f"the handshake declares no {', '.join(missing)}")

    def ask_of(self, kind: Kind, named: Named, **changed: Any) -> Response:
        """One request for an operation of a kind, by its name there, with changed arguments."""
        name, arguments = named
        return self.ask(kind.operations[name].wire, **{**arguments, **changed})

    def error_of(self, kind: Kind, named: Named, **changed: Any) -> ErrorObject | None:
        """The error of such a request, or None."""
        error = self.ask_of(kind, named, **changed).error
        return error if isinstance(error, ErrorObject) else None

    @property
    def doing(self) -> str:
        """The last question, while the backend that got it is not dropped."""
        return self._endpoint.doing if self._endpoint else ""

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        """The cases that apply, without those that are hostile by purpose."""
        return tuple(
            plan(case, self.dialect, self.suite.tensors_of(case))
            for case in self.suite.cases.values()
            if "hostile" not in case.tags
            and applicability(case, self.dialect, self.capabilities) is None
        )

    def drop(self) -> None:
        """End the backend; the next question opens another."""
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None

    def _open(self) -> ProcessProbe | InProcessProbe:
        words, reader = command(self.spec), AnswerReader(self.suite.kinds.problem)
        if words is not None:
            return ProcessProbe(words, self.limits, reader, self.oddities.setdefault)
        backend = connect(self.spec, self.asked_dialect or self.suite.default_dialect.id)
        assert isinstance(backend, InProcessBackend)
        return InProcessProbe(backend, reader)
