"""The cache that concatenates: ConcatenateKVCache, without free room."""

from __future__ import annotations

from conformance.engine.kind import Kind, OnCache
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens, build
from conformance.kinds.tokens.snapshots import SNAPSHOTS


class New(OnCache, frozen=True):
    pass


class GivenConcatenate(GivenTokens, frozen=True):
    __doc__ = GivenTokens.__doc__


CONCATENATE = Kind(
    name="concatenate",
    title="ConcatenateKVCache",
    records=(operations.new(New, "an empty cache"), *operations.COMMON),
    given=GivenConcatenate,
    build=build,
    snapshots=SNAPSHOTS,
    doctoring=doctoring({}, {"offset": 2}),
)
