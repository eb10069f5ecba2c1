"""What there is to try of batch caches with a window."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.engine.dialect import Dialect
from conformance.kinds.tokens.batch_drawing import BatchDrawing
from conformance.properties.drawing import Shown
from conformance.properties.kind_properties import KindProperties

_window = st.sampled_from((1, 2, 3, 4, 4, 5, 6, 8))
_wide = st.integers(0, 19)


class BatchRotatingDrawing(BatchDrawing):
    """Windows that are often too small for what comes, most of one size."""

    label = "BatchRotatingKVCache"

    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None:
        super().__init__(draw, dialect)
        self._window = 258 if draw(_wide) == 0 else draw(_window)

    def _of_new(self, shown: Shown) -> dict[str, Any]:
        window = self._window if self._draw(_wide) else self._draw(_window)
        return {"max_size": window, **super()._of_new(shown)}


PROPERTIES = KindProperties(drawing=BatchRotatingDrawing, beside=("rotating",))
