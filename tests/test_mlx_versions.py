"""Outcomes that depend on the mlx underneath: the handshake's version decides which one holds."""

from __future__ import annotations

import msgspec
import pytest
from support.judging import TENSORS, case, dialect, verdict

from conformance.calls import Refused
from conformance.engine.plan import plan
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.outcomes.mlx_versions import holding, ordered
from conformance.reporting.explanation import explain

SUITE = load_suite()
OLDEST, OLD, NEW = "TypeError", "ValueError", "IndexError"
STEP = (
    "- {op: make_mask, n: 1, expect: {error: IndexError, "
    'mlx: {"<0.32.3": {error: ValueError}, "<0.32.0": {error: TypeError}}}}'
)
GIVEN = {"given": {"c": {"size": 1}}}


def judged(mlx, error):
    bound = plan(case(STEP, **GIVEN), dialect(), TENSORS, "mlx-lm", mlx)
    return verdict(bound, None, Refused(error, "no")).status


@pytest.mark.parametrize(
    ("mlx", "right"),
    [("0.30.6", OLDEST), ("0.31.2", OLDEST), ("0.32.0", OLD), ("0.32.2", OLD), ("0.32.3", NEW),
     ("0.32.10", NEW), ("0.33.0", NEW), ("1.0", NEW), ("0.32.2.dev20260101+abc", OLD),
     ("0.32", OLD), ("", NEW), ("unknown", NEW)],
)  # fmt: skip
def test_the_version_of_mlx_decides_which_outcome_holds(mlx, right):
    """No other one is taken; a port that names no mlx is judged as the newest."""
    for error in (OLDEST, OLD, NEW):
        assert judged(mlx, error) is (Status.PASS if error == right else Status.FAIL)


def test_what_is_better_with_an_older_mlx_is_taken_there_alone():
    step = (
        "- {op: make_mask, n: 1, expect: {value: null, mlx: "
        '{"<0.32.1": {error: TypeError, hazard: h, accept: [{value: 7}]}}}}'
    )
    bound = {mlx: plan(case(step, **GIVEN), dialect(), TENSORS, "x", mlx)
             for mlx in ("0.32.0", "0.32.1")}  # fmt: skip
    assert verdict(bound["0.32.0"], None, 7).status is Status.PASS
    assert verdict(bound["0.32.0"], None, None).status is Status.FAIL
    assert verdict(bound["0.32.1"], None, 7).status is Status.FAIL
    assert verdict(bound["0.32.1"], None, None).status is Status.PASS


@pytest.mark.parametrize("key", ["0.32.3", "<0", "<=0.32.3", ">0.32.3", "<0.32.x", "<"])
def test_a_version_is_written_as_the_one_before_which_it_holds(key):
    with pytest.raises(msgspec.ValidationError):
        case(f'- {{op: empty, expect: {{value: true, mlx: {{"{key}": {{value: false}}}}}}}}')


def test_versions_are_compared_as_numbers_and_not_as_texts():
    table = ordered({"<0.9.1": "a", "<0.32.1": "c", "<0.10.0": "b"}.items())
    assert [holding(table, mlx) for mlx in ("0.9.0", "0.9.1", "0.31.2", "0.32.1")] == [
        "a", "b", "c", None,
    ]  # fmt: skip


def test_explain_shows_what_holds_with_an_older_mlx():
    said = "\n".join(explain(SUITE, "mask.none.beyond-int32", SUITE.dialects["mlx-lm-0.32"]))
    assert "step 1: refused with ValueError" in said
    assert "with mlx before 0.32.1: refused with TypeError" in said


def test_files_of_real_releases_depend_on_the_mlx_that_writes_them():
    """mlx-lm on mlx 0.31.2 refuses tensors without elements and destroys what it saves over."""
    here, swift = SUITE.dialects["mlx-lm-0.31"], SUITE.dialects["mlx-swift-lm-3.31.4"]

    def own(name, mlx, by):
        found = SUITE.cases[name]
        (step,) = plan(found, by, SUITE.tensors_of(found), by.implementation, mlx).steps
        return step.expect.own.words()

    empty, resaved = "file.write.empty-slot", "file.resave.mlx-lm-0.31.3.full"
    assert own(empty, "0.31.2", here) == "refused with ValueError" != own(empty, "0.32.1", here)
    assert own(resaved, "0.32.2", here) == "refused with RuntimeError"
    assert own(resaved, "0.31.2", here).startswith("undefined")
    assert own(resaved, "0.32.3", here) == own(resaved, "", here)
    assert own(empty, "0.31.2", swift) == own(empty, "", swift), "its mlx is its own"
