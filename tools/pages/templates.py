"""The templates of the pages, and what they may use."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.reporting.pages import anchor, cell

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
