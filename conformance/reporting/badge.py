"""A badge of a report: a picture, or what shields.io makes one of."""

from __future__ import annotations

import json
from html import escape

from conformance.engine.verdict import Status
from conformance.reporting.view import View

_GREEN, _RED, _GREY = "#1a7f37", "#b3261e", "#555"
_WIDTH, _PADDING = 6.6, 8  # of a character of the font, and beside a text


def message(view: View) -> str:
    """`812 of 840 pass`, of the cases that were executed."""
    passed = view.counts[Status.PASS.value]
    executed = len(view.report.verdicts) - view.counts.get(Status.NOT_APPLICABLE.value, 0)
    return f"{view.report.dialect}: {passed} of {executed} pass"


def shields(view: View) -> str:
    """The JSON of shields.io's endpoint badge."""
    said = {
        "schemaVersion": 1,
        "label": "mlx cache conformance",
        "message": message(view),
        "color": "red" if view.red else "green",
    }
    return json.dumps(said, indent=1) + "\n"


def svg(view: View) -> str:
    """The badge as a picture."""
    left, right = "mlx cache conformance", message(view)
    widths = [round(len(part) * _WIDTH) + 2 * _PADDING for part in (left, right)]
    whole, title = sum(widths), escape(f"{left}: {right}")
    color = _RED if view.red else _GREEN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" '
        f'aria-label="{title}"><title>{title}</title>'
        f'<clipPath id="r"><rect width="{whole}" height="20" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{widths[0]}" height="20" fill="{_GREY}"/>'
        f'<rect x="{widths[0]}" width="{widths[1]}" height="20" fill="{color}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" '
        'text-anchor="middle">'
        f'<text x="{widths[0] / 2}" y="14">{escape(left)}</text>'
        f'<text x="{widths[0] + widths[1] / 2}" y="14">{escape(right)}</text></g></svg>\n'
    )
