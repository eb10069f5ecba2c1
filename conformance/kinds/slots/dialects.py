"""What a dialect says of slot caches."""

from __future__ import annotations

from conformance.engine.dialect import Dialect

NAME = "slots"
COMPACTED, HOLES, ROWS = "compacted", "slots", "slots and rows"
# The tensors of the set slots; the slots with nulls; [slots, left_padding, lengths].
STATE_SHAPES = (COMPACTED, HOLES, ROWS)
INEXPRESSIBLE = ("negative-index", "negative-count", "null-slot", "null-lengths")


def state_shape(dialect: Dialect) -> str:
    """Which of the forms `state` has."""
    return dialect.state_shape[NAME]


def places_by_metadata(dialect: Dialect) -> bool:
    """Whether the metadata says where arrays go, because the state has no holes."""
    return state_shape(dialect) == COMPACTED
