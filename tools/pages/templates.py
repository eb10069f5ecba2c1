"""The templates of the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conformance.reporting.pages import environment

FOLDER = Path(__file__).with_name("templates")


def render(template: str, **values: Any) -> str:
    """The page; UndefinedError for a value that the template asks for and does not get."""
    return environment(FOLDER).get_template(template).render(values)
