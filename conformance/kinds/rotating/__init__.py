"""The cache with a window: RotatingKVCache, the first `keep` tokens and the last ones."""

from __future__ import annotations

from conformance.engine.kind import OnCache
from conformance.engine.operation import Handle
from conformance.kinds import common
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens
from conformance.kinds.tokens.kind import kind_of_tokens


class New(OnCache, frozen=True, kw_only=True):
    max_size: int
    keep: int = 0


class GivenRotating(GivenTokens, frozen=True, kw_only=True):
    __doc__ = GivenTokens.__doc__
    max_size: int
    keep: int = 0


# Operation -> the requirement that it is about.
ABOUT = {
    "new": "ROTATING-022", "update_and_fetch": "ROTATING-003", "keys_and_values": "ROTATING-035",
    "make_mask": "ROTATING-013", "offset": "ROTATING-008", "size": "ROTATING-008",
    "max_size": "ROTATING-008", "nbytes": "ROTATING-022", "empty": "ROTATING-022",
    "is_trimmable": "ROTATING-009", "trim": "ROTATING-010", "state": "ROTATING-023",
    "set_state": "ROTATING-028", "meta_state": "ROTATING-023", "set_meta_state": "ROTATING-024",
    "from_state": "ROTATING-025", "round_trip": "ROTATING-025", "copy": "ROTATING-029",
    "to_quantized": "ROTATING-032", "materialize": "ROTATING-036", "class_name": "ROTATING-037",
    "snapshot": "ROTATING-018", "hold": "ROTATING-031", "held": "ROTATING-031",
    "write_in_place": "ROTATING-031", "merge": "ROTATING-006",
}  # fmt: skip

ROTATING = kind_of_tokens(
    __name__,
    name="rotating",
    title="RotatingKVCache",
    given=GivenRotating,
    records=(
        operations.new(New, "an empty cache with a window of `max_size` tokens", always=("keep",)),
        *operations.COMMON,
        common.MERGE.altered(makes=Handle("into", kind="batch_rotating")),
    ),
    about=ABOUT,
    apart="ROTATING-029",
    doctoring=doctoring(
        {"max_size": 4, "keep": 0}, {"offset": 2, "keep": 0, "max_size": 4, "idx": 2}
    ),
)
