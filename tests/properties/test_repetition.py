"""What is found is asked again: answers that change, looks at the end, the call that ends it."""

from __future__ import annotations

import signal

import pytest

from conformance.calls import Call
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.kinds import KINDS
from conformance.properties import driver, shorten, transcript
from conformance.properties.comparison import Comparison
from conformance.properties.driver import Search
from conformance.properties.kind_properties import drawings_of, properties_of
from conformance.properties.profiles import PropertyChoice
from conformance.properties.run import Properties
from conformance.properties.sequences import sequences
from conformance.properties.shorten import redrawn
from conformance.transport import connect
from conformance.transport.backend import Backend, BackendCrashed, ProtocolViolation
from conformance.transport.causes import Violation
from conformance.transport.restarting import RestartingBackend

SUITE = load_suite()
DIALECT = "mlx-lm-0.31"


class Odd(Backend):
    """The reference, but for what `change` makes of an answer: it gets a call and its result."""

    def __init__(self, change, dialect: str = DIALECT, pid: int | None = None) -> None:
        self._behind = connect("reference", dialect)
        self._change = change
        self.handshake = self._behind.handshake
        self.pid = pid

    def call(self, op, **arguments):
        return self._change(Call(op, arguments), self._behind.call(op, **arguments))

    def call_all(self, calls, seconds):
        return list(super().call_all(calls, seconds))

    def close(self):
        self._behind.close()


class Once:
    """Wrong at the `at`-th call of an operation, and only then."""

    def __init__(self, op: str, at: int) -> None:
        self.op, self.left = op, at

    def __call__(self, call: Call, result):
        if call.op != self.op:
            return result
        self.left -= 1
        return 12345 if self.left == 0 else result


def always(op: str):
    return lambda call, result: 12345 if call.op == op else result


@pytest.fixture
def tried(monkeypatch, tmp_path):
    """What a part comes to on an odd backend."""
    monkeypatch.setattr(driver, "SHRINK_ATTEMPTS", 5)
    monkeypatch.setattr(shorten, "SECONDS", 0.2)

    def tried(change, part: str):
        run = Run(SUITE, "reference", DIALECT)
        monkeypatch.setattr(run, "restarting", lambda *_: RestartingBackend(lambda: Odd(change)))
        choice = PropertyChoice("quick", 0)
        properties = Properties(run, choice, tmp_path)
        (chosen,) = [each for each in choice.parts(KINDS) if each.id == part]
        try:
            return properties.result(chosen)
        finally:
            properties.close()
            run.close()

    return tried


@pytest.mark.parametrize("part", ["sequences-1-of-2", "law-batch-size"])
def test_an_answer_that_changes_is_flaky_and_shows_both(tried, part):
    result = tried(Once("batch_size", 3), part)
    assert result.status is Status.FLAKY
    assert result.status.failed
    assert "the same calls were answered in two ways:" in result.detail
    assert "first: 12345" in result.detail
    assert "then:  1" in result.detail or "then:  2" in result.detail or "then:  3" in result.detail


def test_a_file_that_is_loaded_wrongly_once_is_flaky(tried):
    result = tried(Once("load", 2), "files-1-of-2")
    assert result.status is Status.FLAKY
    assert "as expected when it was asked again" in result.detail


def test_what_is_wrong_each_time_is_no_flaky(tried):
    assert tried(always("batch_size"), "law-batch-size").status is Status.FAIL
    assert tried(always("load"), "files-1-of-2").status is Status.FAIL


def test_a_transcript_ends_with_a_look_at_every_cache(tried, tmp_path):
    tried(always("merge"), "sequences-1-of-2")
    (path,) = tmp_path.glob("*.jsonl")
    _, calls = transcript.read(path)
    (at,) = [index for index, call in enumerate(calls) if call.op == "merge"]
    makers = [call for call in calls[: at + 1] if call.op in ("new", "copy", "merge")]
    made = {call.arguments.get("into", call.arguments.get("cache")) for call in makers}
    assert {call.arguments["cache"] for call in calls[at + 1 :]} >= made
    assert {call.op for call in calls[at + 1 :]} == {"snapshot"}


def test_what_the_adapter_does_not_take_is_named_at_once(tried):
    refused = []

    def change(call, result):
        if call.op == "filter":
            refused.append(call)
            raise ProtocolViolation(Violation.ARGUMENTS_NOT_TAKEN, "filter: no such thing")
        return result

    result = tried(change, "sequences-1-of-2")
    assert result.status is Status.PROTOCOL_ERROR
    head, call, *_ = result.detail.splitlines()
    assert "arguments that the adapter does not take" in head
    assert call.strip().startswith("filter(cache=")
    assert "filter: no such thing" in result.detail
    assert len(refused) < 10, "it is not made small"


def test_a_death_before_a_trap_is_where_it_happens():
    dialect = SUITE.dialect("mlx-swift-lm-3.31.3")

    def change(call, result):
        if call.op == "class_name":
            raise BackendCrashed("SIGSEGV", "", signal.SIGSEGV)
        return result

    with connect("reference", dialect.id) as reference:
        session = RestartingBackend(lambda: Odd(change, dialect.id, pid=1))
        comparison = Comparison(reference, session, dialect, KINDS)
        calls = [Call("reset"), Call("new", {"cache": "a", "size": 1, "left_padding": None}),
                 Call("class_name", {"cache": "a"}), Call("snapshot", {"cache": "a"}),
                 Call("get", {"cache": "a", "slot": 7})]  # fmt: skip
        drawn = redrawn(comparison, calls)
        assert drawn is not None
        assert drawn.traps
        found = comparison.compare(drawn)
        assert found is not None
        assert found.drawn.calls[-1].op == "class_name"
        sound = Comparison(reference, RestartingBackend(lambda: Odd(
            lambda call, result: result, dialect.id)), dialect, KINDS)  # fmt: skip
        assert sound.compare(drawn) is None


def test_what_the_dialect_cannot_express_is_not_drawn():
    """mlxrs has unsigned numbers and no optional tensor there."""
    dialect = SUITE.dialect("mlxrs-0.1")
    forbidden = {"slot": lambda v: v < 0, "size": lambda v: v < 0, "lengths": lambda v: v is None,
                 "value": lambda v: v is None}  # fmt: skip
    of_batches = {"prepare-left_padding"}
    assert set(dialect.inexpressible) - of_batches == {
        "negative-index", "negative-count", "null-slot", "null-lengths",
    }  # fmt: skip
    wrong, seen = [], 0

    def look(drawn):
        nonlocal seen
        for call in drawn.calls:
            seen += call.op == "set"
            wrong.extend(
                call for name, is_wrong in forbidden.items()
                if name in call.arguments and call.op in ("get", "set", "new", "prepare", "hold")
                and is_wrong(call.arguments[name])
            )  # fmt: skip
            if call.op == "advance" and call.arguments["n"] < 0:
                wrong.append(call)

    kind = next(iter(KINDS))
    assert properties_of(kind).drawing is not None
    with connect("reference", dialect.id) as reference:
        operations = set(reference.handshake.capabilities) & set(KINDS.case_operations)
        drawing = sequences(reference, dialect, operations, drawings_of(KINDS, kind))
        Search(drawing, look, size=len).run(5, 60)
    assert seen > 50
    assert wrong == []
