"""Every format says the same, and nothing in a report gets out of its place in one."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from xml.etree import ElementTree as xml

import pytest
from msgspec.structs import replace

from conformance.engine.verdict import Status
from conformance.fixtures.userfile import FixtureError
from conformance.reporting import formats, json_report, suffixes
from conformance.reporting.suffixes import SUFFIXES
from conformance.reporting.view import View
from reporting.made import SUITE, report, verdicts

REPORT = report()
COUNTS = View(REPORT, SUITE).counts


@cache
def of_report(name):
    return formats.rendered(REPORT, SUITE, name)


def rendered(name, made=REPORT):
    return of_report(name) if made is REPORT else formats.rendered(made, SUITE, name)


class Page(HTMLParser):
    """The tags of a page that are not closed, its cases, its ids, and what it would load."""

    VOID = ("meta", "input", "br", "link", "img")

    def __init__(self, page):
        super().__init__()
        self.open, self.cases, self.tiles, self.ids, self.loads = [], [], {}, [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag not in self.VOID:
            self.open.append(tag)
        if "case" in found.get("class", "").split():
            self.cases.append((found["id"], found["data-status"]))
        if "data-count" in found:
            self.tiles[found["data-name"]] = int(found["data-count"])
        self.ids += [found["id"]] if "id" in found else []
        self.loads += [found[key] for key in ("src", "href") if key in found]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_format_has_the_same_counts():
    assert set(COUNTS) == {*(status.value for status in Status), "known"}
    rows = json.loads(rendered("json"))["verdicts"]
    known = sum("known" in row for row in rows)
    by_status = Counter(row["status"] for row in rows if "known" not in row)
    assert {**by_status, "known": known} == COUNTS

    page = Page(rendered("html"))
    assert page.tiles == COUNTS == Counter(status for _, status in page.cases)
    assert sorted(case for case, _ in page.cases) == sorted(SUITE.cases)

    lines = rendered("markdown").splitlines()
    last = next(line for line in lines if line.startswith("| **all**"))
    assert list(map(int, re.findall(r"\*\*(\d+)\*\*", last))) == list(COUNTS.values())

    root = xml.fromstring(rendered("junit"))
    wrong = sum(COUNTS[status.value] for status in Status if status.failed)
    assert int(root.get("tests")) == len(SUITE.cases) == len(list(root.iter("testcase")))
    assert int(root.get("failures")) == COUNTS["fail"]
    assert int(root.get("errors")) == wrong - COUNTS["fail"]
    assert int(root.get("skipped")) == COUNTS["not-applicable"] + COUNTS["known"]
    types = Counter(each.get("type") for tag in ("failure", "error") for each in root.iter(tag))
    assert types == {status.value: COUNTS[status.value] for status in Status if status.failed}

    assert f"{COUNTS['pass']} passed, {wrong} failed" in rendered("text").splitlines()[-1]
    executed = len(SUITE.cases) - COUNTS["not-applicable"]
    for name in ("badge", "shields"):
        assert f"{COUNTS['pass']} of {executed} pass" in rendered(name)


def test_a_page_is_whole_safe_and_loads_nothing():
    made = rendered("html")
    page = Page(made)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert all(each.startswith("#") and each[1:] in page.ids for each in page.loads)
    assert not re.search(r"url\(|@import|<link|fetch\(", made)
    assert "<b>&" not in made
    assert "port &lt;b&gt;&amp; 1.2" in made
    assert len(made.encode()) < 1_500_000 / 1400 * len(SUITE.cases), "more than a page of 1,400 has"


def test_a_failure_has_all_in_every_format_for_readers():
    for name in ("html", "markdown", "junit"):
        made = rendered(name)
        for part in ("out of range", "TypeError", "SIGSEGV", "--dialect mlx-lm-0.32 --case "):
            assert part in made, (name, part)
    page = rendered("html")
    row = next(iter(SUITE.requirements.values()))
    for part in (row.id, "Source: ", "what each operation would unlock".capitalize()[5:]):
        assert part in page


def test_markdown_keeps_its_tables():
    for block in rendered("markdown").split("\n\n"):
        lines = block.splitlines()
        if len(lines) > 1 and lines[0].startswith("|") and lines[1].startswith("|-"):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
            assert len(widths) == 1, block


def test_two_runs_differ_in_seconds_and_dates_alone():
    slower = replace(REPORT, seconds=99.0, date="2027-01-01",
                     verdicts=[replace(row, seconds=0.5) for row in REPORT.verdicts])  # fmt: skip
    back = replace(slower, seconds=REPORT.seconds, date=REPORT.date,
                   verdicts=[replace(row, seconds=0.01) for row in slower.verdicts])  # fmt: skip
    for name in SUFFIXES:
        assert rendered(name) == rendered(name, back)
        plain = [re.sub(r"(time|seconds)\S* ?\S*\d\.\d+|\d+\.\d+ s\b|20\d\d-\d\d-\d\d", "", made)
                 for made in (rendered(name), rendered(name, slower))]  # fmt: skip
        assert plain[0] == plain[1], name


def test_a_report_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "r.json"
    json_report.write(path, REPORT)
    assert json_report.read(path) == REPORT


def test_problems_of_the_run_are_red_in_every_format():
    green = report(verdicts(failing=False))
    assert not View(green, SUITE).red
    bad = replace(green, problems=["only 3 % were executed"], failed_properties=["laws-1"])
    for name in ("text", "markdown", "html", "junit", "annotations"):
        for part in ("only 3 % were executed".replace("%", "%25" if name == "annotations" else "%"),
                     "laws-1"):  # fmt: skip
            assert part in rendered(name, bad), name
            assert part not in rendered(name, green)
    assert '"color": "red"' in rendered("shields", bad)
    assert '"color": "green"' in rendered("shields", green)
    assert int(xml.fromstring(rendered("junit", bad)).get("failures")) == 2
    assert rendered("annotations", green) == ""


def test_annotations_are_lines_of_a_workflow():
    lines = rendered("annotations").splitlines()
    assert 0 < len(lines) <= 10
    assert all(re.fullmatch(r"::error title=[^,:\s]+::[^\n]+", line) for line in lines)


def test_a_report_of_other_fixtures_says_so():
    assert View(REPORT, SUITE).older == ""
    gone = replace(REPORT.verdicts[0], case="a.case.of.old")
    old = replace(REPORT, fixtures="", verdicts=[gone, *REPORT.verdicts[5:]])
    for name in ("html", "markdown", "text"):
        made = rendered(name, old).replace("\\", "")
        assert "made with other fixtures" in made
        assert "1 of its cases are not in this suite, and 5 cases of this suite" in made
        assert "Cases that this suite does not have" in made or name == "text"


@pytest.mark.parametrize(
    ("name", "found"),
    [("a.json", "json"), ("a.xml", "junit"), ("a.md", "markdown"), ("a.HTML", "html"),
     ("a.svg", "badge"), ("a", "json"), ("a.b/c", "json")],
)  # fmt: skip
def test_the_suffix_says_which_format(tmp_path, name, found):
    assert suffixes.chosen(tmp_path / name, None, "json") == found
    assert suffixes.chosen(tmp_path / name, "shields", "json") == "shields"


def test_formats_that_there_are_not(tmp_path):
    with pytest.raises(ValueError, match=r"no format has the suffix \.pdf; there are \.txt, "):
        suffixes.chosen(tmp_path / "r.pdf", None, "json")
    with pytest.raises(ValueError, match="there is no format 'pdf'; the formats are text, json"):
        suffixes.chosen(None, "pdf", "json")


def test_a_report_that_cannot_be_written(tmp_path):
    with pytest.raises(FixtureError, match="cannot be written"):
        json_report.write_whole(tmp_path / "no" / "r.html", "x")
