"""A result keeps a report in little, and those that are kept are whole."""

from __future__ import annotations

import json
import re

import pytest
from msgspec.structs import replace
from reporting.made import SUITE, report

from conformance.fixtures.userfile import FixtureError
from tools.results import stored
from tools.results.recipes import ROOT, recipes
from tools.site.pages import picture
from tools.site.standings import board

KEPT = stored.read_all()


def test_a_report_comes_back_from_a_result_but_for_the_seconds_of_cases(tmp_path):
    path = tmp_path / "results" / "r.json"
    stored.write(path, report())
    back = stored.read(path)
    rows = sorted(report().verdicts, key=lambda verdict: verdict.case)
    assert back.verdicts == [replace(verdict, seconds=0.0) for verdict in rows]
    assert back == replace(report(), verdicts=back.verdicts)
    assert stored.kept(back) == stored.kept(stored.whole(stored.kept(back)))
    json.loads(path.read_text())


def test_a_file_that_is_no_result_is_named(tmp_path):
    path = tmp_path / "r.json"
    path.write_text('{"run": 1}')
    with pytest.raises(FixtureError, match="not a result of tools"):
        stored.read(path)


def test_the_results_that_are_kept_are_small_and_say_what_they_are_of():
    assert {"mlx-lm-0.32.2", "mlx-lm-0.31.3", "mlx-swift-lm-3.31.4", "mlxrs-0.1"} <= set(KEPT)
    for name, kept in KEPT.items():
        assert (stored.RESULTS / f"{name}.json").stat().st_size < 250_000, name
        assert kept.dialect in SUITE.dialects, name
        assert kept.platform, name
        assert kept.date, name
        assert not any(part in kept.backend for part in ("/work", "/home", "/Users")), name


def test_everything_that_is_run_has_a_name_and_a_dialect():
    found = list(recipes(SUITE))
    assert len({recipe.name for recipe in found}) == len(found)
    assert {recipe.dialect for recipe in found} - {""} <= set(SUITE.dialects)
    for dialect in SUITE.dialects.values():
        if dialect.backend:
            assert dialect.backend in {recipe.backend for recipe in found}


def test_the_picture_in_the_readme_is_of_these_results():
    kept = (ROOT / "docs" / "board.svg").read_text()
    assert kept.startswith(picture(board(SUITE, {}))[:60])
    shown = re.findall(r'<text x="20" y="\d+">([^<]+)</text>', kept)
    rows = [each for each in board(SUITE, KEPT).real if not each.is_skeleton]
    assert shown == [each.title for each in rows], "run: make results"
    for each in rows:  # their widths follow the number of cases, which grows before a result does
        assert f">{each.passed:,}</text>" in kept, "run: make results"
