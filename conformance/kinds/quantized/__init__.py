"""The quantized cache: QuantizedKVCache, keys and values as weights, scales and biases."""

from __future__ import annotations

from conformance.engine.kind import OnCache
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.given import GivenTokens
from conformance.kinds.tokens.kind import kind_of_tokens


class New(OnCache, frozen=True):
    group_size: int = 64
    bits: int = 8


class GivenQuantized(GivenTokens, frozen=True):
    __doc__ = GivenTokens.__doc__
    group_size: int = 64
    bits: int = 8


# Operation -> the requirement that it is about.
ABOUT = {
    "new": "QUANTIZED-005", "update_and_fetch": "QUANTIZED-004",
    "keys_and_values": "QUANTIZED-025", "make_mask": "QUANTIZED-003", "offset": "QUANTIZED-001",
    "size": "QUANTIZED-001", "max_size": "QUANTIZED-024", "nbytes": "QUANTIZED-024",
    "empty": "QUANTIZED-024", "is_trimmable": "QUANTIZED-002", "trim": "QUANTIZED-002",
    "state": "QUANTIZED-014", "set_state": "QUANTIZED-019", "meta_state": "QUANTIZED-014",
    "set_meta_state": "QUANTIZED-017", "from_state": "QUANTIZED-015",
    "round_trip": "QUANTIZED-015", "copy": "QUANTIZED-020", "to_quantized": "QUANTIZED-021",
    "materialize": "QUANTIZED-013", "class_name": "QUANTIZED-024", "snapshot": "QUANTIZED-004",
    "hold": "QUANTIZED-020", "held": "QUANTIZED-020", "write_in_place": "QUANTIZED-020",
}  # fmt: skip

QUANTIZED = kind_of_tokens(
    __name__,
    name="quantized",
    title="QuantizedKVCache",
    given=GivenQuantized,
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
                "attention must see"
            )
            for operation in operations.COMMON
        ),
    ),
    about=ABOUT,
    apart="QUANTIZED-020",
)  # fmt: skip
