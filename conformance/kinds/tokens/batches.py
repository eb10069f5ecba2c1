"""Operations of batches: caches with a row for each sequence, of keys and values or of anything."""

from __future__ import annotations

from typing import Literal

from conformance.engine.kind import OnCache
from conformance.engine.operation import Handle, Operation
from conformance.kinds import common
from conformance.kinds.tokens import operations


class Prepare(OnCache, frozen=True, kw_only=True):
    left_padding: list[int] | None = None
    lengths: list[int] | None = None
    right_padding: list[int] | None = None


class Hold(OnCache, frozen=True, kw_only=True):
    what: Literal["state", "keys", "values", "offset", "left_padding"]
    name: str


PREPARE = Operation(
    "prepare", Prepare,
    "null; the padding of each row, on the left of all tokens or on the right of the next ones, "
    "and how many of those count. A null is not handed on",
)  # fmt: skip
FINALIZE = common.FINALIZE.altered(result="null; padding on the right comes to the left")
OFFSET = common.reads("offset", "tensor int32 [batch]; the position of each row's next token")
MAKE_MASK = operations.MAKE_MASK.altered(
    result="null, or bool tensor that attention can use for n tokens that are about to come: "
    "[batch, 1, n, tokens]"
)
ALTERED = {
    operations.OFFSET: OFFSET,
    operations.MAKE_MASK: MAKE_MASK,
    operations.HOLD: operations.HOLD.altered(
        arguments=Hold,
        result="null; keeps the live object (`what`: state, keys, values, offset or left_padding) "
        "as `name`",
    ),
}


def batch_operations(single: str) -> tuple[Operation, ...]:
    """What a batch of keys and values can do; one of its rows is a cache of the kind `single`."""
    shared = (ALTERED.get(operation, operation) for operation in operations.COMMON)
    return (
        *(operation for operation in shared if operation is not operations.TO_QUANTIZED),
        PREPARE,
        FINALIZE,
        common.FILTER,
        common.EXTEND,
        common.EXTRACT.altered(makes=Handle("into", kind=single)),
    )
