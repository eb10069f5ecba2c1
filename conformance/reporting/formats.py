"""The formats of a report, by name and by the suffix of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from conformance.engine.suite import Suite
from conformance.reporting import badge, github, json_report, junit, pages
from conformance.reporting.failures import failures
from conformance.reporting.json_report import ReportFile
from conformance.reporting.suffixes import SUFFIXES
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


def chosen(path: Path | None, name: str | None, default: str) -> str:
    """The format of a file; ValueError for a name that there is not, and for a suffix of none."""
    if name is not None:
        if name not in SUFFIXES:
            raise ValueError(f"there is no format {name!r}; the formats are {', '.join(SUFFIXES)}")
        return name
    if path is None:
        return default
    suffix = path.suffix.lower()
    found = next((each for each, its in SUFFIXES.items() if suffix in its), None)
    if found is not None or not suffix:
        return found or default
    known = ", ".join(suffix for its in SUFFIXES.values() for suffix in its)
    raise ValueError(
        f"{path}: no format has the suffix {suffix}; there are {known}; or say which with "
        f"--report-format {' | '.join(SUFFIXES)}"
    )


def rendered(report: ReportFile, suite: Suite, name: str) -> str:
    """A report in a format."""
    return _RENDER[name](View(report, suite))
