"""The batch cache with a window: BatchRotatingKVCache, the last tokens of each row."""

from __future__ import annotations

from conformance.engine.doctoring import Doctoring
from conformance.engine.kind import OnCache
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.batches import batch_operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens
from conformance.kinds.tokens.kind import kind_of_tokens
from conformance.tensor import tensor


class New(OnCache, frozen=True, kw_only=True):
    max_size: int
    left_padding: list[int]


class GivenBatchRotating(GivenTokens, frozen=True, kw_only=True):
    __doc__ = GivenTokens.__doc__
    max_size: int
    left_padding: list[int]


def _doctoring() -> Doctoring:
    numbers = {
        "offset": tensor("int32", [1], [1]), "left_padding": tensor("int32", [1], [1]),
        "max_size": 4, "seen": 2, "idx": 2, "rotated": False,
    }  # fmt: skip
    return doctoring({"max_size": 4, "left_padding": [1]}, numbers)


# Operation -> the requirement that it is about.
ABOUT = {
    "new": "BATCHROTATING-001", "update_and_fetch": "BATCHROTATING-001",
    "keys_and_values": "BATCHROTATING-018", "make_mask": "BATCHROTATING-004",
    "offset": "BATCHROTATING-001", "size": "BATCHROTATING-015", "max_size": "BATCHROTATING-015",
    "nbytes": "BATCHROTATING-015", "empty": "BATCHROTATING-015",
    "is_trimmable": "BATCHROTATING-008", "trim": "BATCHROTATING-008",
    "state": "BATCHROTATING-013", "set_state": "BATCHROTATING-021",
    "meta_state": "BATCHROTATING-013", "set_meta_state": "BATCHROTATING-021",
    "from_state": "BATCHROTATING-013", "round_trip": "BATCHROTATING-013",
    "copy": "BATCHROTATING-014", "materialize": "BATCHROTATING-018",
    "class_name": "BATCHROTATING-015", "snapshot": "BATCHROTATING-002",
    "hold": "BATCHROTATING-019", "held": "BATCHROTATING-019",
    "write_in_place": "BATCHROTATING-014", "prepare": "BATCHROTATING-007",
    "finalize": "BATCHROTATING-006", "filter": "BATCHROTATING-009", "extend": "BATCHROTATING-010",
    "extract": "BATCHROTATING-011",
}  # fmt: skip

BATCH_ROTATING = kind_of_tokens(
    __name__,
    name="batch_rotating",
    title="BatchRotatingKVCache",
    given=GivenBatchRotating,
    records=(
        operations.new(New, "an empty cache with a window, and a row for each padding"),
        *batch_operations("rotating"),
    ),
    about=ABOUT,
    apart="BATCHROTATING-014",
    inexpressible=("prepare-left_padding",),
    doctoring=_doctoring(),
)
