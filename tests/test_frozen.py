"""Frozen sets: a port that pins one is not red for newer cases, and hears how many there are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.cli import report as report_command
from conformance.cli.commands import parsed
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.fixtures.frozen import counts, gone, pinned
from conformance.fixtures.load import load_suite
from conformance.fixtures.read import read_suite
from conformance.fixtures.userfile import FixtureError
from conformance.reporting import json_report
from tests.support import folder
from tools.freeze import main as freeze

HAZARDS = "hazards: []\n"
NEWER = """\
- id: mask.newer
  requires: [MASK-001]
  why: A later release asks more.
  given: {c: {size: 2}}
  steps:
  - {op: make_mask, n: 3, expect: {value: 1}}
- id: mask.newer-elsewhere
  requires: [MASK-001]
  why: A later release asks more of others.
  given: {c: {size: 2}}
  steps:
  - {op: extract, index: 0, into: d, expect: {error: TypeError}}
"""
DIALECT = "mlxrs-0.1"  # has no extract


@pytest.fixture
def root(tmp_path):
    """A folder with a frozen set, and with cases that are newer than that."""
    folder.write(tmp_path, hazards=HAZARDS)
    assert freeze(["0.2"], tmp_path) == 0
    folder.write(tmp_path, folder.CHAPTER + NEWER, hazards=HAZARDS)
    return tmp_path


def statuses(suite):
    run = Run(suite, "reference", DIALECT)
    try:
        return {case.id: run.verdict(case).status for case in suite.cases.values()}
    finally:
        run.close()


def test_only_the_cases_of_the_set_count(root):
    suite = load_suite(root)
    assert statuses(suite)["mask.newer"] is Status.FAIL
    old = pinned(suite, "0.2")
    assert statuses(old) == {"mask.none": Status.PASS}
    assert counts(old, DIALECT) == f"set 0.2: 1 cases count for {DIALECT}, 1 new ones do not"
    assert counts(old, "mlx-lm-0.32").endswith("2 new ones do not")


def test_a_case_counts_for_the_dialects_of_the_set(root):
    path = root / "releases" / "0.2.yaml"
    path.write_text(path.read_text().replace(f"{DIALECT}, ", ""))
    with pytest.raises(ValueError, match="no cases for mlxrs"):
        Run(pinned(load_suite(root), "0.2"), "reference", DIALECT)
    path.write_text(path.read_text() + f"- dialects: [{DIALECT}]\n  cases:\n  - mask.newer\n")
    assert statuses(pinned(load_suite(root), "0.2")) == {
        "mask.none": Status.NOT_APPLICABLE, "mask.newer": Status.FAIL,
    }  # fmt: skip


def test_a_dialect_that_came_later_has_the_cases_of_its_parent(root):
    suite = load_suite(root)
    frozen = pinned(suite, "0.2").frozen
    later = suite.dialects["mlx-lm-0.31.2"]
    path = root / "releases" / "0.2.yaml"
    path.write_text(path.read_text().replace(f", {later.id}", ""))
    before = pinned(suite, "0.2").frozen
    assert later.id not in before.dialects
    assert before.counted(later) == frozen.counted(later) == {"mask.none"}


def test_a_set_does_not_change_and_its_cases_stay(root, capsys):
    with pytest.raises(SystemExit):
        freeze(["0.2"], root)
    assert "ports pin it; freeze another one" in capsys.readouterr().err
    with pytest.raises(FixtureError, match=r"--set 0\.3: the sets are 0\.2"):
        pinned(load_suite(root), "0.3")
    folder.write(root, folder.CHAPTER.replace("mask.none", "mask.other"), hazards=HAZARDS)
    found = list(gone(read_suite(root)))
    assert [line.partition(": ")[2] for line in found] == [
        "there is no case mask.none, which counts in the set 0.2"
    ]


def test_marks_of_a_capture_are_looked_at_before_a_set_is_frozen(root, capsys):
    chapter = folder.CHAPTER.replace("  why:", "  captured: [mlx-lm-0.32]\n  why:")
    folder.write(root, chapter, hazards=HAZARDS)
    with pytest.raises(SystemExit):
        freeze(["0.3"], root)
    assert "take the marks off first" in capsys.readouterr().err


def test_run_and_report_take_a_set(root, tmp_path, capsys):
    whole, part = tmp_path / "whole.json", tmp_path / "part.json"
    run = [sys.executable, "-m", "conformance", "run", "--quiet", "--fixtures", str(root)]
    codes, said = [], ""
    for words in ([*run, "--report", str(whole)], [*run, "--set", "0.2", "--report", str(part)]):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        codes.append(done.returncode)
        said = done.stdout
    assert codes == [1, 0], said
    line = f"set 0.2: 1 cases count for {DIALECT}, 1 new ones do not"
    assert line in said
    assert json_report.read(part).frozen == "0.2"
    merged = tmp_path / "merged.json"
    for source, words in ((part, []), (whole, ["--set", "0.2"])):
        options = parsed(["report", "merge", str(source), "-o", str(merged),
                          "--fixtures", str(root), *words])  # fmt: skip
        assert report_command.run(options) == 0
        assert line in capsys.readouterr().out
        assert [row.case for row in json_report.read(merged).verdicts] == ["mask.none"]
    options = parsed(["report", "show", str(whole), "--fixtures", str(root), "--set", "0.2"])
    assert report_command.run(options) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
