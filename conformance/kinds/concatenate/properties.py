"""What there is to try of concatenating caches.

What is taken back comes again (hazard trim-is-not-taken-back): no law is about that.
"""

from __future__ import annotations

from conformance.kinds.tokens.drawing import TokenDrawing
from conformance.kinds.tokens.laws import TokenTrial, laws
from conformance.properties.kind_properties import KindProperties

LAWS = laws(
    "concatenate", TokenTrial, {
        "appending": ("CONCAT-001", "CONCAT-002"),
        "restoring": ("CONCAT-008",),
        "copying": ("CONCAT-010",),
        "looking": ("CONCAT-011",),
        "masking": ("CONCAT-004",),
    },
)  # fmt: skip


class ConcatenateDrawing(TokenDrawing):
    """Nothing but tokens."""

    label = "ConcatenateKVCache"


PROPERTIES = KindProperties(drawing=ConcatenateDrawing, laws=LAWS)
