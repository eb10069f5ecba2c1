"""The batch cache: BatchKVCache, rows of different lengths that end at the same token."""

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
    left_padding: list[int]


class GivenBatch(GivenTokens, frozen=True, kw_only=True):
    __doc__ = GivenTokens.__doc__
    left_padding: list[int]


def _doctoring() -> Doctoring:
    numbers = {
        "offset": tensor("int32", [1], [1]), "left_padding": tensor("int32", [1], [1]), "idx": 2
    }  # fmt: skip
    return doctoring({"left_padding": [1]}, numbers)


# Operation -> the requirement that it is about.
ABOUT = {
    "new": "BATCHKV-002", "update_and_fetch": "BATCHKV-001", "keys_and_values": "BATCHKV-024",
    "make_mask": "BATCHKV-005", "offset": "BATCHKV-002", "size": "BATCHKV-024",
    "max_size": "BATCHKV-024", "nbytes": "BATCHKV-024", "empty": "BATCHKV-024",
    "is_trimmable": "BATCHKV-024", "trim": "BATCHKV-011", "state": "BATCHKV-022",
    "set_state": "BATCHKV-022", "meta_state": "BATCHKV-024", "set_meta_state": "BATCHKV-022",
    "from_state": "BATCHKV-022", "round_trip": "BATCHKV-022", "copy": "BATCHKV-023",
    "materialize": "BATCHKV-024", "class_name": "BATCHKV-024", "snapshot": "BATCHKV-001",
    "hold": "BATCHKV-020", "held": "BATCHKV-020", "write_in_place": "BATCHKV-023",
    "prepare": "BATCHKV-008", "finalize": "BATCHKV-009", "filter": "BATCHKV-013",
    "extend": "BATCHKV-016", "extract": "BATCHKV-018",
}  # fmt: skip

BATCH_KV = kind_of_tokens(
    __name__,
    name="batch_kv",
    title="BatchKVCache",
    given=GivenBatch,
    records=(
        operations.new(New, "an empty cache with a row for each padding"),
        *batch_operations("kv"),
    ),
    about=ABOUT,
    apart="BATCHKV-023",
    inexpressible=("prepare-left_padding",),
    doctoring=_doctoring(),
)
