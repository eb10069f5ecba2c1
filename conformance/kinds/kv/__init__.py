"""The plain cache of keys and values: KVCache, KVCacheSimple, StandardKvCache."""

from __future__ import annotations

from conformance.engine.kind import OnCache
from conformance.engine.operation import Handle
from conformance.kinds import common
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.doctoring import doctoring
from conformance.kinds.tokens.given import GivenTokens
from conformance.kinds.tokens.kind import kind_of_tokens


class New(OnCache, frozen=True):
    pass


class GivenKV(GivenTokens, frozen=True):
    __doc__ = GivenTokens.__doc__


# Operation -> the requirement that it is about.
ABOUT = {
    "new": "KV-011", "update_and_fetch": "KV-001", "keys_and_values": "KV-020",
    "make_mask": "KV-006", "offset": "KV-002", "size": "KV-002", "max_size": "KV-012",
    "nbytes": "KV-011", "empty": "KV-011", "is_trimmable": "KV-004", "trim": "KV-004",
    "state": "KV-012", "set_state": "KV-016", "meta_state": "KV-012", "set_meta_state": "KV-015",
    "from_state": "KV-013", "round_trip": "KV-013", "copy": "KV-017", "to_quantized": "KV-019",
    "materialize": "KV-021", "class_name": "KV-022", "snapshot": "KV-021", "hold": "KV-018",
    "held": "KV-018", "write_in_place": "KV-018", "merge": "KV-001",
}  # fmt: skip

KV = kind_of_tokens(
    __name__,
    name="kv",
    title="KVCache",
    given=GivenKV,
    records=(
        operations.new(New, "an empty cache"),
        *operations.COMMON,
        common.MERGE.altered(makes=Handle("into", kind="batch_kv")),
    ),
    about=ABOUT,
    apart="KV-017",
    doctoring=doctoring({}, {"offset": 2}),
)
