"""Operations of caches of keys and values; a kind takes those that its classes have.

Keys and values are [batch, heads, tokens, head dimension].
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from conformance.engine.kind import OnCache
from conformance.engine.literals import TensorRef
from conformance.engine.operation import Handle, Operation, Use
from conformance.kinds import common
from conformance.kinds.tokens.snapshots import WireTokens, problem

MADE = Handle("cache")


class Mask(OnCache, frozen=True, kw_only=True):
    n: int
    window_size: int | None = None
    return_array: bool = False


class Quantization(OnCache, frozen=True, kw_only=True):
    into: str
    group_size: int = 64
    bits: int = 8


class Hold(OnCache, frozen=True, kw_only=True):
    what: Literal["state", "keys", "values", "offset"]
    name: str


class WriteInPlace(OnCache, frozen=True, kw_only=True):
    what: Literal["keys", "values"]
    position: int
    value: TensorRef


class Fill(OnCache, frozen=True, kw_only=True):
    keys: dict[str, Any]
    values: dict[str, Any]


UPDATE_AND_FETCH = Operation(
    "update_and_fetch", common.KeysAndValues,
    "[keys, values]: all that attention must see, the new tokens included",
    weight=10,
)  # fmt: skip
KEYS_AND_VALUES = common.reads(
    "keys_and_values", "[keys, values]: all that attention must see; nothing is appended"
)
MAKE_MASK = Operation(
    "make_mask", Mask,
    'null, "causal", or bool tensor of shape [n, tokens], for n tokens that are about to come',
    looks=True, weight=4,
)  # fmt: skip
OFFSET = common.reads("offset", "integer; the position of the next token")
TO_QUANTIZED = Operation(
    "to_quantized", Quantization,
    "null; `into` is a quantized cache with the same tokens",
    makes=Handle("into", kind="quantized"),
)  # fmt: skip
SNAPSHOT = common.SNAPSHOT.altered(result="a WireTokens", answer=WireTokens, problem=problem)
HOLD = Operation(
    "hold", Hold,
    "null; keeps the live object (`what`: state, keys, values or offset) as `name`",
    makes=common.HELD, looks=True,
)  # fmt: skip
WRITE_IN_PLACE = Operation(
    "write_in_place", WriteInPlace,
    "null; overwrites the stored tokens from `position` on, in the buffer itself",
)  # fmt: skip


def new(arguments: type[Any], result: str, **options: Any) -> Operation:
    """The operation that makes a cache of the kind."""
    return Operation("new", arguments, f"null; {result}", makes=MADE, reads=(), **options)


FILL = Operation(
    "fill", Fill,
    'null; appends tokens of any value, as many as `keys` and `values` (`{"dtype", "shape"}`) say',
    use=Use.BENCHMARK,
)  # fmt: skip
# What every cache of keys and values can do, in the order of docs/protocol.md.
COMMON = (
    UPDATE_AND_FETCH,
    KEYS_AND_VALUES,
    MAKE_MASK,
    OFFSET,
    common.SIZE,
    common.MAX_SIZE,
    common.NBYTES,
    common.EMPTY,
    common.IS_TRIMMABLE,
    common.TRIM.altered(weight=4),
    common.STATE,
    common.SET_STATE,
    common.META_STATE,
    common.SET_META_STATE,
    common.FROM_STATE,
    common.ROUND_TRIP.altered(weight=3),
    common.COPY.altered(weight=3),
    TO_QUANTIZED,
    common.MATERIALIZE,
    common.CLASS_NAME,
    SNAPSHOT,
    HOLD,
    common.HELD_OBJECT,
    WRITE_IN_PLACE,
    FILL,
)


def about(
    records: Iterable[Operation], requirements: Mapping[str, str], apart: str
) -> tuple[Operation, ...]:
    """The same operations with the requirement that each is about, and that of caches apart."""
    return tuple(
        record.altered(about=requirements[record.name], apart=apart)
        if record.use is Use.CASE
        else record
        for record in records
    )
