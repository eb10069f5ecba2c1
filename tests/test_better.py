"""A port that mends one known defect passes: every step that shows the defect names it."""

from __future__ import annotations

import pytest

from conformance.engine.plan import operations
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from tests.support import better

SUITE = load_suite()
CASES = [
    case
    for case in SUITE.cases.values()
    if not {"large", "hostile"} & {*case.tags} and not {"load", "save", "resave"} & operations(case)
]


@pytest.mark.parametrize("name", better.MENDED)
def test_the_better_outcome_is_taken_in_every_step(name):
    run = Run(SUITE, f"py:{better.__name__}:{name}", "mlx-lm-0.31")
    try:
        verdicts = [run.verdict(case) for case in CASES]
    finally:
        run.close()
    red = {v.case for v in verdicts if v.status not in (Status.PASS, Status.NOT_APPLICABLE)}
    assert red == set()
    better_ones = {c.hazard for v in verdicts for c in v.choices if c.chose is not None}
    assert better.MENDED[name] <= better_ones
