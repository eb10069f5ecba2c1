"""What there is to try of chunked caches."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.kinds.chunked.laws import LAWS
from conformance.kinds.tokens.drawing import TokenDrawing
from conformance.properties.drawing import Move, Shown, Writer
from conformance.properties.kind_properties import KindProperties

_size = st.sampled_from((1, 2, 3, 4, 4, 5, 8, 0, None, 253))
_times = st.integers(1, 3)


class ChunkedDrawing(TokenDrawing):
    """Chunk sizes that are often too small for what comes, and the front dropped as models do."""

    label = "ChunkedKVCache"

    def _of_new(self, _: Shown) -> dict[str, Any]:
        return {"chunk_size": self._draw(_size)}

    def _move_drop(self, writer: Writer) -> None:
        """Tokens, with the front dropped before each."""
        cache = writer.existing()
        for _ in range(self._draw(_times)):
            writer.step("maybe_trim_front", cache=cache)
            writer.step("update_and_fetch", cache=cache, **self.tokens(self._draw(_times)))

    moves = (
        *TokenDrawing.moves,
        Move("drop", {"maybe_trim_front", "update_and_fetch"}, _move_drop, weight=6),
    )


PROPERTIES = KindProperties(drawing=ChunkedDrawing, laws=LAWS)
