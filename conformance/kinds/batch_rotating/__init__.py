"""The batch cache with a window: BatchRotatingKVCache, the last tokens of each row."""

from __future__ import annotations

from conformance.engine.doctoring import Doctoring
from conformance.engine.kind import Kind, OnCache
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.batches import batch_operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens, build
from conformance.kinds.tokens.snapshots import SNAPSHOTS
from conformance.tensor import tensor


class New(OnCache, frozen=True, kw_only=True):
    max_size: int
    left_padding: list[int]


class GivenBatchRotating(GivenTokens, frozen=True, kw_only=True):
    __doc__ = GivenTokens.__doc__
    max_size: int
    left_padding: list[int]


def _properties() -> object:
    from conformance.kinds.batch_rotating.properties import PROPERTIES  # which needs hypothesis

    return PROPERTIES


def _doctoring() -> Doctoring:
    numbers = {
        "offset": tensor("int32", [1], [1]), "left_padding": tensor("int32", [1], [1]),
        "max_size": 4, "seen": 2, "idx": 2, "rotated": False,
    }  # fmt: skip
    return doctoring({"max_size": 4, "left_padding": [1]}, numbers)


BATCH_ROTATING = Kind(
    name="batch_rotating",
    title="BatchRotatingKVCache",
    inexpressible=("prepare-left_padding",),
    records=(
        operations.new(New, "an empty cache with a window, and a row for each padding"),
        *batch_operations("rotating"),
    ),
    properties=_properties,
    given=GivenBatchRotating,
    build=build,
    snapshots=SNAPSHOTS,
    doctoring=_doctoring(),
)
