"""The formats of a report, by name and by the suffix of a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conformance.engine.suite import Suite
from conformance.reporting import badge, github, json_report, junit, pages
from conformance.reporting.failures import failures
from conformance.reporting.json_report import ReportFile
from conformance.reporting.view import View


@dataclass(frozen=True)
class Format:
    """How a report is written; the first of `suffixes` is that of a new file."""

    suffixes: tuple[str, ...]
    render: Callable[[View], str]


def _text(view: View) -> str:
    lines = [*failures(view.report.verdicts, view.suite, view.target), view.coverage]
    lines += [f"{problem}: this run is a failure" for problem in view.report.problems]
    lines += [f"{part} failed among the properties" for part in view.report.failed_properties]
    return "".join(f"{line}\n" for line in (*lines, view.older, view.last_line) if line)


FORMATS = {
    "text": Format((".txt",), _text),
    "json": Format((".json",), lambda view: json_report.encoded(view.report)),
    "junit": Format((".xml",), junit.render),
    "markdown": Format((".md", ".markdown"), pages.markdown),
    "html": Format((".html", ".htm"), pages.html),
    "badge": Format((".svg",), badge.svg),
    "shields": Format((), badge.shields),
    "annotations": Format((), github.render),
    "outputs": Format((), github.outputs),
}


def chosen(path: Path | None, name: str | None, default: str) -> str:
    """The format of a file; ValueError for a name that there is not, and for a suffix of none."""
    if name is not None:
        if name not in FORMATS:
            raise ValueError(f"there is no format {name!r}; the formats are {', '.join(FORMATS)}")
        return name
    if path is None:
        return default
    suffix = path.suffix.lower()
    found = next((each for each, one in FORMATS.items() if suffix in one.suffixes), None)
    if found is not None or not suffix:
        return found or default
    known = ", ".join(suffix for one in FORMATS.values() for suffix in one.suffixes)
    raise ValueError(
        f"{path}: no format has the suffix {suffix}; there are {known}; or say which with "
        f"--report-format {' | '.join(FORMATS)}"
    )


def rendered(report: ReportFile, suite: Suite, name: str) -> str:
    """A report in a format."""
    return FORMATS[name].render(View(report, suite))
