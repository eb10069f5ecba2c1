"""The cache of chunks: ChunkedKVCache, from whose front tokens are dropped between updates."""

from __future__ import annotations

from conformance.engine.kind import OnCache
from conformance.engine.operation import Operation
from conformance.kinds import common
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens
from conformance.kinds.tokens.kind import kind_of_tokens


class New(OnCache, frozen=True, kw_only=True):
    chunk_size: int | None


class GivenChunked(GivenTokens, frozen=True, kw_only=True):
    __doc__ = GivenTokens.__doc__
    chunk_size: int | None


# Operation -> the requirement that it is about.
ABOUT = {
    "new": "CHUNKED-016", "update_and_fetch": "CHUNKED-001", "keys_and_values": "CHUNKED-024",
    "make_mask": "CHUNKED-011", "offset": "CHUNKED-003", "size": "CHUNKED-017",
    "max_size": "CHUNKED-017", "nbytes": "CHUNKED-016", "empty": "CHUNKED-016",
    "is_trimmable": "CHUNKED-009", "trim": "CHUNKED-009", "state": "CHUNKED-017",
    "set_state": "CHUNKED-021", "meta_state": "CHUNKED-017", "set_meta_state": "CHUNKED-020",
    "from_state": "CHUNKED-018", "round_trip": "CHUNKED-018", "copy": "CHUNKED-022",
    "to_quantized": "CHUNKED-028", "materialize": "CHUNKED-026", "class_name": "CHUNKED-027",
    "snapshot": "CHUNKED-026", "hold": "CHUNKED-023", "held": "CHUNKED-023",
    "write_in_place": "CHUNKED-023", "maybe_trim_front": "CHUNKED-004",
    "start_position": "CHUNKED-003",
}  # fmt: skip

CHUNKED = kind_of_tokens(
    __name__,
    name="chunked",
    title="ChunkedKVCache",
    given=GivenChunked,
    records=(
        operations.new(New, "an empty cache; null is a chunk without end"),
        *operations.COMMON,
        Operation(
            "maybe_trim_front", common.Receiver,
            "null; drops the first tokens where there are more than `chunk_size`", weight=4,
        ),
        common.reads("start_position", "integer; the position of the first token that is kept"),
    ),
    about=ABOUT,
    apart="CHUNKED-022",
    doctoring=doctoring({"chunk_size": 4}, {"offset": 2, "chunk_size": 4, "start_position": 0}),
)  # fmt: skip
