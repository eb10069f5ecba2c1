"""The cache with a window: RotatingKVCache, the first `keep` tokens and the last ones."""

from __future__ import annotations

from conformance.engine.kind import Kind, OnCache
from conformance.engine.operation import Handle
from conformance.kinds import common
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens, build
from conformance.kinds.tokens.snapshots import SNAPSHOTS


class New(OnCache, frozen=True, kw_only=True):
    max_size: int
    keep: int = 0


class GivenRotating(GivenTokens, frozen=True, kw_only=True):
    __doc__ = GivenTokens.__doc__
    max_size: int
    keep: int = 0


ROTATING = Kind(
    name="rotating",
    title="RotatingKVCache",
    records=(
        operations.new(New, "an empty cache with a window of `max_size` tokens", always=("keep",)),
        *operations.COMMON,
        common.MERGE.altered(makes=Handle("into", kind="batch_rotating")),
    ),
    given=GivenRotating,
    build=build,
    snapshots=SNAPSHOTS,
    doctoring=doctoring(
        {"max_size": 4, "keep": 0}, {"offset": 2, "keep": 0, "max_size": 4, "idx": 2}
    ),
)
