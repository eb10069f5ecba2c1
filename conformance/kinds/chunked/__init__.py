"""The cache of chunks: ChunkedKVCache, from whose front tokens are dropped between updates."""

from __future__ import annotations

from conformance.engine.kind import Kind, OnCache
from conformance.engine.operation import Operation
from conformance.kinds import common
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens, build
from conformance.kinds.tokens.snapshots import SNAPSHOTS


class New(OnCache, frozen=True, kw_only=True):
    chunk_size: int | None


class GivenChunked(GivenTokens, frozen=True, kw_only=True):
    __doc__ = GivenTokens.__doc__
    chunk_size: int | None


CHUNKED = Kind(
    name="chunked",
    title="ChunkedKVCache",
    records=(
        operations.new(New, "an empty cache; null is a chunk without end"),
        *operations.COMMON,
        Operation(
            "maybe_trim_front", common.Receiver,
            "null; drops the first tokens where there are more than `chunk_size`", weight=4,
        ),
        common.reads("start_position", "integer; the position of the first token that is kept"),
    ),
    given=GivenChunked,
    build=build,
    snapshots=SNAPSHOTS,
    doctoring=doctoring({"chunk_size": 4}, {"offset": 2, "chunk_size": 4, "start_position": 0}),
)  # fmt: skip
