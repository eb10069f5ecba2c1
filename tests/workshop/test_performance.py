"""`make bench`: each part runs at its smallest, and the page says what was measured and missed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from conformance.benchmarks.pairs import Spread
from conformance.fixtures.load import load_suite
from tools.performance import operations, suite
from tools.performance.figures import Figure, least, most, paired
from tools.performance.page import page

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_figure_is_judged_by_its_median():
    value = Spread(1.0, 0.5, 9.0)
    assert most("x", value, 1.0).met is True
    assert most("x", value, 0.9).met is False
    assert least("x", value, 1.0).met is True
    assert least("x", value, 1.1, " s") == Figure(
        "x", "1 s (0.5 to 9)", "at least 1.1 s", False, ""
    )


def test_a_pair_is_measured_in_turn():
    said = []
    ratio, mine, other = paired(lambda: said.append("a"), lambda: said.append("b"), 2)
    assert "".join(said) == "ab" + "abba"
    assert ratio.median > 0 < mine.median
    assert other.median > 0


def test_the_page_names_what_is_missed():
    good = Figure("good", "1", "at most 2", True)
    figures = [good, Figure("bad", "3", "at most 2", False, "why")]
    text = page({"cores": 2}, [("Part", "Words.", figures)], "Reasons.", [("Lines", "a.svg")], [])
    assert "| good | 1 | at most 2 | met |" in text
    assert "| bad | 3; why | at most 2 | **missed** |" in text
    assert "- bad: 3, should be at most 2" in text
    assert "- good" not in text
    assert "![Lines](a.svg)" in text
    assert "| cores | 2 |" in text


def test_the_parts_run_at_their_smallest(tmp_path):
    command = [sys.executable, "-m", "tools.performance", "--smallest", "--out", str(tmp_path)]
    for part in ("metadata", "states", "files"):
        command += ["--only", part]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "performance.md").read_text()
    for figure in ("writing meta_state of 100 slots", "refusing 10 MB", "steps", "saving",
                   "loading", "### meta_state"):  # fmt: skip
        assert figure in text
    assert "<svg" in (tmp_path / "performance" / "metadata.svg").read_text()


def test_operations_are_compared_with_another_backend():
    chosen = operations.chosen(10_000, ("extract", "merge", "make_mask"))
    rows = operations.rows(
        "reference", "reference", "mlx-lm-0.32", chosen, 0.01, tell=lambda text: None
    )
    figures = list(operations.against_mlx_lm(rows))
    assert [figure.what for figure in figures][:1] == ["merge, all sizes"]
    assert any("1x1" in figure.what for figure in operations.masks(rows))


@pytest.mark.parametrize("factor", [1, 3])
def test_replicated_fixtures_are_sound_and_so_many(tmp_path, factor):
    whole = load_suite(suite.replicate(tmp_path / "f", factor))
    assert len(whole.cases) % factor == 0
    assert len(whole.cases) // factor > 60
    assert set(suite.scripted(whole)) <= set(whole.cases)
