"""Operations of a list of caches: its children, and what it passes on to all of them."""

from __future__ import annotations

from typing import Any

from conformance.engine.kind import OnCache
from conformance.engine.literals import Tree
from conformance.engine.operation import ANY, Handle, Operation
from conformance.kinds import common
from conformance.kinds.list.snapshots import WireList, problem
from conformance.kinds.tokens import batches, operations


class New(OnCache, frozen=True, kw_only=True):
    children: list[str]


class Child(OnCache, frozen=True, kw_only=True):
    index: int
    into: str
    of: str


class SetMetaState(OnCache, frozen=True, kw_only=True):
    meta_state: list[Any]


class FromState(OnCache, frozen=True, kw_only=True):
    class_name: str
    state: list[Tree]
    meta_state: list[Any] = []


OPERATIONS = (
    operations.new(New, "a list of these caches, which are its children from now on").altered(
        reads=(Handle("children", kind=ANY),)
    ),
    Operation(
        "child", Child,
        "true, and `into` is that child itself, not a copy; false where there is none",
        makes=Handle("into", kind_from="of"),
    ),
    operations.UPDATE_AND_FETCH,
    operations.MAKE_MASK,
    common.reads("offset", "integer; the offset of the child with the most tokens"),
    common.SIZE,
    common.MAX_SIZE,
    common.NBYTES,
    common.EMPTY,
    common.IS_TRIMMABLE,
    common.TRIM,
    common.STATE,
    common.SET_STATE,
    common.reads("meta_state", "list of strings, nested as the dialect has it"),
    Operation("set_meta_state", SetMetaState, "null"),
    common.FROM_STATE.altered(arguments=FromState),
    common.ROUND_TRIP,
    common.COPY,
    common.MATERIALIZE,
    common.CLASS_NAME,
    common.SNAPSHOT.altered(result="a WireList", answer=WireList, problem=problem),
    batches.PREPARE,
    batches.FINALIZE,
    common.FILTER,
    common.EXTEND,
    common.EXTRACT,
    common.MERGE,
)  # fmt: skip
