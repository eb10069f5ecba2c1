"""A kind of its own folder goes all the way, from lint to drawn sequences, with no other edit."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import msgspec
import pytest

from conformance import grammar
from conformance.doctor import report as doctor_report
from conformance.doctor.checks import checks
from conformance.doctor.examine import CheckStatus, examine
from conformance.doctor.patient import Patient
from conformance.doctor.probe import Limits
from conformance.engine.plan import applicability, plan
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.fixtures.lint import problems
from conformance.fixtures.read import read_suite
from conformance.properties.breaches import try_law
from conformance.properties.comparison import Comparison
from conformance.properties.finding import Finding
from conformance.properties.kind_properties import laws_of
from conformance.properties.profiles import PropertyChoice
from conformance.properties.search import search
from conformance.reporting import text
from conformance.reporting.explanation import explain
from conformance.transport import connect
from conformance.transport.restarting import RestartingBackend
from toy_kind.kind import COUNTER, KINDS

HERE = Path(__file__).parent
SUITE = read_suite(HERE, KINDS)
DIALECT = "mlx-lm-0.31"
RULES = SUITE.dialect(DIALECT)


def spec(behaviour: str = "right") -> str:
    return "cmd:" + shlex.join([sys.executable, str(HERE / "adapter.py"), behaviour])


def verdicts(backend: str, dialect: str | None = None):
    run = Run(SUITE, backend, dialect)
    try:
        found = [run.verdict(case) for case in SUITE.cases.values()]
        return {verdict.case: verdict for verdict in found}, run.target
    finally:
        run.close()


# --------------------------------------------------------------------------- grammar, lint, plan


def test_it_lints_clean():
    assert list(problems(SUITE)) == []


@pytest.mark.parametrize(
    ("case", "step", "said"),
    [
        ("count.add", "{op: make_mask, n: 1}", "make_mask is an operation of slots, and 'c' is of"),
        ("count.add", "{op: counter.add, cache: z, n: 1}", "no cache is called 'z' yet"),
        ("count.beside-slots", "{op: counter.add, n: 1}", "'c' is of slots"),
    ],
)
def test_an_operation_of_another_kind_is_refused(tmp_path, case, step, said):
    chapter = (HERE / "chapters" / "counting.yaml").read_text()
    head, _, tail = chapter.partition(f"- id: {case}\n")
    (tmp_path / "chapters").mkdir()
    wrong = f"{head}- id: {case}\n{tail.replace('  steps:', f'  steps:{chr(10)}  - {step}', 1)}"
    (tmp_path / "chapters" / "counting.yaml").write_text(wrong)
    assert any(said in line for line in problems(read_suite(tmp_path, KINDS)))


def test_it_is_planned_by_the_names_of_the_wire():
    case = SUITE.cases["count.beside-slots"]
    bound = plan(case, RULES, SUITE.tensors_of(case))
    assert [step.call.op for step in bound.steps] == [
        "new", "counter.new", "snapshot", "counter.snapshot"
    ]  # fmt: skip
    case = SUITE.cases["count.copy"]
    bound = plan(case, RULES, SUITE.tensors_of(case))
    assert [step.call.op for step in bound.steps] == [
        "counter.new", "counter.copy", "counter.snapshot", "counter.snapshot", "counter.add",
        "counter.snapshot",
    ]  # fmt: skip


def test_it_is_in_the_schemas():
    names = grammar.chapter_schema(KINDS)["$defs"]
    assert {"CounterAdd", "GivenCounter"} <= names.keys()
    assert "WireCounter" in grammar.protocol_schema(KINDS)["messages"]
    assert "counter.add" in KINDS.declarable


@pytest.mark.parametrize("absent", ["counter", "counter.add"])
def test_a_dialect_may_lack_it(absent):
    rules = msgspec.structs.replace(RULES, absent={absent: "no counting"})
    found = applicability(SUITE.cases["count.add"], rules)
    assert found is not None
    assert found.words() == f"{DIALECT} has no counter.add: no counting"


# --------------------------------------------------------------------------- run, judge, explain


def test_it_runs_over_stdio():
    found, _ = verdicts(spec())
    assert [verdict.status for verdict in found.values()] == [Status.PASS, Status.PASS,
                                                              Status.NOT_APPLICABLE]  # fmt: skip
    assert found["count.beside-slots"].declared_gap


def test_who_has_none_declares_a_gap():
    found, _ = verdicts("reference")
    assert {verdict.status for verdict in found.values()} == {Status.NOT_APPLICABLE}
    assert all(verdict.declared_gap for verdict in found.values())


@pytest.mark.parametrize(
    ("behaviour", "case", "said"),
    [
        ("adds-and-refuses", "count.add", "cache after the refusal, total"),
        ("shares", "count.copy", "total"),
        ("half", "count.add", "counter.snapshot: Object missing required field `additions`"),
    ],
)
def test_what_is_wrong_is_judged_and_told(behaviour, case, said):
    found, target = verdicts(spec(behaviour))
    assert found[case].status in (Status.FAIL, Status.PROTOCOL_ERROR)
    told = text.failure(found[case], SUITE, target)
    assert said in told
    assert "COUNT-00" in told


def test_it_is_explained():
    lines = "\n".join(explain(SUITE, "count.add"))
    for words in ('counter.add(cache="c", n=2)', "a counter at 6", "refused with Full", "What"):
        assert words in lines


# --------------------------------------------------------------------------- doctor


def examined(backend: str):
    patient = Patient(backend, SUITE, Limits(large=1 << 16), DIALECT)
    return {found.check.name: found for found in examine(patient, checks(patient))}


def test_the_doctor_finds_it_sound():
    found = examined(spec())
    bad = [line for one in found.values() for line in doctor_report.lines(one)
           if one.status is CheckStatus.FIX]  # fmt: skip
    assert bad == []
    for name in ("counter", "unknown-handle", "missing-argument", "snapshot", "declared", "text"):
        assert found[name].status is CheckStatus.OK, name
    assert found["dtypes"].status is CheckStatus.NOT_HERE


def test_the_doctor_finds_a_snapshot_that_forgets():
    found = examined(spec("half"))
    assert found["snapshot"].status is CheckStatus.FIX
    assert "additions" in found["snapshot"].problems[0].text


# --------------------------------------------------------------------------- properties


def compared(behaviour: str, then):
    """What `then` makes of the right adapter beside one of this behaviour."""
    judged = RestartingBackend(lambda: connect(spec(behaviour), DIALECT))
    with connect(spec(), DIALECT) as reference:
        try:
            return then(Comparison(reference, judged, RULES, KINDS))
        finally:
            judged.close()


def test_it_has_parts_of_its_own():
    parts = PropertyChoice("quick", 0, examples=200).parts(KINDS)
    own = [part.id for part in parts if part.kind == "counter"]
    assert own == ["law-sum", "counter-sequences-1-of-2", "counter-sequences-2-of-2"]


def test_sequences_of_two_that_are_alike_agree():
    found, tally = compared("right", lambda both: search(both, COUNTER, 0, 50))
    assert found is None
    assert tally.operations["counter.add"] > 50
    assert tally.operations["counter.copy"]
    assert tally.refusals["Negative"]


@pytest.mark.parametrize(("behaviour", "requirement"), [
    ("loses-the-third", "COUNT-001"), ("shares", "COUNT-002"), ("adds-and-refuses", "COUNT-001"),
])  # fmt: skip
def test_a_mistake_is_drawn_and_its_case_fails(behaviour, requirement):
    def find(both: Comparison):
        found, _ = search(both, COUNTER, 0, 200)
        assert found is not None
        finding = Finding(found, both, SUITE, "a test")
        return finding, finding.verdict()

    finding, verdict = compared(behaviour, find)
    assert verdict.status is Status.FAIL
    assert finding.case.requires == [requirement]
    assert "counter.add" in finding.yaml


def test_its_law_is_tried():
    kind, law = laws_of(KINDS)["sum"]
    assert law.not_applicable(kind, RULES, {"counter.new"}) == "the backend declares no counter.add"
    breach, tried = compared("right", lambda both: try_law(law, both, kind, 0, 20))
    assert breach is not None, "a negative number is refused"
    assert "add was refused with Negative" in breach.why
    assert tried.trials
