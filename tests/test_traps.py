"""Where Swift traps, the served reference dies by a signal, and the suite expects just that."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from conformance.engine.plan import applicability, plan
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.outcomes.trap import TRAP_SIGNALS
from conformance.reporting import words
from conformance.transport import connect
from conformance.transport.backend import BackendCrashed, OperationRefused

SWIFT = ["mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"]
SHOWN = 8


def served(dialect: str) -> str:
    return f"cmd:{sys.executable} -m conformance serve --dialect {dialect}"


@pytest.mark.parametrize("dialect", SWIFT)
def test_in_process_it_raises_and_served_it_dies(dialect):
    with connect("reference", dialect) as backend:
        backend.call("new", cache="c", size=2)
        with pytest.raises(OperationRefused, match="Trap"):
            backend.call("get", cache="c", slot=2)
    with connect(served(dialect), dialect) as backend:
        backend.call("new", cache="c", size=2)
        with pytest.raises(BackendCrashed) as raised:
            backend.call("get", cache="c", slot=2)
    assert raised.value.signal == signal.SIGILL
    assert raised.value.signal in TRAP_SIGNALS


@pytest.mark.parametrize("dialect", SWIFT)
def test_cases_that_expect_a_trap_pass_on_a_process_that_dies(dialect):
    suite = load_suite()
    rules = suite.dialects[dialect]
    trapping = [
        case
        for case in suite.cases.values()
        if "large" not in case.tags
        and applicability(case, rules) is None
        and plan(case, rules, suite.tensors_of(case)).may_trap
    ]
    assert len(trapping) > SHOWN
    run = Run(suite, served(dialect), dialect)
    try:
        verdicts = [run.verdict(case) for case in trapping[:: len(trapping) // SHOWN]]
    finally:
        run.close()
    assert {v.status for v in verdicts} == {Status.PASS}


def test_the_same_process_judged_by_a_dialect_without_traps_crashes():
    suite = load_suite()
    run = Run(suite, served("mlx-swift-lm-3.31.4"), "mlxrs-0.1")
    try:
        verdict = run.verdict(suite.cases["index.get.one-past-the-end"])
    finally:
        run.close()
    assert verdict.status is Status.CRASH
    assert words.detail(verdict).startswith("SIGILL in step 1: get(")


DYING = Path(__file__).parent / "support" / "dying.py"
FAULTS = ["restore.from-state.slot-count-int64-max", "hostile.edge.slot-count-beyond-memory"]


@pytest.mark.parametrize("case", FAULTS)
@pytest.mark.parametrize(
    ("name", "status"), [("mlx-swift-lm", Status.PASS), ("my-port", Status.CRASH)]
)
def test_a_memory_fault_is_only_the_own_implementations(case, name, status):
    suite = load_suite()
    run = Run(suite, f"cmd:{sys.executable} {DYING} mlx-swift-lm-3.31.4 {name}", None)
    try:
        verdict = run.verdict(suite.cases[case])
    finally:
        run.close()
    assert verdict.status is status
    if status is Status.PASS:
        (choice,) = verdict.choices
        assert (choice.hazard, choice.chose) == ("slot-count-wraps", None)
    else:
        assert words.detail(verdict).startswith("SIGSEGV in step 1: ")
        assert verdict.choices == ()


@pytest.mark.parametrize("case", FAULTS)
def test_a_trap_in_its_place_is_always_right(case):
    suite = load_suite()
    run = Run(suite, served("mlx-swift-lm-3.31.3"), "mlx-swift-lm-3.31.3")
    try:
        assert run.verdict(suite.cases[case]).status is Status.PASS
    finally:
        run.close()
