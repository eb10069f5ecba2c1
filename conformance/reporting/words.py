"""The words of a verdict: what a report shows of a step, of a difference and of a choice."""

from __future__ import annotations

from conformance.engine.plan import PlannedStep
from conformance.engine.verdict import Choice, Mismatch, Side, StepRecord, Verdict
from conformance.outcomes.difference import SUCCESS
from conformance.outcomes.registry import Expectation

WHOLE_CASE = "memory over the case"


def step(planned: PlannedStep) -> str:
    """`step 2: set_meta_state(cache="c", meta_state=["3", "-1"])`."""
    return StepRecord(planned.number, planned.call.op, planned.call.arguments).words()


def expectation(expect: Expectation | None) -> str:
    """What a step must come to by the dialect's own outcome."""
    return (expect.own if expect else SUCCESS).words()


def place(mismatch: Mismatch) -> str:
    """The step of a difference."""
    return mismatch.step.words() if mismatch.step else WHOLE_CASE


def chose(choice: Choice) -> str:
    """Which outcome was chosen."""
    return (choice.chose or Side(better=False)).words()


def detail(verdict: Verdict) -> str:
    """How it crashed or why it does not apply; empty where there is no more to say."""
    return verdict.detail.words() if verdict.detail else ""
