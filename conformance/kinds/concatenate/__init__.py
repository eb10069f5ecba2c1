"""The cache that concatenates: ConcatenateKVCache, without free room."""

from __future__ import annotations

from conformance.engine.kind import OnCache
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens
from conformance.kinds.tokens.kind import kind_of_tokens


class New(OnCache, frozen=True):
    pass


class GivenConcatenate(GivenTokens, frozen=True):
    __doc__ = GivenTokens.__doc__


# Operation -> the requirement that it is about.
ABOUT = {
    "new": "CONCAT-007", "update_and_fetch": "CONCAT-001", "keys_and_values": "CONCAT-001",
    "make_mask": "CONCAT-004", "offset": "CONCAT-002", "size": "CONCAT-002",
    "max_size": "CONCAT-002", "nbytes": "CONCAT-007", "empty": "CONCAT-007",
    "is_trimmable": "CONCAT-003", "trim": "CONCAT-003", "state": "CONCAT-008",
    "set_state": "CONCAT-009", "meta_state": "CONCAT-008", "set_meta_state": "CONCAT-009",
    "from_state": "CONCAT-008", "round_trip": "CONCAT-008", "copy": "CONCAT-010",
    "to_quantized": "CONCAT-008", "materialize": "CONCAT-011", "class_name": "CONCAT-007",
    "snapshot": "CONCAT-011", "hold": "CONCAT-010", "held": "CONCAT-010",
    "write_in_place": "CONCAT-010",
}  # fmt: skip

CONCATENATE = kind_of_tokens(
    __name__,
    name="concatenate",
    title="ConcatenateKVCache",
    given=GivenConcatenate,
    records=(operations.new(New, "an empty cache"), *operations.COMMON),
    about=ABOUT,
    apart="CONCAT-010",
    doctoring=doctoring({}, {"offset": 2}),
)
