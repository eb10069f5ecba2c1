"""The report as Markdown and as one HTML file: templates beside this module."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.fixtures.sources import address
from conformance.reporting.junit import first
from conformance.reporting.view import View

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).with_name("templates")
_MARKED = re.compile(r"([\\`*_{}\[\]<>|#~])")
MOST_CAUSES = 50  # of a page in Markdown, which GitHub cuts at a megabyte


@cache
def environment(folder: Path = _FOLDER) -> Environment:
    """The templates of a folder, with the filters that they use."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2", "html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"plain": plain, "code": code, "first": first, "anchor": anchor, "cell": cell}
    made.filters["cited"] = cited
    return made


def markdown(view: View) -> str:
    """For a step summary, a comment or a file."""
    return rendered("report.md.j2", view=view, most=MOST_CAUSES)


def html(view: View) -> str:
    """One file that needs nothing else, neither network nor a server."""
    return rendered("report.html.j2", view=view)


def rendered(name: str, **values: Any) -> str:
    """A page; UndefinedError for a value that the template asks for and does not get."""
    return environment().get_template(name).render(values)


def cited(cite: str) -> str:
    """A citation as a link to the revision that was read."""
    found = address(cite)
    if found is None:
        return cite
    return f"<{cite}>" if found == cite else f"[{cite}]({found})"


def plain(said: object) -> str:
    """Text that Markdown takes as it is, on one line."""
    return _MARKED.sub(r"\\\1", " ".join(str(said).split()))


def code(said: object) -> str:
    """Text as code in Markdown, also between the bars of a table."""
    line = " ".join(str(said).split()).replace("|", "\\|")
    runs = [len(run) for run in re.findall("`+", line)]
    fence = "`" * (max(runs, default=0) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def anchor(title: str) -> str:
    """The anchor that GitHub makes of a heading."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def cell(said: object) -> str:
    """Text that may be between the bars of a table."""
    return str(said).replace("|", "\\|")
