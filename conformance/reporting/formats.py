"""The formats of a report, by name."""

from __future__ import annotations

from collections.abc import Callable

from conformance.engine.suite import Suite
from conformance.reporting import badge, github, json_report, junit, pages
from conformance.reporting.failures import failures
from conformance.reporting.json_report import ReportFile
from conformance.reporting.view import View


def _text(view: View) -> str:
    lines = [*failures(view.report.verdicts, view.suite, view.target), view.coverage]
    lines += [f"{problem}: this run is a failure" for problem in view.report.problems]
    lines += [f"{part} failed among the properties" for part in view.report.failed_properties]
    return "".join(f"{line}\n" for line in (*lines, view.older, view.last_line) if line)


_RENDER: dict[str, Callable[[View], str]] = {
    "text": _text,
    "json": lambda view: json_report.encoded(view.report),
    "junit": junit.render,
    "markdown": pages.markdown,
    "html": pages.html,
    "badge": badge.svg,
    "shields": badge.shields,
    "annotations": github.render,
    "outputs": github.outputs,
}


def rendered(report: ReportFile, suite: Suite, name: str) -> str:
    """A report in a format."""
    return _RENDER[name](View(report, suite))
