"""Laws of chunked caches."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.kinds.tokens.laws import TokenTrial, laws

_size = st.integers(1, 6)


class ChunkedTrial(TokenTrial):
    """A trial with a chunk size that what comes may exceed: nobody drops the front."""

    def arguments(self) -> dict[str, Any]:
        return {"chunk_size": self.draw(_size)}


LAWS = laws(
    "chunked", ChunkedTrial, {
        "appending": ("CHUNKED-001", "CHUNKED-003"),
        "trimming": ("CHUNKED-009",),
        "restoring": ("CHUNKED-018",),
        "copying": ("CHUNKED-022",),
        "looking": ("CHUNKED-026",),
        "masking": ("CHUNKED-011",),
    },
)  # fmt: skip
