"""Every way in which an adapter goes wrong has its finding, its fix, and its verdict in a run."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from conformance.doctor import fixes, report
from conformance.doctor.checks import FIRST_CHECKS, checks, checks_after
from conformance.doctor.examine import CheckStatus, examine
from conformance.doctor.fixes import FIXES
from conformance.doctor.patient import Patient
from conformance.doctor.probe import Limits
from conformance.engine.case import Budget
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.kinds import KINDS
from conformance.reporting import words
from conformance.transport.backend import BackendUnusable
from conformance.transport.causes import Violation as V

ROOT = Path(__file__).parent.parent
UNRULY = Path(__file__).parent / "support" / "unruly.py"
WHOLE = load_suite()
# What the checks of operations ask for is in these; planning all cases for each test takes long.
CHAPTERS = {"indexing", "identity", "masks", "construction"}
SUITE = dataclasses.replace(
    WHOLE, chapters=tuple(file for file in WHOLE.chapters if file.name in CHAPTERS)
)
KINDS_OF_TOKENS = tuple(kind.name for kind in KINDS if kind.prefixed and kind.doctoring)
QUICK = Limits(start=30, answer=20, shutdown=5, quiet=0.15, large=1 << 21)
CHECKS = (*FIRST_CHECKS, *checks_after([KINDS["slots"]]))
HASTY = dataclasses.replace(QUICK, start=1, answer=1, shutdown=0.5)
HANGS = {"silent", "silent-at-start", "no-newline", "stubborn", "stays"}


def spec(behaviour: str, folder: Path) -> str:
    words = [sys.executable, "-I", "-S", str(UNRULY), behaviour, str(folder)]
    return "cmd:" + shlex.join(words)


def running(token: str) -> list[psutil.Process]:
    """Every live process that carries the token, whoever its parent is by now."""
    found = psutil.process_iter(["cmdline", "status"])
    return [p for p in found if p.info["status"] != psutil.STATUS_ZOMBIE
            and token in (p.info["cmdline"] or ())]  # fmt: skip


@pytest.fixture
def adapter(tmp_path):
    """Gives the backend string of a behaviour; afterwards none of its processes may be left."""
    yield lambda behaviour: spec(behaviour, tmp_path)
    deadline = time.monotonic() + 5
    while left := running(str(tmp_path)):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def examined(backend: str, limits: Limits = QUICK, dialect: str | None = None):
    patient = Patient(backend, SUITE, limits, dialect)
    return list(examine(patient, checks(patient)))


CODES, BATCH, TENSOR = V.UNKNOWN_CODE, V.NO_LIST, V.MALFORMED_TENSOR
BITS = "move the bytes as they are, never through floats or decimal text"
NO_MORE = "see by hand what it answers, and that it waits for more: echo '{\"jsonrpc"
CRASH, HANG, PROTOCOL = "crash", "hang", "protocol-error"

# behaviour, the one check that finds it, its verdict, what it says, what it says to change
FINDINGS = [
    # starting
    ("dies-at-start", "start", CRASH, "exit code 5; its last line on stderr: no such w", NO_MORE),
    ("panics-at-start", "start", CRASH, "ended: exit code 2; it said on stderr:", NO_MORE),
    ("silent-at-start", "start", HANG, "no answer in time", fixes.HANG),
    ("logs-at-start", "start", PROTOCOL, "got: Loading libraries ...", V.NOT_JSON),
    ("handshake-new-protocol", "start", PROTOCOL, "speaks protocol 2", V.MALFORMED_HANDSHAKE),
    ("handshake-bare", "start", PROTOCOL, "`$.implementation`", V.MALFORMED_HANDSHAKE),
    ("no-version", "start", PROTOCOL, "not a JSON-RPC 2.0 response", V.NOT_A_RESPONSE),
    ("both", "start", PROTOCOL, "both result and error", V.NOT_A_RESPONSE),
    ("lists-for-all", "start", PROTOCOL, "one request was answered with a list", BATCH),
    ("pretty", "start", PROTOCOL, "broken over several lines", V.MORE_LINES),
    ("wrong-id", "start", PROTOCOL, "request 1 (initialize) carries id 101", V.WRONG_ID),
    ("text-id", "start", PROTOCOL, 'request 1 (initialize) carries id "1"', V.WRONG_ID),
    # what the handshake says
    ("handshake-misspells", "handshake", PROTOCOL, "'make_masc' is not an oper", "write make_mask"),
    ("handshake-twice", "handshake", PROTOCOL, "'get' stands twice", "list every operation once"),
    ("handshake-few", "handshake", PROTOCOL, "declares no new, get, set, sn", "implement and"),
    ("handshake-dialect", "handshake", PROTOCOL, "'mlx-lm' is unknown", "declare one of mlxrs-0.1"),
    ("handshake-nameless", "handshake", PROTOCOL, "implementation.name is empty", "name the port"),
    # one line for one line
    ("silent", "quiet", HANG, "reset: no answer in time", fixes.HANG),
    ("no-newline", "quiet", HANG, "only some without a newline: {", fixes.HANG),
    ("dies", "quiet", CRASH, "reset: the process ended: exit code 3; its last line on stderr: out",
     fixes.CRASH),
    ("dies-between", "quiet", CRASH, "after its answer: the process ended: exit code 4",
     fixes.ENDS),
    ("logs", "quiet", PROTOCOL, "a line on stdout is not JSON", V.NOT_JSON),
    ("adds-a-line", "quiet", PROTOCOL, "one line was answered with more; what follows: done",
     V.MORE_LINES),
    ("talks-later", "quiet", PROTOCOL, "it wrote to stdout without being asked: flushed",
     V.UNASKED),
    ("not-utf8", "quiet", PROTOCOL, "byte 39 of a line is not UTF-8", V.NOT_UTF8),
    ("very-deep", "quiet", PROTOCOL, "nested too deep to be read", V.NESTED_TOO_DEEP),
    ("endless", "quiet", PROTOCOL, "a message is longer than 134217728 bytes", V.LINE_TOO_LONG),
    # starting again
    ("starts-once", "restart", CRASH, "it does not start a second time: the process ended: exit co",
     "leave nothing behind that a second start stumbles over"),
    ("remembers", "restart", PROTOCOL, "a cache of the process before is still there",
     "keep caches in memory only"),
    ("changes-its-mind", "steady", PROTOCOL, "second handshake differs", "depends on the build"),
    # ids, lists, order
    ("float-id", "ids", PROTOCOL, "carries id 9007199254740991.0", V.WRONG_ID),
    ("no-lists", "lists", PROTOCOL, "a list of 2 requests was answered in more than one", BATCH),
    ("backwards", "lists", PROTOCOL, "were answered in the order [", V.WRONG_ORDER),
    ("stops-at-failure", "lists", PROTOCOL, "one failing request of a list failed the others",
     "answer each request of a list as if it had come alone"),
    ("answers-last-first", "sent-ahead", PROTOCOL, "were answered in the order", V.WRONG_ORDER),
    # codes
    ("unknown-is-refusal", "unknown-operation", PROTOCOL, "error 1 without data.kind",
     "answer it with error code -32601"),
    ("odd-codes", "unknown-operation", PROTOCOL, "error -5 is not one of the protocol's",
     "answer it with error code -32601"),
    ("handle-is-refusal", "unknown-handle", PROTOCOL, "was answered with error 1 (no such cache)",
     "answer it with error code 2"),
    ("makes-caches-up", "unknown-handle", PROTOCOL, "never made was answered with a result",
     "answer it with error code 2"),
    ("dies-of-arguments", "missing-argument", CRASH, "new: the process ended: exit code 1",
     fixes.CRASH),
    # tensors
    ("wrong-slot-kind", "slots", PROTOCOL, "new(cache, size=2): error 1: no", "new makes a cache"),
    ("neither", "slots", PROTOCOL, "get: neither result nor error", V.NOT_A_RESPONSE),
    ("traps", "slots", CRASH, "get: the process ended: SIGILL", fixes.CRASH),
    ("short-tensor", "slots", PROTOCOL, "needs 8 bytes, which is 16 hex digits of data; got 14",
     TENSOR),
    ("long-tensor", "slots", PROTOCOL, "got 18 digits", TENSOR),
    ("upper-case", "slots", PROTOCOL, "not a string of lower-case hex digits", TENSOR),
    ("unknown-dtype", "slots", PROTOCOL, "unknown dtype 'f32'; MLX's names are bool", TENSOR),
    ("shape-of-text", "slots", PROTOCOL, "shape '1,2' is not a list of whole numbers", TENSOR),
    ("takes-anything", "malformed-tensors", PROTOCOL, "too few bytes for its shape was accepted",
     "refuse it with error -32602"),
    ("malformed-is-refusal", "malformed-tensors", PROTOCOL, "was refused with code 1",
     "refuse it with -32602, before the implementation sees it"),
    ("quiets-nans", "dtypes", PROTOCOL, "[9] is nan instead of nan (bits 0100c07f ins", BITS),
    ("loses-minus-zero", "dtypes", PROTOCOL, "[1] is 0.0 instead of -0.0 (bits 00000000", BITS),
    ("widens-bfloat16", "dtypes", PROTOCOL, "bfloat16[10] did not come back as it was put", BITS),
    ("has-no-scalars", "shapes", PROTOCOL, "float32[] came back with the shape [1]", "keep the s"),
    ("has-no-empties", "shapes", PROTOCOL, "set of float32[0]: the implementation refused it",
     "take every dtype and shape of MLX"),
    ("needs-padding", "slots", PROTOCOL, "new(cache, size=2): error -32602: missing: 'left_padd",
     "new makes a cache"),
    ("invents-held", "held-objects", PROTOCOL,
     "held of a name that nothing holds was answered with a resu",
     "answer it with error code 2"),
    ("holds-what-is-there", "held-objects", PROTOCOL,
     "of lengths that are not there, then held: error 1",
     "hold what is there, also if that is nothing"),
    ("drops-nulls", "null-in-a-list", PROTOCOL,
     "set_state of a list with a null was accepted, and then slot_count is 1 instead of 2",
     "store the null at its place, or refuse the whole list with error 1 or -32602"),
    ("denies-nulls", "null-in-a-list", PROTOCOL, "with a null was answered with error 2: there is",
     "store the null at its place, or refuse"),
    ("refuses-nulls-late", "null-in-a-list", PROTOCOL, "was refused, and changed the cache",
     "store the null at its place, or refuse"),
    ("measures-handles", "measure", PROTOCOL,
     "measure of new with only size: error -32602: missing: 'cache'",
     "make a cache that no handle names: no handle comes for new"),
    ("measures-once", "measure", PROTOCOL, "measure of new with only size gave 1e-06",
     "give one time in seconds for each of `times`"),
    ("encodes-late", "answers-in-lists", PROTOCOL, "in a list, snapshot answers otherwise",
     "encode each answer of a list when its request is carried out"),
    ("snapshot-of-all", "snapshot", PROTOCOL, "slots is {0: null, 1: int32[3]", V.MALFORMED_RESULT),
    ("latin-1", "text", PROTOCOL, "not found again as backslash escapes", "read stdin as UTF-8"),
    ("no-escapes", "text", PROTOCOL, "not found again as backslash escapes", "surrogate pairs"),
    ("dies-of-large", "large", CRASH, "set: the process ended: exit code 9", fixes.CRASH),
    # operations
    ("claims", "declared", PROTOCOL, "make_mask is denied, though the handshake declares it",
     "implement it, or take it off the capabilities"),
    ("claims-more", "declared", PROTOCOL, "trim is denied, though the hand", "implement it, or"),
    ("nan", "declared", PROTOCOL, "size: JSON has no NaN", V.NAN_OR_INFINITY),
    ("deep", "declared", PROTOCOL, "size: a result is nested deeper than 160", V.NESTED_TOO_DEEP),
    ("hides", "undeclared", PROTOCOL, "trim is not declared, but answered with a result",
     "declare what works; answer the rest with -32601"),
    ("dies-refusing", "refusals", CRASH, "get, which mlx-lm-0.31 refuses: the process ended: SIGAB",
     fixes.CRASH),
    ("swallows", "refusals", PROTOCOL, "that the dialect refuses none was, such as step 1: get(",
     "pass on what the implementation raises as error code 1"),
    ("no-kind", "refusals", PROTOCOL, "get: error 1 without data.kind: no such", V.MISSING_KIND),
    ("refusal-is-bad-arguments", "refusals", PROTOCOL, "was answered with code -32602: no such",
     "what the implementation raises is code 1, with data.kind"),
    # endings
    ("never-forgets", "reset", PROTOCOL, "was made before reset was answered with a result",
     "answer it with error code 2"),
    ("reset-refuses", "reset", PROTOCOL, "reset was refused: not now", "reset drops all handles"),
    ("ends-badly", "shutdown", CRASH, "shutdown ended it with exit code 5", "end with exit code 0"),
    ("ends-in-a-signal", "shutdown", CRASH, "shutdown ended it with signal 11", "end with exit"),
    ("says-goodbye", "shutdown", PROTOCOL, "a line on stdout is not JSON", V.NOT_JSON),
    ("stubborn", "shutdown", HANG, "it still runs 0.5 s after shutdown", "end the process on shut"),
    ("forks", "nothing-left", HANG, "it left running: ", "end what the adapter started"),
    ("forks-away", "nothing-left", HANG, "it left running: ", "end what the adapter started"),
    ("stays", "end-of-input", HANG, "it still runs 0.5 s after its stdin was closed", "leave the"),
]  # fmt: skip
# Behaviours that offend against two checks which do not rest on each other.
ALSO = {
    "stubborn": ["end-of-input"],
    "odd-codes": ["unknown-handle", "missing-argument", "malformed-tensors", "declared",
                  "refusals"],
    # No case of these chapters calls `held`, which is then asked for without its name.
    "dies-of-arguments": ["declared"],
}  # fmt: skip
SOUND = ["healthy", "refuses-nulls", "slow", "split", "glued", "extra-key"]
# behaviour, the check that comes upon it first, and the doctor's word for it
NOTED = [
    ("byte-order-mark", "start", "initialize: stdout begins with a byte order mark"),
    ("handshake-null-version", "start", "initialize: null in place of a text"),
    ("null-error", "start", 'initialize: "error": null beside a result'),
    ("null-payload", "restart", 'snapshot: "payload": null in an error'),
]


@pytest.mark.parametrize(("behaviour", "check", "verdict", "says", "change"), FINDINGS,
                         ids=[row[0] for row in FINDINGS])  # fmt: skip
def test_what_is_wrong_is_found_by_its_check_alone(
    adapter, behaviour, check, verdict, says, change
):
    findings = examined(adapter(behaviour), HASTY if behaviour in HANGS else QUICK)
    wrong = [finding for finding in findings if finding.status is CheckStatus.FIX]
    assert [f.check.name for f in wrong] == [check, *ALSO.get(behaviour, [])]
    first = wrong[0].problems[0]
    assert first.verdict == verdict
    assert says in first.text
    assert FIXES.get(change, change) in first.fix
    for finding in findings:
        if finding.status is CheckStatus.BLOCKED:
            assert finding.why in (check, *ALSO.get(behaviour, ())), "it says what to fix"
    for line in report.lines(wrong[0]):
        assert "\n" not in line


def test_a_case_fails_an_adapter_that_encodes_a_list_at_its_end(adapter):
    run = Run(WHOLE, adapter("encodes-late"), "mlx-lm-0.31")
    try:
        verdict = run.verdict(WHOLE.cases["index.get.before-and-after-a-write-in-place"])
    finally:
        run.close()
    assert verdict.status is Status.FAIL
    assert (verdict.mismatches[0].step.number, verdict.mismatches[0].step.op) == (1, "get")


@pytest.mark.parametrize("behaviour", SOUND)
def test_what_is_right_is_found_sound(adapter, behaviour):
    outcomes = Counter(finding.status for finding in examined(adapter(behaviour)))
    assert outcomes == {CheckStatus.OK: len(CHECKS)}


@pytest.mark.parametrize(("behaviour", "check", "says"), NOTED)
def test_what_is_no_fault_gets_the_doctor_s_word(adapter, behaviour, check, says):
    results = examined(adapter(behaviour))
    assert {result.status for result in results} == {CheckStatus.OK}
    (noted,) = [result for result in results if result.notes]
    assert (noted.check.name, [note.text for note in noted.notes]) == (check, [says])
    first, said, change = report.lines(noted)
    assert first.startswith(f"ok       {check}: ")
    assert said == f"         note: {says}"
    assert change.startswith("           change: ")
    assert report.summary(results).endswith(", 0 not applicable, 1 noted")


def test_a_dialect_that_is_null_is_none(adapter):
    with pytest.raises(BackendUnusable, match="declares no dialect"):
        examined(adapter("handshake-null-dialect"))


@pytest.mark.parametrize(
    ("backend", "dialect", "absent"),
    [("reference", None, 9), ("pypi:mlx-lm==0.32.2", "mlx-lm-0.32", 0)],
)
def test_real_ones_are_sound(backend, dialect, absent):
    patient = Patient(backend, WHOLE, QUICK, dialect)
    findings = list(examine(patient, checks(patient)))
    outcomes = Counter(finding.status for finding in findings)
    wrong = [finding for finding in findings if finding.problems]
    assert set(outcomes) <= {CheckStatus.OK, CheckStatus.NOT_HERE}, wrong
    slots = [f for f in findings if f"{f.check.name}-".partition("-")[0] not in KINDS_OF_TOKENS]
    assert len(slots) == len(CHECKS)
    assert sum(finding.status is CheckStatus.NOT_HERE for finding in slots) == absent
    declared = {op.partition(".")[0] for op in patient.capabilities if "." in op}
    asked = {finding.check.name for finding in findings}
    assert {f"{kind}-snapshot" for kind in declared & set(KINDS_OF_TOKENS)} <= asked



def test_a_crash_at_the_start_is_quoted(adapter):
    first, *_ = examined(adapter("panics-at-start"))
    _, said, *quoted, change = report.lines(first)
    assert said.endswith("it said on stderr:")
    assert quoted[:2] == ["           | panic: no weights", "           | "]
    assert quoted[11:13] == ["           | ... 25 stack frames", "           | main.f29()"]
    assert quoted[-1] == "           | exit status 2"
    assert NO_MORE in change


def test_every_violation_has_a_fix():
    assert set(FIXES) == set(V)


def test_every_behaviour_is_examined_and_every_check_has_failed():
    text = UNRULY.read_text()
    known = set(re.findall(r'is_\("([a-z0-9-]+)"\)', text))
    known |= set(re.findall(r'^ +"(handshake-[a-z-]+|claims[a-z-]*)": ', text, re.MULTILINE))
    examined_here = {row[0] for row in (*FINDINGS, *NOTED)} | set(SOUND)
    elsewhere = {"handshake-silent-dialect", "handshake-null-dialect", "snapshot-bare"}
    assert known - examined_here <= elsewhere
    assert {row[1] for row in FINDINGS} == {check.name for check in CHECKS}


def test_a_check_comes_after_those_that_it_rests_on():
    for number, check in enumerate(CHECKS):
        assert set(check.needs) <= {earlier.name for earlier in CHECKS[:number]}, check.name


def test_a_snapshot_without_a_key_is_found_wherever_it_is_looked_at(adapter):
    wrong = [f for f in examined(adapter("snapshot-bare")) if f.status is CheckStatus.FIX]
    assert [f.check.name for f in wrong] == ["snapshot", "declared"]
    assert {p.text for f in wrong for p in f.problems} == {"snapshot: the result has no lengths"}


def test_a_dialect_has_to_be_named_by_someone(adapter):
    backend = adapter("handshake-silent-dialect")
    with pytest.raises(BackendUnusable, match="declares no dialect; say by which to judge it: --d"):
        examined(backend)
    assert not [f for f in examined(backend, dialect="mlx-lm-0.31") if f.problems]


# --------------------------------------------------------------------------- the command


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True,
                          check=False, env={**os.environ, "COLUMNS": "400"})  # fmt: skip


def doctor(*words: str) -> subprocess.CompletedProcess[str]:
    return shell(shlex.join([sys.executable, "-m", "conformance", "doctor", *words]))


def test_a_sound_adapter_s_command_judges_the_port(adapter):
    done = doctor("--backend", adapter("healthy"))
    *_, counts, verdict, command = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert counts == f"{len(CHECKS)} ok, 0 to fix, 0 blocked, 0 not applicable"
    assert verdict == "the adapter is sound; now judge the port:"
    judged = shell(f"{command} --quiet --case index.get.written")
    assert "1 passed, 0 failed, 0 not applicable: unruly 1 as mlx-lm-0.31" in judged.stdout
    assert judged.returncode == 0


def test_a_start_has_a_time_limit_of_its_own(adapter):
    done = doctor("--backend", adapter("silent-at-start"), "--timeout", "0.5")
    assert "         hang: no answer in time (a line must end" in done.stdout
    assert done.returncode == 1


def test_an_unsound_adapter_s_command_sees_again(adapter):
    done = doctor("--backend", adapter("logs"), "--dialect", "mlx-lm-0.31")
    *_, counts, advice, again, judge = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (1, "")
    assert counts == f"2 ok, 1 to fix, {len(CHECKS) - 3} blocked, 0 not applicable"
    assert advice == "fix quiet first; then see again, and when all is ok judge the port:"
    assert "--dialect mlx-lm-0.31" in judge
    repeated = shell(again)
    assert repeated.stdout == done.stdout
    assert repeated.returncode == 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--backend", "nope"], "unknown backend 'nope'"),
        (["--backend", "cmd:/no/such/port"], "/no/such/port does not start: No such file"),
        (["--dialect", "mlx-lm-0.9"], "unknown dialect 'mlx-lm-0.9'"),
        (["--seconds", "0"], "--seconds 0: write a number above 0"),
        (["--seconds", "nan"], "--seconds nan: write a number above 0"),
        (["--timeout", "-1"], "--timeout -1: write a number above 0, at most 3600"),
    ],
)
def test_bad_use_is_one_line_and_exit_code_2(words, text):
    done = doctor(*words)
    (said,) = done.stderr.splitlines()
    assert text in said
    assert (done.returncode, done.stdout) == (2, "")


# --------------------------------------------------------------------------- and in a run

READS, REFUSES, SIZE = "index.get.written", "index.get.one-past-the-end", "ident.size.written"
LOST = [
    # behaviour, case, verdict, what its detail says
    ("dies", READS, Status.CRASH, "exit code 3"),
    ("dies-between", READS, Status.CRASH, "exit code 4 in given: new("),
    ("traps", READS, Status.CRASH, "SIGILL in step 1: get("),
    ("dies-refusing", REFUSES, Status.CRASH, "SIGABRT in step 1: get("),
    ("silent", READS, Status.HANG, "no answer in time (a line must end in a newline and be flush"),
    ("no-newline", READS, Status.HANG, "only some without a newline: {"),
    ("logs", READS, Status.PROTOCOL_ERROR, "got: [info] reset"),
    ("adds-a-line", READS, Status.PROTOCOL_ERROR, "what follows the answer: done"),
    ("backwards", READS, Status.PROTOCOL_ERROR, "answer in order, with the request's id"),
    ("no-lists", READS, Status.PROTOCOL_ERROR, "requests came as a list in one line; answer like"),
    ("endless", READS, Status.PROTOCOL_ERROR, "a message is longer than 134217728 bytes"),
    ("not-utf8", READS, Status.PROTOCOL_ERROR, "stdout must carry one JSON-RPC response a line"),
    ("very-deep", READS, Status.PROTOCOL_ERROR, "a message is nested too deep"),
    ("nan", SIZE, Status.PROTOCOL_ERROR, "(JSON has no NaN and no Infinity)"),
    ("deep", SIZE, Status.PROTOCOL_ERROR, "a result is nested deeper than 160"),
    ("neither", READS, Status.PROTOCOL_ERROR, "get: neither result nor error in the response"),
    ("short-tensor", READS, Status.PROTOCOL_ERROR, "got 46 digits in step 1: get("),
    ("unknown-dtype", READS, Status.PROTOCOL_ERROR, "unknown dtype 'f32'"),
    ("shape-of-text", READS, Status.PROTOCOL_ERROR, "shape '1,2' is not a list of whole numbers"),
    ("snapshot-bare", REFUSES, Status.PROTOCOL_ERROR, "snapshot: the result has no lengths"),
    ("claims", "mask.none.is-null", Status.PROTOCOL_ERROR,
     "make_mask: it denies an operation that its handshake declares"),
    ("no-kind", REFUSES, Status.PROTOCOL_ERROR, "get: error 1 without data.kind"),
    ("odd-codes", REFUSES, Status.PROTOCOL_ERROR, "error code -5 is not one of the protocol's"),
    ("reset-refuses", READS, Status.PROTOCOL_ERROR, "reset was refused: not now"),
    ("swallows", REFUSES, Status.FAIL, ""),
    ("wrong-slot-kind", READS, Status.FAIL, ""),
    ("forks-away", READS, Status.PASS, ""),
    ("stubborn", READS, Status.PASS, ""),
    *((behaviour, READS, Status.PASS, "") for behaviour in SOUND),
    *((behaviour, REFUSES, Status.PASS, "") for behaviour, *_ in NOTED),
]  # fmt: skip
TIME = {"silent": 0.5, "no-newline": 1.0}


@pytest.mark.parametrize(("behaviour", "case", "status", "says"), LOST,
                         ids=[row[0] for row in LOST])  # fmt: skip
def test_a_run_names_it_too_and_ends(adapter, monkeypatch, behaviour, case, status, says):
    monkeypatch.setattr("conformance.transport.channel.SHUTDOWN_SECONDS", 0.5)
    run = Run(WHOLE, adapter(behaviour), None)
    started = time.monotonic()
    verdict = run.verdict(replace(WHOLE.cases[case], budget=Budget(TIME.get(behaviour, 20))))
    run.close()
    assert verdict.status is status, verdict
    assert says in words.detail(verdict)
    assert time.monotonic() - started < 60
