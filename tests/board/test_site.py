"""The pages of the site: every id has its place, and every link leads somewhere."""

from __future__ import annotations

import re
from dataclasses import replace as replaced

import pytest
from msgspec.structs import replace
from reporting.made import DIALECT, SUITE, WHO, verdicts

from conformance.engine.verdict import Status
from conformance.reporting import json_report
from conformance.reporting.divergence import divergences
from tools.site import links
from tools.site.__main__ import write
from tools.site.outcomes import Outcomes
from tools.site.pages import Site
from tools.site.standings import Count, board

CHAPTERS = ("masks", "copy")
SMALL = replaced(SUITE, chapters=tuple(f for f in SUITE.chapters if f.name in CHAPTERS))


def result(**changes):
    rows = [each for each in verdicts() if each.case in SMALL.cases]
    made = json_report.make(rows, SMALL, "cmd:./port", DIALECT, WHO, (1, 1), False)
    return replace(made, date="2026-11-27", platform="Linux", **changes)


OLD = result(fixtures="0000")
RESULTS = {
    "port-1.2": result(),
    "reference-mlx-lm-0.32": result(),
    "old-0.1": replace(OLD, verdicts=[replace(OLD.verdicts[0], case="a.gone"), *OLD.verdicts[9:]]),
}


@pytest.fixture(scope="module")
def pages():
    return {page.path: page for page in Site(board(SMALL, RESULTS)).pages()}


def test_every_link_leads_somewhere(pages):
    assert list(links.broken({path: page.content for path, page in pages.items()})) == []


def test_links_that_lead_nowhere_are_found():
    made = {"a.html": '<a href="b/c.html#x">1</a><a href="https://elsewhere.org">2</a>',
            "b/c.html": '<p id="y"></p><a href="../a.html">1</a><a href="d.html">2</a>'
                        '<img src="../e.png">'}  # fmt: skip
    found = list(links.broken(made))
    assert len(found) == 3
    for part in ("a.html: b/c.html#x: b/c.html has no such anchor", "there is no b/d.html",
                 "there is no e.png"):  # fmt: skip
        assert any(part in line for line in found), part
    assert len(list(links.broken(made, frozenset({"e.png"})))) == 2


def test_every_id_has_its_place(pages):
    for name in SMALL.requirements:
        assert f"requirements/{name}.html" in pages
    for name in SMALL.hazards:
        assert f"hazards/{name}.html" in pages
        assert f'id="{name}"' in pages["hazards/index.html"].content
    for name, case in SMALL.cases.items():
        assert f'id="{name}"' in pages[f"requirements/{case.requires[0]}.html"].content
    for key in RESULTS:
        assert f"implementations/{key}.html" in pages


def test_a_page_says_what_was_answered(pages):
    failed = next(v for v in RESULTS["port-1.2"].verdicts if v.red and v.mismatches)
    home = SMALL.cases[failed.case].requires[0]
    block = pages[f"requirements/{home}.html"].content.partition(f'id="{failed.case}"')[2]
    block = block.partition("</details>")[0]
    assert "no slot 7" in block
    assert "implementations/port-1.2.html" in block
    assert "<b>&" not in pages["index.html"].content


def test_counts_of_a_page_are_those_of_its_result(pages):
    for each in board(SMALL, RESULTS).standings:
        rows = each.report.verdicts
        whole = Count(
            sum(row.status is Status.PASS for row in rows),
            sum(row.status.failed for row in rows),
            sum(row.status is Status.NOT_APPLICABLE for row in rows),
            0,
        )
        assert (each.passed, each.failed, each.left_out) == (
            whole.passed, whole.failed, whole.left_out)  # fmt: skip
        tiles = re.findall(r"<b>(\d+)</b>", pages[each.page].content)
        assert [int(tile) for tile in tiles[:3]] == [each.passed, each.failed, each.left_out]
        assert f">{each.passed}</td>" in pages["index.html"].content


def test_a_result_of_older_fixtures_says_so(pages):
    assert "older: 9 cases not asked" in pages["index.html"].content
    page = pages["implementations/old-0.1.html"].content
    assert "made with other fixtures (0000): 1 of its cases are not in this suite" in page
    assert "made with other" not in pages["implementations/port-1.2.html"].content


def test_frames_and_contents_lie_apart(pages, tmp_path):
    some = [pages["index.html"], pages["files.html"]]
    assert write(some, tmp_path / "made") == 2
    assert "title: " in (tmp_path / "made/docs/index.md").read_text()
    assert (tmp_path / "made/contents/files.html").read_text() == pages["files.html"].content
    assert (tmp_path / "made/docs/assets/site.css").exists()


def test_dialects_part_where_the_command_says_so():
    found = Outcomes(board(SMALL, {})).differing()
    for pair in (("mlx-lm-0.31", "mlx-lm-0.32"), ("mlxrs-0.1", "mlx-lm-0.31")):
        one, other = (SMALL.dialects[name] for name in pair)
        said = dict.fromkeys(row.case.id for row in divergences(SMALL, one, other))
        assert [case.id for case in found[pair]] == list(said) != []
