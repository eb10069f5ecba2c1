"""The report as JUnit XML: a test suite a chapter, a test case a case."""

from __future__ import annotations

import re
from xml.etree import ElementTree as xml

from conformance.engine.verdict import Status
from conformance.reporting import text
from conformance.reporting.view import CaseView, View

# What XML 1.0 has no form for.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(view: View) -> str:
    """JUnit XML: `fail` is a failure, any other red verdict an error, the rest passes or is
    skipped. What is wrong with the run as a whole is in a suite of its own.
    """
    root = xml.Element("testsuites", name=f"{view.name} as {view.report.dialect}")
    for chapter in view.chapters:
        suite = xml.SubElement(root, "testsuite", name=_clean(chapter.title))
        for each in chapter.cases:
            _case(suite, chapter.title, each, view)
        _count(suite)
    problems = [*view.report.problems, *view.report.failed_properties]
    if problems:
        suite = xml.SubElement(root, "testsuite", name="the run as a whole")
        for number, problem in enumerate(problems, start=1):
            case = xml.SubElement(suite, "testcase", classname="run", name=f"problem {number}")
            xml.SubElement(case, "failure", message=_clean(problem))
        _count(suite)
    _count(root)
    xml.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{xml.tostring(root, encoding="unicode")}\n'


def _case(suite: xml.Element, chapter: str, view: CaseView, run: View) -> None:
    verdict = view.verdict
    case = xml.SubElement(
        suite, "testcase", classname=_clean(chapter), name=_clean(verdict.case),
        time=f"{verdict.seconds:.4f}",
    )  # fmt: skip
    if verdict.known:
        xml.SubElement(case, "skipped", message=_clean(f"known: {verdict.known}"))
    elif verdict.status is Status.NOT_APPLICABLE:
        xml.SubElement(case, "skipped", message=_clean(f"not applicable: {verdict.detail}"))
    elif verdict.red:
        name = "failure" if verdict.status is Status.FAIL else "error"
        said = f"{verdict.status.value}: {verdict.detail or first(view)}"
        made = xml.SubElement(case, name, type=verdict.status.value, message=_clean(said))
        if view.case is not None:
            full = text.failure(verdict, run.suite, run.target, again=view.command)
            made.text = _clean(full)


def first(view: CaseView) -> str:
    """The first difference in a line."""
    if not view.verdict.mismatches:
        return ""
    row = view.verdict.mismatches[0]
    place = f" at {row.place}" if row.place else ""
    return f"{row.step}{place}: expected {row.expected}; got {row.got}"


def _count(suite: xml.Element) -> None:
    cases = list(suite.iter("testcase"))
    seconds = sum(float(case.get("time", "0")) for case in cases)
    suite.set("tests", str(len(cases)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(tag) is not None for case in cases)))
    suite.set("time", f"{seconds:.4f}")


def _clean(said: str) -> str:
    return _FORBIDDEN.sub("\ufffd", said)
