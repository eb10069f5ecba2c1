"""The templates of the pages, and what they may use."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).with_name("templates")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"anchor": anchor, "cell": cell}
    return made


def render(template: str, **values: Any) -> str:
    """The page; UndefinedError for a value that the template asks for and does not get."""
    return _environment().get_template(template).render(values)


def anchor(title: str) -> str:
    """The anchor that GitHub makes of a heading."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")


def cell(text: object) -> str:
    """Text that may be between the bars of a table."""
    return str(text).replace("|", "\\|")
