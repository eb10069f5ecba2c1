"""What there is to try of caches with a window."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.kinds.rotating.laws import LAWS
from conformance.kinds.tokens.drawing import TokenDrawing
from conformance.properties.drawing import Shown
from conformance.properties.kind_properties import KindProperties

_window = st.sampled_from((1, 2, 3, 4, 4, 5, 6, 8, 0))
_keep = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 4))
_wide = st.integers(0, 19)


class RotatingDrawing(TokenDrawing):
    """Windows that are often too small for what comes, and now and then over a step of room."""

    label = "RotatingKVCache"

    def _of_new(self, _: Shown) -> dict[str, Any]:
        size = 258 if self._draw(_wide) == 0 else self._draw(_window)
        return {"max_size": size, "keep": self._draw(_keep)}


PROPERTIES = KindProperties(drawing=RotatingDrawing, laws=LAWS)
