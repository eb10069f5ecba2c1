"""The quantized cache: QuantizedKVCache, keys and values as weights, scales and biases."""

from __future__ import annotations

from conformance.engine.kind import Kind, OnCache
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.given import GivenTokens, build
from conformance.kinds.tokens.snapshots import SNAPSHOTS


class New(OnCache, frozen=True):
    group_size: int = 64
    bits: int = 8


class GivenQuantized(GivenTokens, frozen=True):
    __doc__ = GivenTokens.__doc__
    group_size: int = 64
    bits: int = 8


def _properties() -> object:
    from conformance.kinds.quantized.properties import PROPERTIES  # which needs hypothesis

    return PROPERTIES


QUANTIZED = Kind(
    name="quantized",
    title="QuantizedKVCache",
    records=(
        operations.new(
            New, "an empty cache; `bits` for each number, one scale and bias for `group_size`",
            always=("group_size", "bits"),
        ),
        *(
            operation
            if operation is not operations.UPDATE_AND_FETCH
            else operation.altered(
                result="[keys, values], each of weights (uint32), scales and biases: all that "
                "attention is to see"
            )
            for operation in operations.COMMON
        ),
    ),
    properties=_properties,
    given=GivenQuantized,
    build=build,
    snapshots=SNAPSHOTS,
)  # fmt: skip
