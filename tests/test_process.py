"""Adapters that go wrong in every way we know: the right verdict, a helpful text, nothing left."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
from support.judging import planned

from conformance.calls import Call, Refused, Returned
from conformance.engine.execute import execute
from conformance.engine.judge import judge
from conformance.engine.verdict import Status
from conformance.kinds import KINDS
from conformance.reporting import words
from conformance.tensor import tensor
from conformance.transport import channel as channel_module
from conformance.transport import connect
from conformance.transport import restarting as restarting_module
from conformance.transport.backend import (
    Backend,
    BackendCrashed,
    BackendGone,
    BackendHung,
    BackendUnusable,
    OperationRefused,
    ProtocolViolation,
)
from conformance.transport.causes import Unusable, Violation
from conformance.transport.channel import signal_name
from conformance.transport.messages import Handshake, Implementation
from conformance.transport.process import ProcessBackend
from conformance.transport.restarting import RestartingBackend

SCRIPT = Path(__file__).parent / "support" / "scripted.py"
SIZE = "- {op: size, expect: {value: 7}}"
NEXT = "- {op: class_name, expect: {value: ArraysCache}}"


def running(token: str) -> list[psutil.Process]:
    """Every live process that carries the token, whoever its parent is by now."""
    found = psutil.process_iter(["cmdline", "status"])
    return [p for p in found if p.info["status"] != psutil.STATUS_ZOMBIE
            and token in (p.info["cmdline"] or ())]  # fmt: skip


@pytest.fixture
def scripted(tmp_path):
    """Gives the command of a scripted adapter; afterwards none of its processes may be left."""
    yield lambda behaviour: [sys.executable, "-I", "-S", str(SCRIPT), behaviour, str(tmp_path)]
    deadline = time.monotonic() + 5
    while left := running(str(tmp_path)):
        if time.monotonic() > deadline:
            for process in left:
                process.kill()
            raise AssertionError(f"left running: {left}")
        time.sleep(0.01)


STDOUT = "stdout must carry one JSON-RPC response a line and nothing else"
ORDER = "answer in order, with the request's id"
TENSOR = "a result holds a malformed tensor: "
MALFORMED = "not a JSON-RPC 2.0 response: "

# behaviour, status of the case, what the detail says
TROUBLES = [
    ("exit-3", Status.CRASH, ["exit code 3 in step 1: size", "\nfirst words\nlast words"]),
    ("exit-0", Status.CRASH, ["exit code 0"]),
    ("exit-132", Status.CRASH, ["exit code 132, a shell's word for SIGILL"]),
    ("signal-9", Status.CRASH, ["SIGKILL in step 1"]),
    ("signal-11", Status.CRASH, ["SIGSEGV in step 1"]),
    ("signal-4", Status.CRASH, ["SIGILL in step 1"]),
    ("half", Status.CRASH, ["exit code 0 in step 1"]),
    ("forks-and-dies", Status.CRASH, ["exit code 3 in step 1"]),
    ("forks-away-and-dies", Status.CRASH, ["exit code 3 in step 1"]),
    ("closes-stdout", Status.CRASH, ["closed its stdout but kept running"]),
    ("loud-death", Status.CRASH, ["exit code 3", "noise noise"]),
    ("silent", Status.HANG, ["no answer in time", "a line must end in a newline and be flushed",
                             "in step 1"]),
    ("no-newline", Status.HANG, ["no complete line on stdout in time", "without a newline: ",
                                 '"jsonrpc"']),
    ("logs-before", Status.PROTOCOL_ERROR, [STDOUT, "got: loading the model"]),
    ("logs-after", Status.PROTOCOL_ERROR, ["answered with more than one line", "answer: done"]),
    ("says-it-twice", Status.PROTOCOL_ERROR, ["answered with more than one line; what follows"]),
    ("endless-line", Status.PROTOCOL_ERROR, ["a message is longer than 1048576 bytes"]),
    ("very-deep", Status.PROTOCOL_ERROR, ["a message is nested too deep"]),
    ("deep", Status.PROTOCOL_ERROR, ["a result is nested deeper than 160"]),
    ("not-utf8", Status.PROTOCOL_ERROR, [STDOUT]),
    ("nan", Status.PROTOCOL_ERROR, [STDOUT, "(JSON has no NaN and no Infinity)", "NaN"]),
    ("infinity", Status.PROTOCOL_ERROR, ["(JSON has no NaN and no Infinity)"]),
    ("wrong-id", Status.PROTOCOL_ERROR, ["(size) carries id 1", ORDER]),
    ("null-id", Status.PROTOCOL_ERROR, ["carries id None", ORDER, "its error: cannot parse"]),
    ("backwards", Status.PROTOCOL_ERROR, ["(reset) carries id 3", ORDER]),
    ("too-few", Status.PROTOCOL_ERROR, ["2 requests, 1 responses"]),
    ("no-batches", Status.PROTOCOL_ERROR, ["2 requests came as a list in one line; answer likewise",
                                           "a list?"]),
    ("no-version", Status.PROTOCOL_ERROR, [MALFORMED + "Object missing required field `jsonrpc`"]),
    ("neither", Status.PROTOCOL_ERROR, ["size: neither result nor error in the response"]),
    ("both", Status.PROTOCOL_ERROR, ["size: both result and error in the response"]),
    ("tensor-short", Status.PROTOCOL_ERROR, [TENSOR + "float32[2] needs 8 bytes, which is 16 hex"]),
    ("tensor-dtype", Status.PROTOCOL_ERROR, [TENSOR + "unknown dtype 'f32'"]),
    ("tensor-without-data", Status.PROTOCOL_ERROR, [TENSOR + 'a tensor is {"dtype", "shape"']),
    ("tensor-upper", Status.PROTOCOL_ERROR, [TENSOR, "lower-case hex digits"]),
    ("tensor-in-list", Status.PROTOCOL_ERROR, [TENSOR, "got 1 digits"]),
    ("no-data", Status.PROTOCOL_ERROR, ["size: error 1 without data.kind"]),
    ("no-kind", Status.PROTOCOL_ERROR, [MALFORMED, "field `kind` - at `$.error.data`"]),
    ("kind-number", Status.PROTOCOL_ERROR, [MALFORMED, "Expected `str`, got `int`", "kind"]),
    ("payload-list", Status.PROTOCOL_ERROR, [MALFORMED, "payload"]),
    ("no-message", Status.PROTOCOL_ERROR, [MALFORMED, "`message`"]),
    ("code-unknown", Status.PROTOCOL_ERROR, ["size: error code -1 is not one of the protocol's"]),
    ("denies", Status.PROTOCOL_ERROR, ["size: it denies an operation that its handshake declares",
                                       "what is size?"]),
    ("bad-arguments", Status.PROTOCOL_ERROR, ["size: it does not take these arguments: cache"]),
    ("adapter-bug", Status.PROTOCOL_ERROR, ["size: it could not put the implementation's result"]),
    ("snapshot-bare", Status.PROTOCOL_ERROR, ["snapshot: the result has no lengths"]),
    ("snapshot-list", Status.PROTOCOL_ERROR, ["snapshot: slots is not an object of the form"]),
    ("snapshot-null", Status.PROTOCOL_ERROR, ["snapshot: the result is not an object"]),
    ("reset-refused", Status.PROTOCOL_ERROR, ["reset was refused: no"]),
]  # fmt: skip
CAUSES = {
    "logs-before": Violation.NOT_JSON, "logs-after": Violation.MORE_LINES,
    "says-it-twice": Violation.MORE_LINES, "endless-line": Violation.LINE_TOO_LONG,
    "very-deep": Violation.NESTED_TOO_DEEP, "deep": Violation.NESTED_TOO_DEEP,
    "not-utf8": Violation.NOT_UTF8, "nan": Violation.NAN_OR_INFINITY,
    "infinity": Violation.NAN_OR_INFINITY, "wrong-id": Violation.WRONG_ID,
    "null-id": Violation.WRONG_ID, "backwards": Violation.WRONG_ID,
    "too-few": Violation.WRONG_COUNT, "no-batches": Violation.NO_LIST,
    "no-version": Violation.NOT_A_RESPONSE, "neither": Violation.MISSING_RESULT,
    "both": Violation.RESULT_AND_ERROR, "tensor-short": Violation.MALFORMED_TENSOR,
    "tensor-dtype": Violation.MALFORMED_TENSOR, "tensor-without-data": Violation.MALFORMED_TENSOR,
    "tensor-upper": Violation.MALFORMED_TENSOR, "tensor-in-list": Violation.MALFORMED_TENSOR,
    "no-data": Violation.MISSING_KIND, "no-kind": Violation.MALFORMED_ERROR,
    "kind-number": Violation.MALFORMED_ERROR, "payload-list": Violation.MALFORMED_ERROR,
    "no-message": Violation.MALFORMED_ERROR, "code-unknown": Violation.UNKNOWN_CODE,
    "denies": Violation.DECLARED_BUT_UNKNOWN, "bad-arguments": Violation.ARGUMENTS_NOT_TAKEN,
    "adapter-bug": Violation.ADAPTER_FAILED, "snapshot-bare": Violation.MALFORMED_RESULT,
    "snapshot-list": Violation.MALFORMED_RESULT, "snapshot-null": Violation.MALFORMED_RESULT,
    "reset-refused": Violation.RESET_REFUSED, "list-for-one": Violation.LIST_FOR_ONE,
    "logs-later": Violation.UNASKED, "handshake-protocol": Violation.OTHER_PROTOCOL,
    "handshake-bare": Violation.MALFORMED_HANDSHAKE,
    "handshake-null": Violation.MALFORMED_HANDSHAKE,
}  # fmt: skip
# Only the doctor tells these apart, or they need an adapter that refuses the handshake.
UNSEEN = {Violation.BROKEN_LINE, Violation.WRONG_ORDER, Violation.INITIALIZE_REFUSED}
SECONDS = {"silent": 0.4, "no-newline": 0.8}


@pytest.mark.parametrize(("behaviour", "status", "parts"), TROUBLES)
def test_trouble_gets_its_verdict_and_the_next_case_starts_clean(
    scripted, monkeypatch, behaviour, status, parts
):
    monkeypatch.setattr(channel_module, "MAX_LINE_BYTES", 1 << 20)
    monkeypatch.setattr(channel_module, "SHUTDOWN_SECONDS", 0.2)
    text = "- {op: snapshot}" if behaviour.startswith("snapshot") else SIZE
    text = NEXT if behaviour == "no-batches" else text
    bound = planned(text, budget={"seconds": SECONDS.get(behaviour, 20)})
    session = RestartingBackend(
        lambda: ProcessBackend(scripted(behaviour), problem=KINDS.problem)
    )
    with contextlib.closing(session):
        observation = execute(bound, session)
        result = judge(bound, observation)
        assert result.status is status, words.detail(result)
        assert getattr(observation.trouble, "cause", None) is CAUSES.get(behaviour)
        for part in parts:
            assert part in words.detail(result)
        assert len(words.detail(result)) < 9000
        if behaviour not in ("no-batches", "reset-refused"):
            bound = planned(NEXT)
            assert judge(bound, execute(bound, session)).status is Status.PASS


def test_each_violation_has_been_seen():
    assert set(CAUSES.values()) | UNSEEN == set(Violation)


def test_one_request_is_not_answered_with_a_list(scripted):
    said = MALFORMED + "Expected `object`, got `array`"
    with (
        ProcessBackend(scripted("list-for-one")) as backend,
        pytest.raises(ProtocolViolation, match=said) as caught,
    ):
        backend.call("size")
    assert caught.value.cause is CAUSES["list-for-one"]


@pytest.mark.parametrize("behaviour", ["healthy", "slow", "split", "loud"])
def test_what_is_no_trouble(scripted, behaviour):
    bound = planned(SIZE)
    with ProcessBackend(scripted(behaviour)) as backend:
        result = judge(bound, execute(bound, RestartingBackend(lambda: backend)))
    assert (result.status, words.detail(result)) == (Status.PASS, "")


@pytest.mark.parametrize(
    ("behaviour", "kind", "message", "payload"),
    [("refuses", "E", "m", {"n": 1}), ("unknown-cache", "UnknownCache", "c", {})],
)
def test_refusals_are_answers(scripted, behaviour, kind, message, payload):
    with ProcessBackend(scripted(behaviour)) as backend:
        assert backend.call_all([Call("size")], 9) == [Refused(kind, message, payload)]
        with pytest.raises(OperationRefused) as refused:
            backend.call("size")
    assert (refused.value.kind, refused.value.payload) == (kind, payload)


@pytest.mark.parametrize(
    ("behaviour", "error", "text"),
    [("dies-after", BackendCrashed, "exit code 4"),
     ("logs-later", ProtocolViolation, ": by the way")],
)  # fmt: skip
def test_trouble_between_calls_is_found_by_the_next(scripted, behaviour, error, text):
    def two_calls():
        assert backend.call("size") == 7
        time.sleep(0.5)  # it writes, or ends, 0.02 s after its answer; the machine may be busy
        backend.call("class_name")

    with ProcessBackend(scripted(behaviour)) as backend, pytest.raises(error, match=text) as caught:
        two_calls()
    assert getattr(caught.value, "cause", None) is CAUSES.get(behaviour)


SET = "- {op: set, slot: 0, value: {int8: [1]}}"


@pytest.mark.parametrize(
    ("behaviour", "steps", "how"),
    [("dies-after", SIZE, "exit code 4"), ("dies-soon-after", SIZE, "exit code 4"),
     ("dies-freeing", SET, "SIGABRT")],
)  # fmt: skip
def test_a_death_after_the_last_answer_is_charged_to_the_case(scripted, behaviour, steps, how):
    session = RestartingBackend(lambda: ProcessBackend(scripted(behaviour)))
    with contextlib.closing(session):
        bound = planned(steps)
        result = judge(bound, execute(bound, session))
        assert result.status is Status.CRASH
        assert words.detail(result) == f"{how} after the last answer of the case"
        bound = planned(NEXT)
        assert judge(bound, execute(bound, session)).status is Status.PASS


# --------------------------------------------------------------------------- starting

HANDSHAKE = "the result of initialize is not a handshake: "


@pytest.mark.parametrize(
    ("behaviour", "error", "text"),
    [
        ("start-dies", BackendCrashed, "exit code 5"),
        ("start-silent", BackendHung, "no answer in time"),
        ("handshake-protocol", ProtocolViolation, "the backend speaks protocol 2, this suite 1"),
        ("handshake-bare", ProtocolViolation, HANDSHAKE + "Object missing .* `capabilities`"),
        ("handshake-null", ProtocolViolation, HANDSHAKE + "Expected `object`, got `null`"),
    ],
)
def test_a_backend_that_does_not_shake_hands(scripted, behaviour, error, text):
    seconds = 0.2 if behaviour == "start-silent" else 20
    with pytest.raises(error, match=text) as trouble:
        ProcessBackend(scripted(behaviour), start_seconds=seconds)
    assert getattr(trouble.value, "cause", None) is CAUSES.get(behaviour)
    if behaviour == "start-dies":
        assert trouble.value.stderr == "no such weights"


NOTICE = "has not answered initialize in 0.1 s; it is given {} s (run and doctor: --timeout chang"


def test_a_start_that_takes_long_says_so(scripted, monkeypatch, capsys):
    monkeypatch.setattr(channel_module, "NOTICE_SECONDS", 0.1)
    command = scripted("start-slow")
    with ProcessBackend(command, start_seconds=20) as backend:
        assert backend.call("class_name") == "ArraysCache"
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"mlx-cache-conformance: {shlex.join(command)} {NOTICE.format(20)}")
    monkeypatch.setattr(channel_module, "NOTICE_SECONDS", 20)
    with ProcessBackend(command, start_seconds=30):
        assert capsys.readouterr().err == ""


def test_a_start_that_takes_too_long_names_the_way_out(scripted, monkeypatch, capsys):
    monkeypatch.setattr(channel_module, "NOTICE_SECONDS", 0.1)
    spec = "cmd:" + shlex.join(scripted("start-silent"))
    with pytest.raises(BackendUnusable) as unusable:
        connect(spec, "mlx-lm-0.31", 0.4)
    said = "the handshake failed: no answer in time (a line must end in a newline and be flushed)"
    way_out = "it was given 0.4 s (run and doctor: --timeout changes that)"
    assert str(unusable.value) == f"{spec}: {said}; {way_out}"
    assert NOTICE.format(0.4) in capsys.readouterr().err


def test_a_command_that_does_not_start(tmp_path):
    (tmp_path / "file").write_text("")
    for command, reason in (("none", "No such file"), ("file", "Permission denied")):
        with pytest.raises(BackendUnusable, match=f"{command} does not start: {reason}"):
            ProcessBackend([str(tmp_path / command)])


# --------------------------------------------------------------------------- large requests

LARGE = tensor("uint8", [1 << 19], bytes(range(256)) * 2048)  # far over what a pipe holds


def test_large_messages_go_both_ways(scripted):
    with ProcessBackend(scripted("healthy")) as backend:
        backend.call("set", slot=0, value=LARGE)
        assert backend.call("get", slot=0) == LARGE


@pytest.mark.parametrize(("behaviour", "text"), [
    ("deaf", "stdin was not read in time: of [0-9]+ bytes a part was taken"),
    ("deafened", "stdin was not read in time: of [0-9]+ bytes nothing was taken"),
])  # fmt: skip
def test_a_backend_that_does_not_read_is_a_hang_within_the_limit(scripted, behaviour, text):
    with ProcessBackend(scripted(behaviour)) as backend:
        time.sleep(0.05)
        started = time.monotonic()
        with pytest.raises(BackendHung, match=text):
            backend.call_all([Call("set", {"slot": 0, "value": LARGE})], 0.3)
        assert time.monotonic() - started < 60


# --------------------------------------------------------------------------- endings


@pytest.mark.parametrize("behaviour", ["stubborn", "forks", "forks-away", "deaf", "healthy"])
def test_closing_leaves_nothing_and_may_be_repeated(scripted, monkeypatch, behaviour):
    monkeypatch.setattr(channel_module, "SHUTDOWN_SECONDS", 0.2 if behaviour != "healthy" else 5)
    backend = ProcessBackend(scripted(behaviour))
    started = time.monotonic()
    backend.close()
    assert time.monotonic() - started < 60
    kills = []
    monkeypatch.setattr(channel_module.os, "killpg", lambda *call: kills.append(call))
    backend.close()
    assert kills == []  # the id may be another's by now
    with pytest.raises((BackendCrashed, ValueError)):
        backend.call("class_name")


def test_trouble_ends_the_process_at_once(scripted, tmp_path):
    backend = ProcessBackend(scripted("logs-before"))
    with pytest.raises(ProtocolViolation):
        backend.call("size")
    assert running(str(tmp_path)) == []
    backend.close()


def test_what_eats_the_machine_is_over_budget_before_it_has(scripted, monkeypatch):
    monkeypatch.setattr(channel_module, "MAX_MEMORY_MB", 300)
    bound = planned(SIZE, budget={"seconds": 20})
    with contextlib.closing(
        RestartingBackend(lambda: ProcessBackend(scripted("grows")))
    ) as session:
        result = judge(bound, execute(bound, session))
    assert result.status is Status.OVER_BUDGET
    told = "it held more than 300 MB; whatever a case asks for takes far"
    assert words.detail(result).startswith(told)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process can limit another")
@pytest.mark.parametrize("behaviour", ["asks-for-a-terabyte", "asks-for-a-gigabyte"])
def test_the_system_refuses_what_is_beyond_any_budget(scripted, monkeypatch, behaviour):
    bound = planned(SIZE, budget={"seconds": 20})
    monkeypatch.setattr(channel_module, "MAX_MEMORY_MB", 300)
    with contextlib.closing(
        RestartingBackend(lambda: ProcessBackend(scripted(behaviour)))
    ) as session:
        result = judge(bound, execute(bound, session))
    assert result.status is Status.CRASH
    assert "MemoryError" in words.detail(result)
    monkeypatch.setattr(channel_module, "MAX_MEMORY_MB", 8192)
    if behaviour == "asks-for-a-gigabyte":
        with contextlib.closing(
            RestartingBackend(lambda: ProcessBackend(scripted(behaviour)))
        ) as session:
            assert judge(bound, execute(bound, session)).status is Status.PASS


def test_a_signal_without_a_name():
    assert signal_name(signal.SIGSEGV) == "SIGSEGV"
    assert signal_name(63) == "signal 63"


# --------------------------------------------------------------------------- sessions


class Scripted(Backend):
    """A backend in this process that fails as `trouble` says; counts its instances."""

    handshake = Handshake(1, Implementation("x", "1", "y"), "mlx-lm-0.31", [])
    made = 0
    limits: list[float]

    def __init__(self, trouble=None, startable=10**6):
        type(self).made += 1
        if type(self).made > startable:
            raise BackendUnusable(Unusable.NOT_STARTED, "cmd:x: gone")
        self.trouble, self.limits = trouble, []

    def call(self, op, **arguments):
        time.sleep(0.002)
        if op == "size" and self.trouble:
            raise self.trouble
        return None

    def call_all(self, calls, seconds):
        self.limits.append(seconds)
        return list(super().call_all(calls, seconds))

    def close(self):
        pass


@pytest.fixture(autouse=True)
def _count():
    Scripted.made = 0


@pytest.mark.parametrize("trouble", [BackendCrashed("SIGSEGV"), BackendHung("h"),
                                     ProtocolViolation(Violation.WRONG_ID, "p")])  # fmt: skip
def test_restarts_are_bounded(monkeypatch, trouble):
    monkeypatch.setattr(restarting_module, "MAX_RESTARTS", 5)
    monkeypatch.setattr(restarting_module, "HANG_WEIGHT", 1)
    session, bound = RestartingBackend(lambda: Scripted(trouble)), planned("- {op: size}")
    troubles = [execute(bound, session).trouble for _ in range(10)]
    assert [type(t) for t in troubles[:3]] == [type(trouble)] * 3
    assert {type(t) for t in troubles[3:]} == {BackendGone}
    assert str(troubles[-1]) == "it had to be restarted 5 times on end; giving up"
    assert Scripted.made == 6


def test_traps_that_are_demanded_do_not_count_as_restarts(monkeypatch):
    monkeypatch.setattr(restarting_module, "MAX_RESTARTS", 2)
    trap = BackendCrashed("SIGILL", "", signal.SIGILL)
    session, bound = (
        RestartingBackend(lambda: Scripted(trap)),
        planned("- {op: size, expect: {trap: x}}"),
    )
    for _ in range(10):
        assert judge(bound, execute(bound, session)).status is Status.PASS
    assert Scripted.made == 10


def test_what_does_not_start_again_keeps_its_first_trouble():
    session = RestartingBackend(lambda: Scripted(BackendCrashed("SIGSEGV"), startable=1))
    bound = planned("- {op: size}")
    assert judge(bound, execute(bound, session)).status is Status.CRASH
    again = execute(bound, session)
    assert isinstance(again.trouble, BackendGone)
    assert str(again.trouble) == "it does not start again: cmd:x: gone"


def test_the_steps_of_a_case_share_its_time():
    session = RestartingBackend(Scripted)
    bound = planned("- {op: size, expect: {trap: x}}", given={"c": {"size": 3}},
                    budget={"seconds": 5})  # fmt: skip
    execute(bound, session)
    limits = session.backend.limits
    assert len(limits) == 3
    assert 5 >= limits[0] > limits[1] > limits[2] > 4


def test_guarded_steps_are_looked_at_before_and_after():
    bound = planned("- {op: size, expect: {error: E, leaves: unchanged}}")
    session = RestartingBackend(lambda: Scripted(OperationRefused("E", "")))
    (seen,) = execute(bound, session).seen
    assert isinstance(seen.reply, Refused)
    assert (seen.before, seen.after) == (Returned(None), Returned(None))
