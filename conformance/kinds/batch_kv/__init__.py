"""The batch cache: BatchKVCache, rows of different lengths that end at the same token."""

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
    left_padding: list[int]


class GivenBatch(GivenTokens, frozen=True, kw_only=True):
    __doc__ = GivenTokens.__doc__
    left_padding: list[int]


def _properties() -> object:
    from conformance.kinds.batch_kv.properties import PROPERTIES  # which needs hypothesis

    return PROPERTIES


def _doctoring() -> Doctoring:
    numbers = {
        "offset": tensor("int32", [1], [1]), "left_padding": tensor("int32", [1], [1]), "idx": 2
    }  # fmt: skip
    return doctoring({"left_padding": [1]}, numbers)


BATCH_KV = Kind(
    name="batch_kv",
    title="BatchKVCache",
    inexpressible=("prepare-left_padding",),
    records=(
        operations.new(New, "an empty cache with a row for each padding"),
        *batch_operations("kv"),
    ),
    properties=_properties,
    given=GivenBatch,
    build=build,
    snapshots=SNAPSHOTS,
    doctoring=_doctoring(),
)
