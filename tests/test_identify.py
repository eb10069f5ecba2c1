"""Which dialect a backend follows: what `identify` finds, and what `run` says unasked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.cli import identify as command
from conformance.cli.commands import parsed
from conformance.engine.identification import Likeness, identify, nearest, telling, verdicts
from conformance.engine.runner import Run, Terms
from conformance.engine.verdict import Status, Verdict
from conformance.fixtures.load import load_suite
from conformance.reporting.identity import conclusion, hint, page

SUITE = load_suite()
TELLING = telling(SUITE)


def found_by(backend: str, dialect: str, cases=TELLING):
    run = Run(SUITE, backend, dialect)
    try:
        return identify(run, cases)
    finally:
        run.close()


@pytest.mark.parametrize("dialect", SUITE.dialects)
def test_the_reference_is_found_to_follow_the_dialect_that_it_is_opened_in(dialect):
    found = found_by("reference", dialect)
    assert [each.dialect.id for each in nearest(found)] == [dialect]
    assert conclusion(found).startswith(f"it follows {dialect} (")
    assert not found[0].failures
    assert len(found) == len(SUITE.dialects)


@pytest.mark.parametrize(("backend", "dialect"), [
    ("reference", "mlxrs-0.1"), ("reference", "mlx-lm-0.32"), ("mutant:mask-inverted", "mlxrs-0.1"),
])  # fmt: skip
def test_one_execution_gives_the_verdicts_that_a_run_in_each_dialect_gives(backend, dialect):
    opened = {name: Run(SUITE, backend, dialect) for name in SUITE.dialects}
    for name, run in opened.items():
        run.dialect = SUITE.dialects[name]  # judged by it; the backend stays what it is
    try:
        for case in TELLING:
            for verdict in verdicts(opened[dialect], case, SUITE.dialects.values()):
                alone = opened[verdict.dialect].verdict(case)
                assert verdict.status is alone.status, (case.id, verdict.dialect)
                assert verdict.mismatches == alone.mismatches, (case.id, verdict.dialect)
                assert verdict.declared_gap == alone.declared_gap
    finally:
        for run in opened.values():
            run.close()


def test_few_cases_tell_any_two_dialects_apart():
    assert len(TELLING) < len(SUITE.cases) / 3
    assert not {"large", "hostile"} & {tag for case in TELLING for tag in case.tags}


def test_what_parts_a_backend_from_the_nearest_dialect_is_said_by_requirement():
    masks = [
        case for case in SUITE.cases.values()
        if case.id.startswith("mask.left-padding.") and not case.id.endswith("2-to-the-24")
    ]  # fmt: skip
    run = Run(SUITE, "mutant:mask-inverted", None)
    try:
        found = identify(run, masks)
        lines = list(page(found, SUITE, "mutant:mask-inverted", run.handshake.implementation))
    finally:
        run.close()
    failed = {verdict.case for verdict in found[0].failures}
    assert failed
    assert found[0].passed + len(failed) == found[0].applied
    (first, *_) = [line for line in lines if line.startswith("  MASK-")]
    assert "cases: " in first
    example = lines[lines.index(first) + 1]
    assert example.split(":")[0].strip() in failed
    assert "expected " in example
    assert lines[-1].endswith(f"--backend mutant:mask-inverted --dialect {found[0].dialect.id}")


def test_the_command_shows_a_ranking_and_its_exit_code_says_whether_there_was_anything(capsys):
    words = ["identify", "--backend", "reference", "--case", "mask.left-padding.*"]
    assert command.run(parsed(words)) == 0
    said = capsys.readouterr().out
    assert all(f"\n{dialect} " in said for dialect in SUITE.dialects)
    assert "\nit follows mlxrs-0.1 (" in said


def test_nothing_carried_out_is_like_nothing():
    found = found_by("reference", "mlxrs-0.1", [])
    assert conclusion(found).startswith("it can carry out no case")


DIALECTS = list(SUITE.dialects.values())
FAILURE = Verdict("mask.none.is-null", "mlxrs-0.1", Status.FAIL)


@pytest.mark.parametrize(("likenesses", "said"), [
    ([Likeness(DIALECTS[0], 2), Likeness(DIALECTS[1], 2)],
     "no case parts these: mlxrs-0.1, mlx-lm-0.31 (2 of 2 cases pass)"),
    ([Likeness(DIALECTS[0], 1, [FAILURE] * 2)],
     "it follows none; the nearest is mlxrs-0.1 (1 of 3 cases pass)"),
    ([Likeness(DIALECTS[0], 2, [FAILURE])], "nearest: mlxrs-0.1 (2 of 3 cases pass)"),
    ([Likeness(DIALECTS[0], 2)], "it follows mlxrs-0.1 (2 of 2 cases pass)"),
])  # fmt: skip
def test_the_answer_in_one_line(likenesses, said):
    assert conclusion(likenesses) == said


def test_what_is_lacking_or_beyond_decides_between_dialects_of_equal_share():
    one, *others = (
        Likeness(DIALECTS[0], 9, gaps=0), Likeness(DIALECTS[0], 9, gaps=1),
        Likeness(DIALECTS[0], 9, gaps=1, beyond=("trim",)), Likeness(DIALECTS[0], 8),
        Likeness(DIALECTS[0], 99, [FAILURE]),
    )  # fmt: skip
    assert sorted([*others, one], key=lambda each: each.rank) == [one, *others]


def test_a_hint_names_the_dialect_unless_it_is_the_declared_one():
    backend = "py:reference_impl:ArraysCache"
    assert "it follows mlxrs-0.1 (" in hint(SUITE, backend, Terms(), "mlx-lm-0.31")
    assert hint(SUITE, backend, Terms(), "mlxrs-0.1") == ""


def said_by_run(tmp_path, declares: str, *more: str) -> str:
    """What `run` prints about the reference in mlx-lm-0.32 that says to be another dialect."""
    port = tmp_path / "port.py"
    port.write_text(
        "from conformance.transport.adapter import serve\n"
        "from conformance.transport.python_adapters import reference\n"
        "adapter = reference('mlx-lm-0.32')\n"
        f"adapter.dialect = {declares!r}\n"
        "serve(adapter.perform)\n"
    )
    words = ["run", "--quiet", "--backend", f"cmd:{sys.executable} {port}", "--case", "state.*"]
    done = subprocess.run(
        [sys.executable, "-m", "conformance", *words, *more],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (1 if declares else 2)
    return done.stdout + done.stderr


def test_run_names_the_dialect_of_a_backend_that_declares_none(tmp_path):
    said = said_by_run(tmp_path, "")
    assert "declares no dialect; say by which to judge it: " in said
    assert "it follows mlx-lm-0.32 (" in said


@pytest.mark.parametrize(("options", "hinted"), [([], True), (["--dialect", "mlxrs-0.1"], False)])
def test_run_names_the_dialect_of_a_backend_that_fails_much(tmp_path, options, hinted):
    said = said_by_run(tmp_path, "mlxrs-0.1", *options)
    assert ("it follows mlx-lm-0.32 (" in said) == hinted
