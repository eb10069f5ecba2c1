"""The operations of a slot cache, in the order of docs/protocol.md."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from conformance.engine.kind import OnCache
from conformance.engine.literals import TensorRef
from conformance.engine.operation import Handle, Operation, Use
from conformance.kinds import common
from conformance.kinds.common import HELD, KeysAndValues, SlotValue, Tokens
from conformance.kinds.slots.snapshots import WireSnapshot, problem

MADE = Handle("cache")


class New(OnCache, frozen=True):
    size: int = 0
    left_padding: list[int] | None = None


class NewMamba(OnCache, frozen=True):
    left_padding: list[int] | None = None


class Get(OnCache, frozen=True, kw_only=True):
    slot: int


class Prepare(OnCache, frozen=True, kw_only=True):
    lengths: list[int] | None


class WriteInPlace(OnCache, frozen=True, kw_only=True):
    slot: int
    value: TensorRef


class Hold(OnCache, frozen=True, kw_only=True):
    what: Literal["state", "slot", "left_padding", "lengths"]
    name: str
    slot: int = 0


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    cache: str
    slots: list[Any]
    times: int = 1


OPERATIONS = (
    Operation("new", New, "null; a cache of `size` unset slots", makes=MADE, reads=(),
              always=("size",), about="CONSTRUCT-001", apart="CONSTRUCT-009"),
    Operation("new_mamba", NewMamba,
              "null; a cache of two unset slots with the class label MambaCache",
              makes=MADE, reads=(), about="CONSTRUCT-008"),
    Operation("get", Get, "tensor, or null for an unset slot", looks=True, about="INDEX-002"),
    Operation("set", SlotValue, "null", weight=8, about="INDEX-003"),
    common.BATCH_SIZE.altered(weight=1, about="BATCH-001"),
    common.STATE.altered(about="STATE-001"),
    common.SET_STATE.altered(
        about="STATE-004", about_in={"slots": "STATE-008", "slots and rows": "STATE-006"}),
    common.META_STATE.altered(about="META-001"),
    common.SET_META_STATE.altered(about="RESTORE-002", about_in={"slots": "RESTORE-003"}),
    common.FROM_STATE.altered(
        about="RESTORE-002", about_in={"slots": "RESTORE-027", "slots and rows": "RESTORE-028"},
        apart="STATE-007"),
    common.FROM_SERIALIZED.altered(about="RESTORE-024"),
    common.ROUND_TRIP.altered(weight=4, about="RESTORE-029", apart="STATE-007"),
    Operation("prepare", Prepare, "null", about="SEQ-001"),
    common.FINALIZE.altered(about="SEQ-004"),
    common.ADVANCE.altered(weight=4, about="SEQ-005"),
    Operation("make_mask", Tokens, "bool tensor of shape [B, n], or null", looks=True, weight=4,
              about="MASK-004"),
    common.NBYTES.altered(weight=1, about="IDENT-007"),
    common.EMPTY.altered(weight=1, about="IDENT-008"),
    common.SIZE.altered(weight=1, about="IDENT-002"),
    common.MAX_SIZE.altered(weight=1, about="IDENT-003"),
    common.IS_TRIMMABLE.altered(weight=1, about="IDENT-004"),
    common.TRIM.altered(about="IDENT-005"),
    Operation("update", KeysAndValues, "always refused; keys and values are tensors",
              about="IDENT-006"),
    common.COPY.altered(weight=4, about="COPY-001", apart="COPY-003"),
    common.MATERIALIZE.altered(about="IDENT-010"),
    common.CLASS_NAME.altered(weight=1, about="IDENT-001"),
    common.FILTER.altered(weight=6, about="BATCHOP-001"),
    common.EXTEND.altered(weight=6, about="BATCHOP-009", apart="BATCHOP-019"),
    common.EXTRACT.altered(about="BATCHOP-020", apart="BATCHOP-024"),
    common.MERGE.altered(weight=4, about="BATCHOP-025", apart="BATCHOP-034"),
    common.SNAPSHOT.altered(result="a WireSnapshot", answer=WireSnapshot, problem=problem,
                            about="CONSTRUCT-001"),
    Operation("write_in_place", WriteInPlace,
              "null; overwrites the elements of the stored tensor, which must be set",
              about="COPY-009"),
    Operation("hold", Hold,
              "null; keeps the live object (`what`: state, slot, left_padding or lengths) as "
              "`name`",
              makes=HELD, looks=True, about="COPY-006"),
    common.HELD_OBJECT.altered(weight=6, about="COPY-006"),
    Operation("fill", Fill,
              "null; a new cache whose slots hold tensors of any value, as `slots` lists them "
              '(`{"dtype", "shape"}`), the list repeated `times` times; equal ones may be one '
              "tensor",
              makes=MADE, reads=(), use=Use.BENCHMARK),
)  # fmt: skip
