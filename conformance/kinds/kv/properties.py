"""What there is to try of plain caches."""

from __future__ import annotations

from conformance.kinds.tokens.drawing import TokenDrawing
from conformance.kinds.tokens.laws import TokenTrial, laws
from conformance.properties.kind_properties import KindProperties

LAWS = laws(
    "kv", TokenTrial, {
        "appending": ("KV-001", "KV-002"),
        "trimming": ("KV-004",),
        "restoring": ("KV-013",),
        "copying": ("KV-017",),
        "looking": ("KV-021",),
        "masking": ("KV-006",),
    },
)  # fmt: skip


class KVDrawing(TokenDrawing):
    """Nothing but tokens."""

    label = "KVCache"


PROPERTIES = KindProperties(drawing=KVDrawing, laws=LAWS)
