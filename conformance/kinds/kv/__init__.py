"""The plain cache of keys and values: KVCache, KVCacheSimple, StandardKvCache."""

from __future__ import annotations

from conformance.engine.kind import Kind, OnCache
from conformance.engine.operation import Handle
from conformance.kinds import common
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens, build
from conformance.kinds.tokens.snapshots import SNAPSHOTS


class New(OnCache, frozen=True):
    pass


class GivenKV(GivenTokens, frozen=True):
    __doc__ = GivenTokens.__doc__


KV = Kind(
    name="kv",
    title="KVCache",
    records=(
        operations.new(New, "an empty cache"),
        *operations.COMMON,
        common.MERGE.altered(makes=Handle("into", kind="batch_kv")),
    ),
    given=GivenKV,
    build=build,
    snapshots=SNAPSHOTS,
    doctoring=doctoring({}, {"offset": 2}),
)
