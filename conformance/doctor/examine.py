"""Asking all questions in order, and saying what was seen and what to change."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from conformance import invocation
from conformance.doctor.wire import AFTER, Ending, Fault, Limits, Local, Probe
from conformance.engine.case import Dialect
from conformance.engine.plan import Call, Plan, applicability, plan
from conformance.filetools.places import placed
from conformance.fixtures.load import DEFAULT_DIALECT, Suite
from conformance.transport import connect, connector
from conformance.transport.backend import (
    BackendCrashed,
    BackendHung,
    BackendTooLarge,
    BackendTrouble,
    BackendUnusable,
)
from conformance.transport.in_process import InProcessBackend
from conformance.transport.messages import ErrorObject, Handshake, Response

# What is wrong with an answer -> what the adapter's author changes.
FIXES = {
    "crash": "no request may end the process: catch what the implementation raises and answer it "
    "with error code 1 and data.kind",
    "ends": "go on reading stdin after an answer, until it ends or shutdown comes: one process "
    "serves many cases",
    "hang": "read stdin line by line until it ends, answer each line with one line that ends in a "
    "newline, and flush stdout after it",
    "memory": "find what allocates: no request of the doctor needs more than a few megabytes",
    "stdout": "write nothing but responses to stdout; logs, prints and progress belong to stderr",
    "unasked": "write to stdout only in answer to a request; logs, prints and progress belong to "
    "stderr",
    "lines": "answer one line with exactly one line: no logs on stdout, no line breaks inside a "
    "response, one list for a list",
    "utf-8": "encode stdout as UTF-8, whatever the locale is",
    "number": "JSON has no NaN and no Infinity: floats travel only inside tensors, whose data is "
    "hex; give null or an error for any other",
    "depth": "results are a few lists deep: a value, a tensor, a list of them, or the caches of a "
    "file",
    "large": "read a line of any length, in large parts and in linear time, and put its parts "
    "together once",
    "length": "answer only what was asked; no answer of a case is as long as that",
    "id": "copy `id` from the request into its response, as the number that it is",
    "order": "answer requests in the order in which they come, one after the other",
    "batch": "answer a line that holds a list of requests with one line that holds the list of "
    "responses in the same order, and a single request with a single response",
    "envelope": 'a response is {"jsonrpc": "2.0", "id": N, "result": ...}, or with "error" in '
    "place of result; a result of nothing is null",
    "kind": 'an error is {"code": 1, "message": "...", "data": {"kind": "...", "payload": {}}}; '
    "data.kind is the error's name in the implementation",
    "code": "the codes are 1 (the implementation refused), 2 (unknown handle), -32601 (unknown "
    "operation), -32602 (invalid arguments) and -32603 (the adapter's own failure)",
    "tensor": 'a tensor is {"dtype": "float32", "shape": [2, 3], "data": "..."}: the dtype by '
    "MLX's name, and two lower-case hex digits for each byte of the row-major elements, "
    "little-endian",
    "snapshot": 'a snapshot is {"class_name", "slot_count", "slots": {"0": tensor}, '
    '"left_padding", "lengths"}, with null for what is unset and only the slots that are set',
    "handshake": 'initialize gives {"protocol": 1, "implementation": {"name", "version", '
    '"language"}, "dialect": "...", "capabilities": ["new", "get", ...]}',
}


class NotHere(Exception):
    """The check has no object in this backend; the text says why."""


@dataclass(frozen=True)
class Problem:
    """What was seen, what the adapter's author changes, and the verdict that a run would give."""

    text: str
    fix: str
    verdict: str = "protocol-error"


class Outcome(str, Enum):
    """What a check can come to."""

    OK = "ok"
    FIX = "fix"
    BLOCKED = "blocked"
    NOT_HERE = "n/a"


@dataclass(frozen=True)
class Check:
    """One question. `needs` are checks without whose success it cannot be asked."""

    name: str
    says: str
    ask: Callable[[Patient], Iterable[Problem]]
    needs: tuple[str, ...] = ("start",)
    process: bool = False  # about processes and pipes only


@dataclass(frozen=True)
class Finding:
    """What a check came to; `why` it was not asked."""

    check: Check
    outcome: Outcome
    problems: tuple[Problem, ...] = ()
    why: str = ""


@dataclass
class Patient:
    """The backend under examination, opened when it is needed and again after trouble."""

    spec: str
    suite: Suite
    limits: Limits
    asked_dialect: str | None = None
    ending: Ending | None = None  # how it shut down, once it was told to
    first: Handshake | None = None
    _endpoint: Probe | Local | None = field(default=None, repr=False)

    @property
    def in_process(self) -> bool:
        """Whether there are no pipes to ask about."""
        return not self.spec.startswith(("cmd:", "pypi:"))

    @property
    def endpoint(self) -> Probe | Local:
        """The live backend. Raises BackendTrouble, or BackendUnusable for a bad backend string."""
        if self._endpoint is None:
            self._endpoint = self._open()
            self.first = self.first or self._endpoint.handshake
        return self._endpoint

    @property
    def probe(self) -> Probe:
        """The live backend as a process; for checks of processes only."""
        assert isinstance(self.endpoint, Probe)
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
        declared = self.first.dialect if self.first else DEFAULT_DIALECT
        chosen = self.asked_dialect or declared
        if not chosen and self.spec != "reference":
            raise BackendUnusable(
                f"{self.spec} declares no dialect; say by which to judge it: "
                f"--dialect {' | '.join(self.suite.dialects)}"
            )
        return self.suite.dialects.get(chosen, self.suite.dialects[DEFAULT_DIALECT])

    def ask(self, op: str, **params: Any) -> Response:
        """One request, in wire values, `Tensor`, or files that are there while it lasts."""
        with tempfile.TemporaryDirectory() as folder:
            return self.endpoint.ask(op, placed(Call(op, params), Path(folder)).arguments)

    def error(self, op: str, **params: Any) -> ErrorObject | None:
        """The error of one request, or None."""
        error = self.ask(op, **params).error
        return error if isinstance(error, ErrorObject) else None

    def need(self, *operations: str) -> None:
        """NotHere if one of these is not declared."""
        missing = [op for op in operations if op not in self.capabilities]
        if missing:
            raise NotHere(f"the handshake declares no {', '.join(missing)}")

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

    def _open(self) -> Probe | Local:
        kind, _, rest = self.spec.partition(":")
        connector(self.spec, self.asked_dialect or DEFAULT_DIALECT)  # refuses what is no backend
        if kind == "cmd":
            return Probe(shlex.split(rest), self.limits)
        if kind == "pypi":
            from conformance.transport import released as pypi

            return Probe(pypi.command(pypi.parse(rest)), self.limits)
        backend = connect(self.spec, self.asked_dialect or DEFAULT_DIALECT)
        assert isinstance(backend, InProcessBackend)
        return Local(backend)


