"""What there is to try of quantized caches."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.kinds.tokens.drawing import TokenDrawing
from conformance.properties.drawing import Shown
from conformance.properties.kind_properties import KindProperties
from conformance.tensor import Tensor

_width = st.sampled_from((32, 64, 64, 128))
_group = st.sampled_from((32, 32, 64, 64, 128))
_count = st.integers(0, 3)
_arrays = st.sampled_from((2, 2, 2, 0, 1, 3))
_bits = st.sampled_from((2, 3, 4, 4, 5, 6, 8, 8))


class QuantizedDrawing(TokenDrawing):
    """Head dimensions of whole groups, most of which fit the group size of the cache."""

    label = "QuantizedKVCache"
    widths = _width
    in_place = False  # keys and values are weights, scales and biases

    def _of_new(self, _: Shown) -> dict[str, Any]:
        return {"group_size": self._draw(_group), "bits": self._draw(_bits)}

    def _metadata(self) -> list[str]:
        """MLX divides by the group size, and 0 ends the process, that of the reference too."""
        texts = super()._metadata()
        if len(texts) > 1 and _is_zero(texts[1]):
            texts[1] = "64"
        return texts

    def _state(self) -> list[Any]:
        """Mostly keys and values, each of weights, scales and biases of any number of bits."""
        group, bits, count = self._draw(_group), self._draw(_bits), self._draw(_count)
        parts = [self._packed(width, group, bits, count) for width in (*self._widths, group)]
        return parts[: self._draw(_arrays)]

    def _packed(self, width: int, group: int, bits: int, count: int) -> list[Tensor]:
        leading = [*self._shape, count]
        numbers = [*leading, max(width // group, 1)]
        weights = self._filled("uint32", [*leading, width * bits // 32])
        return [weights, *(self._filled(self._dtype, numbers) for _ in range(2))]


def _is_zero(text: str) -> bool:
    try:
        return int(text) == 0
    except ValueError:
        return False


PROPERTIES = KindProperties(drawing=QuantizedDrawing)
