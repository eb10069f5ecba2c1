"""Dying, hanging and overeating are verdicts of their own, and cost only their own case."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from conformance.engine.case import Budget, Case
from conformance.engine.plan import applicability, plan
from conformance.engine.runner import Run, Terms
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.outcomes.error import ErrorOutcome
from conformance.reporting import words
from conformance.transport.messages import Implementation
from conformance.transport.restarting import MAX_RESTARTS

SUPPORT = Path(__file__).parent / "support"
SUITE = load_suite()
RULES = SUITE.dialects["mlxrs-0.1"]


@pytest.fixture
def judged(monkeypatch):
    """Opens runs, and checks at the end that they left no process behind."""
    monkeypatch.chdir(os.path.dirname(os.path.dirname(__file__)))
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    runs = []

    def open_run(backend: str, dialect: str = "mlxrs-0.1", **terms: bool) -> Run:
        runs.append(Run(SUITE, backend, dialect, Terms(**terms)))
        return runs[-1]

    yield open_run
    for run in runs:
        run.close()
    left = {child.pid for child in psutil.Process().children(recursive=True)} - before
    assert not left, "processes were left running"


def over_limit():
    """A case of one refusal, with a budget of its own."""
    case = next(c for c in SUITE.cases.values() if "hostile" in c.tags and refuses(c))
    return msgspec.structs.replace(case, budget=Budget(seconds=20, memory_mb=8))


def refuses(case) -> bool:
    """Whether mlxrs-0.1 refuses metadata somewhere in the case."""
    return applicability(case, RULES) is None and any(
        step.operation.wire == "set_meta_state"
        and step.expect is not None
        and isinstance(step.expect.error, str)
        for step in case.steps
    )


@pytest.mark.parametrize(
    ("name", "status"), [("HungryBy200", Status.OVER_BUDGET), ("HungryByHalf", Status.PASS)]
)
def test_memory_is_measured_each_time(judged, name, status):
    run = judged(f"py:tests.support.backends:{name}")
    case = over_limit()
    times = 10 if "EVERY_REFUSAL" in os.environ else 3
    verdicts = [run.verdict(case) for _ in range(times)]
    assert [v.status for v in verdicts] == [status] * times, [words.detail(v) for v in verdicts]
    if status is Status.OVER_BUDGET:
        assert words.detail(verdicts[0]) == "more memory than the 8 MB that the case grants"
        (row,) = verdicts[0].mismatches
        assert row.difference.words()[0] == "at most 8 MB more"
        assert 200 <= row.difference.got.amount < 300


@pytest.mark.parametrize(
    ("name", "status"), [("LoadsCode", Status.PASS), ("Leaks", Status.OVER_BUDGET)]
)
def test_what_is_loaded_once_is_not_charged_and_what_is_kept_again_is(judged, name, status):
    verdict = judged(f"py:tests.support.backends:{name}").verdict(over_limit())
    assert verdict.status is status, words.detail(verdict)


@pytest.mark.parametrize(
    ("name", "on_a_gpu", "status"),
    [
        ("LoadsCodeForLongTexts", False, Status.OVER_BUDGET),
        ("LoadsCodeForLongTexts", True, Status.PASS),
        ("HungryBy200", True, Status.OVER_BUDGET),
        ("Leaks", True, Status.OVER_BUDGET),
    ],
)
def test_a_gpu_may_compile_kernels_for_one_case(judged, monkeypatch, name, on_a_gpu, status):
    monkeypatch.setattr(Implementation, "accelerated", on_a_gpu)
    verdict = judged(f"py:tests.support.backends:{name}").verdict(over_limit())
    assert verdict.status is status, words.detail(verdict)


def negative(dialect: str) -> list[Case]:
    """The cases of slot caches and files in which the dialect refuses something; those of all kinds
    are more than the starts that a run has.
    """
    rules, found = SUITE.dialects[dialect], []
    for case in SUITE.cases.values():
        if applicability(case, rules) is None:
            bound = plan(case, rules, SUITE.tensors_of(case))
            expected = [step.expect.own for step in bound.steps if step.expect]
            if bound.kinds <= {"slots", "files"} and any(
                isinstance(own, ErrorOutcome) for own in expected
            ):
                found.append(case)
    return found


@pytest.mark.parametrize(("dialect", "count"), [("mlxrs-0.1", 150), ("mlx-lm-0.31", 100)])
def test_dying_is_never_refusing(judged, dialect, count):
    run = judged(f"cmd:{sys.executable} {SUPPORT / 'dying.py'} {dialect}", dialect=dialect)
    cases = negative(dialect)
    assert len(cases) > count
    assert 2 * len(cases) < MAX_RESTARTS, "the suite gives up before it has judged them all"
    for case in cases if "EVERY_REFUSAL" in os.environ else cases[:: count // 4]:
        verdict = run.verdict(case)
        assert verdict.status is Status.CRASH, case.id
        assert words.detail(verdict).startswith("SIGSEGV in step")
    for sound in ("mask.none.is-null", "index.get.written"):
        assert run.verdict(SUITE.cases[sound]).status is Status.PASS


def test_isolated_cases_run_in_another_process(judged):
    before = set(psutil.Process().children())
    run = judged("reference", isolate=True)
    assert run.verdict(SUITE.cases["mask.none.is-null"]).status is Status.PASS
    assert len(set(psutil.Process().children()) - before) == 1
    run = judged("reference")
    assert run.verdict(SUITE.cases["mask.none.is-null"]).status is Status.PASS
    now = set(psutil.Process().children()) - before
    assert len(now) == 1, "a case that is not hostile stays in process"


def test_required_gaps_are_failures(judged):
    run = judged("reference", require=True)
    run.handshake.capabilities.remove("make_mask")
    verdict = run.verdict(SUITE.cases["mask.none.is-null"])
    assert verdict.status is Status.FAIL
    assert words.detail(verdict) == "the backend declares no make_mask, and all are required"