def examine(patient: Patient, checks: Iterable[Check]) -> Iterator[Finding]:
    """Ask every check that can be asked. BackendUnusable when there is nothing to examine."""
    unsound: dict[str, str] = {}  # check -> the first cause of its not having succeeded
    absent: dict[str, str] = {}  # check -> why it has no object here, nor has what rests on it
    try:
        for check in checks:
            finding = _ask(check, patient, unsound, absent)
            if finding.outcome in (Outcome.FIX, Outcome.BLOCKED):
                unsound[check.name] = finding.why or check.name
            elif finding.outcome is Outcome.NOT_HERE and not check.process:
                absent[check.name] = finding.why
            yield finding
    finally:
        patient.drop()


def _ask(
    check: Check, patient: Patient, unsound: dict[str, str], absent: dict[str, str]
) -> Finding:
    blocking = next((unsound[name] for name in check.needs if name in unsound), "")
    missing = next((absent[name] for name in check.needs if name in absent), "")
    if check.process and patient.in_process:
        return Finding(check, Outcome.NOT_HERE, why="it runs in this process")
    if blocking:
        return Finding(check, Outcome.BLOCKED, why=blocking)
    if missing:
        return Finding(check, Outcome.NOT_HERE, why=missing)
    problems: list[Problem] = []
    try:
        problems.extend(check.ask(patient))
    except NotHere as reason:
        if not problems:
            return Finding(check, Outcome.NOT_HERE, why=str(reason))
    except BackendTrouble as trouble:
        doing = patient.doing
        patient.drop()
        problems.append(diagnosis(trouble, doing))
    return Finding(check, Outcome.FIX if problems else Outcome.OK, tuple(problems))


def diagnosis(trouble: BackendTrouble, doing: str = "") -> Problem:
    """What happened to the process or its answer, in words, with what to change."""
    where = "" if not doing or str(trouble).startswith(f"{doing}:") else f"{doing}: "
    if isinstance(trouble, BackendCrashed):
        last = trouble.stderr.splitlines()[-1:]
        said = f"; its last line on stderr: {last[0]}" if last else ""
        fix = FIXES["ends" if doing == AFTER else "crash"]
        return Problem(f"{where}the process ended: {trouble.how}{said}", fix, "crash")
    if isinstance(trouble, BackendHung):
        return Problem(f"{where}{trouble}", FIXES["hang"], "hang")
    if isinstance(trouble, BackendTooLarge):
        return Problem(f"{where}{trouble}", FIXES["memory"], "over-budget")
    cause = trouble.cause if isinstance(trouble, Fault) else "handshake"
    return Problem(f"{where}{trouble}", FIXES[cause])


# ---------------------------------------------------------------------- words


def lines(finding: Finding) -> Iterator[str]:
    """A finding for a reader."""
    check = finding.check
    if finding.outcome is Outcome.OK:
        yield f"ok       {check.name}: {check.says}"
    elif finding.outcome is Outcome.NOT_HERE:
        yield f"n/a      {check.name}: {finding.why}"
    elif finding.outcome is Outcome.BLOCKED:
        yield f"blocked  {check.name}: needs {finding.why}"
    else:
        yield f"FIX      {check.name}: {check.says}"
        last = ""
        for problem in finding.problems:
            if last and problem.fix != last:
                yield f"           change: {last}"
            yield f"         {problem.verdict}: {problem.text}"
            last = problem.fix
        yield f"           change: {last}"


def summary(findings: Iterable[Finding]) -> str:
    """The counts of an examination on one line."""
    tally = [finding.outcome for finding in findings]
    words = {"ok": "ok", "fix": "to fix", "blocked": "blocked", "n/a": "not applicable"}
    return ", ".join(f"{tally.count(outcome)} {words[outcome.value]}" for outcome in Outcome)


def advice(patient: Patient, findings: Iterable[Finding]) -> Iterator[str]:
    """What to do next; the last line is a command."""
    backend = ("--backend", patient.spec)
    named = ("--dialect", patient.asked_dialect) if patient.asked_dialect else ()
    first = next((f for f in findings if f.outcome is Outcome.FIX), None)
    if first is not None:
        yield f"fix {first.check.name} first; then see again, and when all is ok judge the port:"
        yield invocation.command("doctor", *backend, *named)
    else:
        yield "the adapter is sound; now judge the port:"
    yield invocation.command("run", *backend, *named)
