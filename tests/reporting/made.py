"""A report with every verdict there is, on cases of the suite, without running one."""

from __future__ import annotations

from msgspec.structs import replace

from conformance.calls import Refused
from conformance.engine.plan import NotApplicable, Undeclared
from conformance.engine.verdict import (
    Choice,
    Lost,
    Mismatch,
    NotRun,
    Status,
    StepRecord,
    SuiteBug,
    TooMuchMemory,
    Verdict,
)
from conformance.fixtures.load import load_suite
from conformance.outcomes.difference import SUCCESS, Difference
from conformance.outcomes.refused import RefusedOutcome
from conformance.outcomes.value import ValueOutcome
from conformance.reporting import json_report
from conformance.transport.messages import Implementation

SUITE = load_suite()
DIALECT = "mlx-lm-0.32"
WHO = Implementation("port <b>&", "1.2", "c++")
GET = StepRecord(2, "get", {"cache": "c", "slot": 7})


def mismatch(got, expected=SUCCESS, place="", op=GET, **more):
    return Mismatch(op, Difference(place, expected, got), **more)


REFUSED = mismatch(Refused("TypeError", "no slot 7 | `x`"))
WRONG = mismatch(5, ValueOutcome(4), "left_padding[0]",
                 accept=(RefusedOutcome("out of range"),), hazard="slots-unchecked")  # fmt: skip
EVERY = [
    {"status": Status.FAIL, "mismatches": (REFUSED,)},
    {"status": Status.FAIL, "mismatches": (REFUSED, WRONG)},
    {"status": Status.FAIL, "mismatches": (mismatch(5, ValueOutcome(4)),)},
    {"status": Status.FAIL, "mismatches": (WRONG,)},
    {"status": Status.FAIL, "mismatches": (WRONG,), "known": "later | <i>"},
    {"status": Status.CRASH, "detail": Lost("SIGSEGV", GET, "frame 1\n\x1b[31mframe 2\x00")},
    {"status": Status.HANG, "detail": Lost("no answer in 10 s", GET, granted=10.0)},
    {"status": Status.OVER_BUDGET, "detail": TooMuchMemory(64)},
    {"status": Status.PROTOCOL_ERROR, "detail": Lost("invalid character (byte 1)", GET)},
    {"status": Status.FLAKY, "mismatches": (REFUSED,)},
    {"status": Status.SUITE_BUG, "detail": SuiteBug("KeyError: 'x'", "Traceback")},
    {"status": Status.NOT_APPLICABLE, "detail": NotRun(NotApplicable("there is no such class"))},
    {"status": Status.NOT_APPLICABLE, "declared_gap": True,
     "detail": NotRun(Undeclared(operations=("get", "set")))},
    {"status": Status.NOT_APPLICABLE, "declared_gap": True,
     "detail": NotRun(Undeclared(operations=("set",)))},
    {"status": Status.PASS,
     "choices": (Choice(next(iter(SUITE.hazards)), None),)},
]  # fmt: skip


def verdicts(*, failing=True):
    for number, case in enumerate(SUITE.cases):
        said = EVERY[number % 41] if failing and number % 41 < len(EVERY) else {}
        yield Verdict(case, DIALECT, **{"status": Status.PASS, "seconds": 0.01, **said})


def report(rows=None, **changes):
    rows = list(verdicts() if rows is None else rows)
    made = json_report.make(rows, SUITE, "cmd:./port --x '<y>'", DIALECT, WHO, (1, 1), False)
    return replace(made, **{"seconds": 12.5, "date": "2026-11-27", "platform": "Linux", **changes})
