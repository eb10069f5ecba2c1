"""Operations that several kinds have, with the same arguments; a kind takes those that it has."""

from __future__ import annotations

from conformance.engine.kind import OnCache, Step
from conformance.engine.literals import Slot, TensorRef, Text, Tree
from conformance.engine.operation import Gives, Handle, Operation, Space

INTO = Handle("into")
HELD = Handle("name", space=Space.HELD)


class Receiver(OnCache, frozen=True):
    pass


class Into(OnCache, frozen=True, kw_only=True):
    into: str


class Tokens(OnCache, frozen=True, kw_only=True):
    n: int


class SetState(OnCache, frozen=True, kw_only=True):
    state: list[Tree]


class SetMetaState(OnCache, frozen=True, kw_only=True):
    meta_state: list[Text]


class FromState(OnCache, frozen=True, kw_only=True):
    class_name: str
    state: list[Tree]
    meta_state: list[Text] = []


class FromSerialized(OnCache, frozen=True, kw_only=True):
    state: list[Tree]
    meta_state: list[Text]


class Filter(OnCache, frozen=True, kw_only=True):
    batch_indices: list[int]


class Extend(OnCache, frozen=True, kw_only=True):
    other: str


class Extract(OnCache, frozen=True, kw_only=True):
    index: int
    into: str


class Merge(Step, frozen=True, kw_only=True):
    caches: list[str]
    into: str


class Held(Step, frozen=True, kw_only=True):
    name: str


class KeysAndValues(OnCache, frozen=True, kw_only=True):
    keys: TensorRef
    values: TensorRef


class SlotValue(OnCache, frozen=True, kw_only=True):
    slot: int
    value: Slot


def reads(name: str, result: str) -> Operation:
    """An operation without arguments that changes nothing."""
    return Operation(name, Receiver, result, looks=True)


BATCH_SIZE = reads("batch_size", "integer")
STATE = reads("state", "list of tensors (and nulls, nested as the dialect has it)")
SET_STATE = Operation("set_state", SetState, "null")
META_STATE = reads("meta_state", "list of strings, or a string")
SET_META_STATE = Operation("set_meta_state", SetMetaState, "null")
FROM_STATE = Operation(
    "from_state", FromState,
    "null; a new cache under the handle, from class label, state and metadata",
    makes=Handle("cache"), reads=(),
)  # fmt: skip
FROM_SERIALIZED = Operation(
    "from_serialized", FromSerialized,
    "null; replaces the content of an existing cache, or changes nothing",
)  # fmt: skip
ROUND_TRIP = Operation(
    "round_trip", Into,
    "null; `into` is rebuilt from the cache's own serialized form, by the implementation's own "
    "loader",
    makes=INTO,
)  # fmt: skip
FINALIZE = Operation("finalize", Receiver, "null")
ADVANCE = Operation("advance", Tokens, "null")
NBYTES = reads("nbytes", "integer")
EMPTY = reads("empty", "true or false")
SIZE = reads("size", "integer; what the cache calls its size, or its offset")
MAX_SIZE = reads("max_size", "integer or null")
IS_TRIMMABLE = reads("is_trimmable", "true or false")
TRIM = Operation("trim", Tokens, "integer, the tokens trimmed")
COPY = Operation("copy", Into, "null; `into` is a deep copy", makes=INTO)
MATERIALIZE = Operation("materialize", Receiver, "null; computes what is pending")
CLASS_NAME = reads("class_name", "string")
FILTER = Operation("filter", Filter, "null; keeps these rows in this order")
EXTEND = Operation(
    "extend", Extend, "null; appends the rows of the cache `other`",
    reads=(Handle("cache"), Handle("other")),
)  # fmt: skip
EXTRACT = Operation("extract", Extract, "null; `into` has the one row", makes=INTO)
MERGE = Operation(
    "merge", Merge, "null; `into` has the rows of all `caches`, which are handles",
    makes=INTO, reads=(Handle("caches"),),
)  # fmt: skip
SNAPSHOT = Operation("snapshot", Receiver, "", looks=True, gives=Gives.SNAPSHOT)
HELD_OBJECT = Operation(
    "held", Held, "what the kept object says now: tensor, null or a list of them",
    reads=(HELD,), looks=True,
)  # fmt: skip
