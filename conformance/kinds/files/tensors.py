"""Drawn tensors of slot caches in prompt-cache files: any dtype, bits and axes."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from conformance.engine import literals
from conformance.tensor import DTYPES, ITEM_SIZE, Tensor

Literal = dict[str, Any]
_DTYPES = tuple(name for name in DTYPES if name != "float64")  # which nobody can save
_MANTISSA = {"float16": 10, "bfloat16": 7, "float32": 23}
# Shapes in which -1 is the batch.
_ODD_SHAPES = (
    (), (-1,), (1,), (1, 1, 3), (-1, 1), (-1, 1, 2), (1, 2, 1), (2, 1, 2, 2), (-1, 1, 2, 3),
    (1, 2, 2, 1, 2), (2, 1, 2, 1, 1, 2), (1, 2, 1, 2, 1, 1, 2), (0,), (-1, 0), (0, 3), (-1, 0, 2),
)  # fmt: skip
LARGE = {"dtype": "float32", "shape": [1, 129, 128], "fill": 7}  # beyond 64 KiB
_dtype, _odd = st.sampled_from(_DTYPES), st.sampled_from(_ODD_SHAPES)
_axes = st.lists(st.integers(1, 3), max_size=2)
_fours, _tens, _start = st.integers(0, 3), st.integers(0, 9), st.integers(0, 250)


def extremes(dtype: str) -> tuple[bytes, ...]:
    """Elements that a conversion loses: the least and the largest, and what is no number."""
    size = ITEM_SIZE[dtype]
    if dtype == "bool":
        return b"\0", b"\1"
    if dtype in _MANTISSA:
        sign, bits = 1 << (8 * size - 1), _MANTISSA[dtype]
        fraction = (1 << bits) - 1
        infinity = sign - 1 - fraction
        one = infinity >> 1 & infinity
        patterns = [0, sign, one, sign | one, 1, sign | fraction, fraction + 1, infinity,
                    sign | infinity, infinity - 1, infinity | 1, infinity | fraction,
                    sign | infinity | 1 << (bits - 1)]  # fmt: skip
    else:
        top = 1 << (8 * size - 1)
        patterns = [0, 1, top - 1, top, top + 1, 2 * top - 1]
        patterns += [p for p in (2**16, 2**24 + 1, 2**32, 2**40, 2**53 + 1) if p < top]
    return tuple(pattern.to_bytes(size, "little") for pattern in patterns)


_extremes = {dtype: st.sampled_from(extremes(dtype)) for dtype in _DTYPES}


@st.composite
def slot_tensors(draw: st.DrawFn, batch: int) -> Literal:
    """Any bits in any axes, in the literal that a fixture has for them."""
    dtype = draw(_dtype)
    odd = draw(_fours) == 3
    shape = tuple(batch if n < 0 else n for n in draw(_odd)) if odd else (batch, *draw(_axes))
    if math.prod(shape) > 64:
        return {"dtype": dtype, "shape": list(shape), "iota": draw(_start) % 2, "modulo": 2}
    return literals.spelled(Tensor(dtype, shape, draw(_elements(dtype, math.prod(shape)))))  # type: ignore[no-any-return]


@st.composite
def _elements(draw: st.DrawFn, dtype: str, count: int) -> bytes:
    if draw(_tens) > 5:
        return b"".join(draw(_extremes[dtype]) for _ in range(count))
    size = ITEM_SIZE[dtype] * count
    bits = draw(st.binary(min_size=size, max_size=size))
    return bytes(byte & 1 for byte in bits) if dtype == "bool" else bits
