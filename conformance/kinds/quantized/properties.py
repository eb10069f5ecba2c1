"""What there is to try of quantized caches."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.kinds.tokens.drawing import TokenDrawing
from conformance.properties.drawing import Shown
from conformance.properties.kind_properties import KindProperties

_width = st.sampled_from((32, 64, 64, 128))
_group = st.sampled_from((32, 32, 64, 64, 128))
_bits = st.sampled_from((2, 3, 4, 4, 5, 6, 8, 8))


class QuantizedDrawing(TokenDrawing):
    """Head dimensions of whole groups, most of which fit the group size of the cache."""

    label = "QuantizedKVCache"
    widths = _width
    in_place = False  # keys and values are weights, scales and biases

    def _of_new(self, _: Shown) -> dict[str, Any]:
        return {"group_size": self._draw(_group), "bits": self._draw(_bits)}


PROPERTIES = KindProperties(drawing=QuantizedDrawing)
