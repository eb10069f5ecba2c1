"""The checks, in the order of what to fix first: each rests on those before it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from conformance.calls import Call
from conformance.doctor.coding import CODED, wrong_code
from conformance.doctor.examine import Check, Problem, diagnosis
from conformance.doctor.operations import operation_checks
from conformance.doctor.patient import Patient
from conformance.doctor.values import checks_of_kind
from conformance.engine.kind import Kind
from conformance.engine.operation import RECEIVER
from conformance.engine.session import INITIALIZE, RESET
from conformance.transport.backend import BackendCrashed, BackendTrouble, ProtocolViolation
from conformance.transport.messages import (
    PROTOCOL_VERSION,
    UNKNOWN_CACHE,
    UNKNOWN_OPERATION,
    ErrorObject,
)

_LARGEST_ID = 2**53 - 1  # the largest whole number that every JSON reader keeps
_NOWHERE = "no-such-operation"


def start(patient: Patient) -> Iterator[Problem]:
    """Opening it does it all; a dialect is needed by what comes later."""
    try:
        assert patient.endpoint
    except BackendCrashed as trouble:
        yield replace(diagnosis(trouble), fix=_by_hand(patient.spec))
        return
    assert patient.dialect


def _by_hand(spec: str) -> str:
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": INITIALIZE.wire,
                       "params": {"protocol": PROTOCOL_VERSION}})  # fmt: skip
    command = spec.partition(":")[2] if spec.startswith("cmd:") else "the adapter"
    return f"see by hand what it answers, and that it waits for more: echo '{line}' | {command}"


def handshake(patient: Patient) -> Iterator[Problem]:
    """What the handshake says, beyond that it could be read."""
    said = patient.endpoint.handshake
    if not said.implementation.name:
        yield Problem("implementation.name is empty", "name the port: reports are headed by it")
    if not said.implementation.language:
        yield Problem("implementation.language is empty", "name the language, such as rust")
    if said.dialect and said.dialect not in patient.suite.dialects:
        known = ", ".join(patient.suite.dialects)
        yield Problem(f"the dialect {said.dialect!r} is unknown", f"declare one of {known}")
    operations = sorted(patient.suite.kinds.declarable)
    for name in sorted(set(said.capabilities) - set(operations)):
        close = difflib.get_close_matches(name, operations, 1)
        meant = f"write {close[0]}" if close else "leave it out"
        yield Problem(f"the capability {name!r} is not an operation of the protocol", meant)
    for name in sorted({n for n in said.capabilities if said.capabilities.count(n) > 1}):
        yield Problem(f"the capability {name!r} stands twice", "list every operation once")
    for kind in patient.kinds:
        essential = kind.doctoring.essential if kind.doctoring else ()
        wires = [kind.operations[name].wire for name in essential]
        missing = ", ".join(wire for wire in wires if wire not in said.capabilities)
        if missing:
            text = f"it declares no {missing}; almost every case needs them"
            yield Problem(text, f"implement and declare {missing}")


def quiet(patient: Patient) -> Iterator[Problem]:
    """One request, one line, and then nothing until the next request."""
    patient.ask(RESET.wire)
    patient.probe.keep_quiet(patient.limits.quiet)
    patient.ask(RESET.wire)
    return iter(())


def ids(patient: Patient) -> Iterator[Problem]:
    """Ids are numbers of any size and in no order."""
    for number in (7, 3, _LARGEST_ID, 0):
        patient.probe.ask_as(number, RESET.wire)
    return iter(())


def batches(patient: Patient) -> Iterator[Problem]:
    """A list in one line, among its requests one that fails."""
    for size in (2, 50):
        calls = [Call(RESET.wire) for _ in range(size)]
        patient.probe.ask_together(calls)
    alone = patient.error(RESET.wire)
    first, failed, last = patient.probe.ask_together(
        [Call(RESET.wire), Call(_NOWHERE), Call(RESET.wire)]
    )
    if not isinstance(failed.error, ErrorObject):
        yield Problem(
            "an unknown operation inside a list was not answered with an error",
            "answer each request of a list as if it had come alone",
        )
    if alone is None and any(isinstance(r.error, ErrorObject) for r in (first, last)):
        yield Problem(
            "one failing request of a list failed the others",
            "answer each request of a list as if it had come alone",
        )


def sent_ahead(patient: Patient) -> Iterator[Problem]:
    """Two lines at once; both answers may come in one write, if they come in order."""
    patient.probe.ask_ahead([Call(RESET.wire), Call(_NOWHERE), Call(RESET.wire)])
    patient.probe.keep_quiet(0)
    return iter(())


def unknown_operation(patient: Patient) -> Iterator[Problem]:
    """Anything but -32601 would pass for an answer of the implementation."""
    yield from wrong_code(patient, UNKNOWN_OPERATION, "an operation that nobody has", _NOWHERE)


def reset(patient: Patient) -> Iterator[Problem]:
    """Cases must not see each other's caches."""
    made, look = _made(patient, "left-behind")
    patient.need(made.op, look.op)
    patient.ask(made.op, **made.arguments)
    error = patient.error(RESET.wire)
    if error is not None:
        yield Problem(f"reset was refused: {error.message}", "reset drops all handles; give null")
        return
    what = f"{look.op} of a cache that was made before reset"
    yield from wrong_code(patient, UNKNOWN_CACHE, what, look.op, **look.arguments)


