"""What there is to try of batch caches with a window."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.engine.dialect import Dialect
from conformance.kinds.tokens.batch_drawing import BatchDrawing
from conformance.kinds.tokens.batch_laws import BatchTrial, laws
from conformance.properties.drawing import Shown
from conformance.properties.kind_properties import KindProperties

_window = st.sampled_from((1, 2, 3, 4, 4, 5, 6, 8))
_wide = st.integers(0, 19)
_tried = st.integers(4, 7)


class BatchRotatingTrial(BatchTrial):
    """A trial with one window for all batches."""

    in_order = False
    lengths = True
    max_size = 0

    def arguments(self) -> dict[str, Any]:
        self.max_size = self.max_size or self.draw(_tried)
        return {"max_size": self.max_size}

    def kept(self, tokens: list[int]) -> list[int]:
        return tokens[-self.max_size :]

    def room(self) -> int:
        return self.max_size - 1


LAWS = laws(
    "batch-rotating", BatchRotatingTrial, {
        "appending": ("BATCHROTATING-001", "BATCHROTATING-002"),
        "trimming": ("BATCHROTATING-008",),
        "masking": ("BATCHROTATING-004",),
        "ending": ("BATCHROTATING-006",),
        "leaving": ("BATCHROTATING-009",),
        "joining": ("BATCHROTATING-010",),
        "copying": ("BATCHROTATING-014",),
        "looking": ("BATCHROTATING-018",),
    },
)  # fmt: skip


class BatchRotatingDrawing(BatchDrawing):
    """Windows that are often too small for what comes, most of one size."""

    label = "BatchRotatingKVCache"

    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None:
        super().__init__(draw, dialect)
        self._window = 258 if draw(_wide) == 0 else draw(_window)

    def _of_new(self, shown: Shown) -> dict[str, Any]:
        window = self._window if self._draw(_wide) else self._draw(_window)
        return {"max_size": window, **super()._of_new(shown)}


PROPERTIES = KindProperties(drawing=BatchRotatingDrawing, beside=("rotating",), laws=LAWS)
