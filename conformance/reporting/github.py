"""What a GitHub workflow reads: red verdicts as annotations, counts as outputs of a step."""

from __future__ import annotations

from conformance.reporting.junit import first
from conformance.reporting.view import View

MOST = 10  # GitHub shows no more of a step


def render(view: View) -> str:
    """One `::error` a cause, as many as GitHub shows; what is wrong with the whole comes first."""
    lines = [_error("conformance", problem) for problem in _problems(view)]
    cases = {each.verdict.case: each for each in view.cases}
    for group in view.groups:
        case = cases[group.verdicts[0].case]
        said = first(case) or case.verdict.detail
        lines.append(_error(case.verdict.case, f"{group.heading}\n{said}\n{case.command}"))
    return "".join(lines[:MOST])


def outputs(view: View) -> str:
    """Counts as `name=value`."""
    named = {
        "passed": view.counts["pass"],
        "failed": view.failed,
        "known": view.counts.get("known", 0),
        "not-applicable": view.counts.get("not-applicable", 0),
    }
    return "".join(f"{name}={count}\n" for name, count in named.items())


def _problems(view: View) -> list[str]:
    parts = [f"{part} failed among the properties" for part in view.report.failed_properties]
    return [*view.report.problems, *parts]


def _error(title: str, said: str) -> str:
    escaped = said.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    title = title.replace("%", "%25").replace(",", "%2C").replace(":", "%3A").replace("\n", " ")
    return f"::error title={title}::{escaped}\n"