def _made(patient: Patient, handle: str) -> tuple[Call, Call]:
    """What makes a cache of the first kind that there is, and what looks at it."""
    kind = patient.kinds[0]
    assert kind.doctoring is not None
    name, arguments = kind.doctoring.make(handle)
    looked = Call(kind.look.wire, {RECEIVER.field: handle})
    return Call(kind.operations[name].wire, arguments), looked


def end_of_input(patient: Patient) -> Iterator[Problem]:
    """Whoever started it may die; it must not stay."""
    assert patient.probe
    ended = patient.probe.end(tell=False)
    patient.drop()
    if ended.code is None:
        text = f"it still runs {patient.limits.shutdown:g} s after its stdin was closed"
        yield Problem(text, "leave the loop when reading stdin gives the end of input", "hang")


def shutdown(patient: Patient) -> Iterator[Problem]:
    """It ends by itself, in order, in time."""
    made, _ = _made(patient, "c")
    if made.op in patient.capabilities:
        patient.ask(made.op, **made.arguments)
    patient.ending = ended = patient.probe.end(tell=True)
    patient.drop()
    if ended.code is None:
        text = f"it still runs {patient.limits.shutdown:g} s after shutdown"
        yield Problem(text, "end the process on shutdown, after answering it with null", "hang")
    elif ended.code:
        how = f"signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
        text = f"shutdown ended it with {how}"
        yield Problem(text, "end with exit code 0; see what its cleaning up does", "crash")
    if ended.violation is not None:
        yield diagnosis(ended.violation)


def nothing_left(patient: Patient) -> Iterator[Problem]:
    """Processes that it started."""
    assert patient.ending is not None
    for command in patient.ending.left:
        yield Problem(
            f"it left running: {command}",
            "end what the adapter started before it ends itself",
            "hang",
        )


def restart(patient: Patient) -> Iterator[Problem]:
    """A second process starts like the first, and knows nothing of it."""
    made, earlier = _made(patient, "earlier")
    remembers = {made.op, earlier.op} <= patient.capabilities
    if remembers:
        patient.ask(made.op, **made.arguments)
    patient.drop()
    try:
        assert patient.endpoint
    except BackendTrouble as trouble:
        seen = diagnosis(trouble, "it does not start a second time")
        yield replace(seen, fix="leave nothing behind that a second start stumbles over")
        return
    try:
        _, nobody = _made(patient, "nobody")
        tells = remembers and patient.error(nobody.op, **nobody.arguments) is not None
        if tells and patient.error(earlier.op, **earlier.arguments) is None:
            yield Problem(
                "a cache of the process before is still there",
                "keep caches in memory only, and for one process",
            )
    except ProtocolViolation as violation:
        if violation.cause not in CODED:
            raise
        patient.drop()  # it does refuse; how it says so is asked further down


def steady(patient: Patient) -> Iterator[Problem]:
    """The handshake of the second start is that of the first."""
    if patient.first != patient.endpoint.handshake:
        yield Problem(
            "its second handshake differs from its first", "the handshake depends on the build only"
        )


_ALIVE = ("start", "quiet", "restart")
_TOLD = (*_ALIVE, "unknown-operation")

FIRST_CHECKS = (
    Check("start", "starts, and answers initialize with a handshake", start, ()),
    Check("handshake", "the handshake says what a run needs", handshake),
    Check("quiet", "answers one line with one line, and says nothing else", quiet, process=True),
    Check("restart", "starts again, with no memory of the time before", restart, _ALIVE[:2]),
    Check("steady", "its handshake is the same in every start", steady, _ALIVE),
    Check("ids", "responses carry the id of their request", ids, _ALIVE, process=True),
    Check("unknown-operation", "an unknown operation is error -32601", unknown_operation, _ALIVE),
    Check(
        "lists",
        "a list of requests is answered by the list of responses, in order",
        batches,
        _TOLD,
        process=True,
    ),
    Check(
        "sent-ahead",
        "requests that came together are answered in order",
        sent_ahead,
        _TOLD,
        process=True,
    ),
)


def checks_after(kinds: Sequence[Kind]) -> tuple[Check, ...]:
    """The checks behind those of `FIRST_CHECKS`, for a backend of these kinds."""
    first, *others = kinds
    return (
        *checks_of_kind(first),
        *(check for kind in others for check in checks_of_kind(kind, f"{kind.name}-")),
        *operation_checks(first),
        *LAST_CHECKS,
    )


def checks(patient: Patient) -> Iterator[Check]:
    """All checks. Which kinds there are is asked when the handshake is known."""
    yield from FIRST_CHECKS
    yield from checks_after(patient.kinds)


LAST_CHECKS = (
    Check("reset", "reset forgets all handles", reset, (*_ALIVE, "unknown-handle")),
    Check("shutdown", "shutdown ends the process in time", shutdown, _ALIVE, process=True),
    Check(
        "nothing-left",
        "nothing that it started is left running",
        nothing_left,
        ("shutdown",),
        process=True,
    ),
    Check(
        "end-of-input",
        "the end of its input ends the process",
        end_of_input,
        _ALIVE,
        process=True,
    ),
)
