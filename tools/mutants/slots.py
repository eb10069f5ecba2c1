"""Wrong construction, indexing, batch size, and what a cache says of itself."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from conformance.mutants.alter import becomes, forget, then
from conformance.mutants.catalogue import demonstration
from conformance.mutants.mutant import Mutant
from reference_impl.integers import as_usize
from reference_impl.slots.rules import construction, indexing, state
from reference_impl.traps import trapping

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
_LM = "https://github.com/ml-explore/mlx-lm/pull"
_OMLX = "https://github.com/jundot/omlx/issues"


_IN_RUST, _IN_PYTHON = construction.construct_in_rust, construction.construct_in_python
_IN_SWIFT = construction.construct_in_swift


def _sized(construct: Any, change: Any) -> dict[str, Any]:
    """Construction with another size: `change(size)`."""
    return {"construct": lambda cache, size, left_padding=None: construct(
        cache, change(size), left_padding)}  # fmt: skip


def _padded(construct: Any, change: Any) -> dict[str, Any]:
    """Construction with other left padding: `change(left_padding)`."""
    return {"construct": lambda cache, size, left_padding=None: construct(
        cache, size, change(left_padding))}  # fmt: skip


def _pooled() -> Any:
    free: list[list[Any]] = []

    def slots(cache: Any) -> list[Any]:
        size = len(cache.cache)
        free[:] = [s for s in free if len(s) == size and set(map(type, s)) <= {type(None)}]
        free[1:] = []
        if not free:
            free.append(cache.cache)
        return free[0]

    return slots


def _padding_for_each_slot(cache: Any, size: int, left_padding: Any = None) -> None:
    _IN_RUST(cache, size, (left_padding or [])[:size])


def _lengths_from_padding(cache: Any, size: int, left_padding: Any = None) -> None:
    _IN_RUST(cache, size, left_padding)
    cache.lengths = mx.array([0] * len(left_padding or [0]))


def _empty_padding_kept(cache: Any, size: int, left_padding: Any = None) -> None:
    _IN_RUST(cache, size)
    _IN_SWIFT(cache, len(cache.cache), left_padding)


def _grow(cache: Any, index: int, value: Any) -> None:
    if index > 1 << 20:
        raise MemoryError  # what would come of it, without taking the machine
    cache.cache += [None] * (index + 1 - len(cache.cache))
    indexing.checked_set(cache, index, value)


def _ignore_beyond(cache: Any, index: int, value: Any) -> None:
    if index < len(cache.cache):
        indexing.checked_set(cache, index, value)


def _same_shape_only(cache: Any, index: int, value: Any) -> None:
    old = cache.cache[index] if index < len(cache.cache) else None
    if old is not None and old.shape != value.shape:
        raise ValueError("the slot holds another shape")
    indexing.checked_set(cache, index, value)


def _same_dtype_as_before(cache: Any, index: int, value: Any) -> None:
    old = cache.cache[index]
    cache.cache[index] = value if old is None or value is None else value.astype(old.dtype)


def _remove(cache: Any, index: int, value: Any) -> None:
    if value is None:
        del cache.cache[index]
    else:
        cache.cache[index] = value


def _reset(cache: Any) -> int:
    cache.cache = [None] * len(cache.cache)
    return 0


def _mamba(cls: Any, size: int, left_padding: Any) -> Any:
    made = cls(size, left_padding)
    made.class_label = "MambaCache"
    return made


def _scalar_is_a_row(cache: Any) -> int:
    first_set = next((slot for slot in cache.cache if slot is not None), None)
    scalar = first_set is not None and first_set.ndim == 0
    return 1 if scalar else indexing.inferred_batch_size(cache)


def _rows(cache: Any) -> list[int]:
    return [slot.shape[0] for slot in cache.cache if slot is not None]


def _rows_of_slot_0(cache: Any) -> int:
    first, padding = [*cache.cache, None][0], cache.left_padding
    known = next((v for v in (first, padding) if v is not None), None)
    return 1 if known is None else known.shape[0]


def _lengths_before_padding(cache: Any) -> int:
    if cache.lengths is None:
        return indexing.inferred_batch_size(cache)
    return next(iter(_rows(cache)), cache.lengths.size)


def _remembered(cache: Any) -> int:
    if "_asked" not in vars(cache):
        cache._asked = indexing.ranked_batch_size(cache)
    size: int = cache._asked
    return size


def _nbytes_once(cache: Any) -> int:
    if "_bytes" not in vars(cache):
        cache._bytes = sum(slot.nbytes for slot in state.compacted(cache))
    size: int = cache._bytes
    return size


def _truthy_batch_size(cache: Any) -> int:
    sides = [v.size for v in (cache.left_padding, cache.lengths) if v is not None]
    return next((n for n in [*_rows(cache)[:1], *sides] if n), 1)


def _set(cast: Any) -> dict[str, Any]:
    return {"set": lambda cache, index, value: indexing.checked_set(cache, index, cast(value))}


MUTANTS = (
    # construction
    Mutant("two-slots-always", _RS, ("CONSTRUCT-001", "INDEX-010"),
           "Every cache has two slots, whatever it was asked for.",
           "jundot/omlx, and panbanda/higgs with two named fields", f"{_OMLX}/2536",
           rules=_sized(_IN_RUST, lambda size: 2)),
    Mutant("four-slots-at-most", _RS, ("CONSTRUCT-001",), "A cache has at most four slots.",
           "lemonade-sdk/lemon-mlx-engine keeps states_[4]",
           rules=_sized(_IN_RUST, lambda size: min(size, 4))),
    Mutant("no-slots-become-two", _LM31, ("CONSTRUCT-001",),
           "Zero slots are taken for the default.",
           "jundot/omlx, rebuilding caches of no slots", f"{_OMLX}/2549",
           rules=_sized(_IN_PYTHON, lambda size: size or 2)),
    Mutant("zero-padding-is-none", _RS, ("CONSTRUCT-002",),
           "Left padding of zeros only is dropped, as nothing is padded.",
           "mlx-lm drops mx.array([0]), which is falsy",
           rules=_padded(_IN_RUST, lambda v: v if any(v or []) else None)),
    Mutant("padding-not-below-zero", _RS, ("CONSTRUCT-002",), "Negative left padding becomes 0.",
           rules=_padded(_IN_RUST, lambda v: v and [max(n, 0) for n in v])),
    Mutant("padding-is-float32", _LM31, ("CONSTRUCT-002",), "Left padding is kept as float32.",
           rules=_padded(_IN_PYTHON, lambda v: v and [float(n) for n in v])),
    Mutant("padding-for-each-slot", _RS, ("CONSTRUCT-003",),
           "Left padding is cut to the number of slots.",
           "mlxrs bounds it by the slot count when it reads metadata",
           rules={"construct": _padding_for_each_slot}),
    Mutant("no-padding-is-padding", _RS, ("CONSTRUCT-004",),
           "An empty list of left padding is kept as one of no sequences.", "mlx-swift-lm",
           rules={"construct": _empty_padding_kept}),
    Mutant("lengths-from-the-start", _RS, ("CONSTRUCT-005",),
           "A cache starts with lengths of zero.",
           rules={"construct": _lengths_from_padding}),
    Mutant("padding-zero-by-default", _LM32, ("CONSTRUCT-005",),
           "Without the argument the left padding is that of one unpadded sequence.",
           "mlx-lm's merge set [0] * B", f"{_LM}/1736",
           rules=_padded(_IN_PYTHON, lambda v: v or [0])),
    Mutant("negative-size-refused", _LM31, ("CONSTRUCT-006",), "A negative size is an error.",
           rules=_sized(_IN_PYTHON, lambda size: len(
               construction.unwritten_slots(as_usize(size, "slot count"))))),
    Mutant("negative-size-is-none", _SWIFT4, ("CONSTRUCT-006",), "A negative size is no slots.",
           "mlx-lm", rules=_sized(_IN_SWIFT, lambda size: len([None] * size))),
    Mutant("padding-wraps-at-int16", _RS, ("CONSTRUCT-002",), "Left padding is stored as int16.",
           rules=_padded(_IN_RUST, lambda v: v and mx.array(v).astype(mx.int16).tolist())),
    Mutant("padding-wraps-at-int32", _SWIFT3, ("CONSTRUCT-007",),
           "Left padding beyond int32 wraps around.",
           rules=_padded(_IN_SWIFT, lambda v: None if v is None
                         else mx.array(v).astype(mx.int32).tolist())),
    Mutant("mamba-has-one-slot", _RS, ("CONSTRUCT-008",), "A MambaCache has one slot.",
           members={"mamba": classmethod(
               lambda cls, left_padding=None: _mamba(cls, 1, left_padding))}),
    Mutant("mamba-has-no-padding", _SWIFT4, ("CONSTRUCT-008",),
           "The 2-slot constructor ignores left padding.",
           members={"mamba": classmethod(lambda cls, left_padding=None: _mamba(cls, 2, None))}),
    demonstration("mamba-label-lost"),
    Mutant("slot-lists-pooled", _RS, ("CONSTRUCT-009",),
           "A slot list that nothing was written to is handed out again.",
           "ekryski/mlx-swift-lm reuses slots of its batch",
           "https://github.com/ekryski/mlx-swift-lm/pull/100",
           rules={"construct": then(_IN_RUST, becomes("cache", _pooled()))},
           sequence=True),
    # indexing
    Mutant("unset-reads-as-zero", _RS, ("INDEX-001",), "An unwritten slot reads as a zero tensor.",
           "ekryski/mlx-swift-lm zero-fills slots", "https://github.com/ekryski/mlx-swift-lm/pull/100",
           rules={"get": lambda c, i: (v if (v := indexing.get_or_none(c, i)) is not None
                                       else mx.zeros((1, 1)))}),
    Mutant("slots-upcast-to-float32", _RS, ("INDEX-002", "INDEX-004"),
           "Every tensor is stored as float32.", "vllm-mlx's spill to disk went through numpy",
           "https://github.com/waybarrios/vllm-mlx/pull/563",
           rules=_set(lambda v: v.astype(mx.float32))),
    Mutant("bfloat16-through-float16", _RS, ("INDEX-002",), "bfloat16 is stored by way of float16.",
           "jjang-ai/vmlx", "https://github.com/jjang-ai/vmlx/pull/17",
           rules=_set(lambda v: v.astype(mx.float16).astype(mx.bfloat16)
                      if v.dtype == mx.bfloat16 else v)),
    Mutant("minus-zero-lost", _LM31, ("INDEX-002",), "Stored tensors go through an addition of 0.",
           rules={"set": lambda c, i, v: indexing.list_set(c, i, v if v is None else v + 0)}),
    Mutant("rank-one-at-least", _RS, ("INDEX-004",), "A scalar is stored as a tensor of one row.",
           rules=_set(mx.atleast_1d)),
    Mutant("write-ends-padding", _RS, ("INDEX-003",), "Writing a slot forgets the left padding.",
           "mlx-swift-lm 3.31.3 has no mask after the first write",
           "https://github.com/ml-explore/mlx-swift-lm/pull/331",
           rules={"set": then(indexing.checked_set, forget("left_padding"))}),
    demonstration("write-reaches-the-neighbour"),
    Mutant("one-shape-a-slot", _RS, ("INDEX-004",), "A slot refuses a tensor of another shape.",
           "ollama's RecurrentCache", rules={"set": _same_shape_only}),
    Mutant("one-dtype-a-slot", _LM31, ("INDEX-004",), "A slot keeps the dtype of its first tensor.",
           "ollama's RecurrentCache pins the dtypes",
           rules={"set": _same_dtype_as_before}),
    Mutant("no-elements-are-unset", _RS, ("INDEX-004",), "A tensor of no elements is not stored.",
           rules={"set": lambda c, i, v: indexing.checked_set(c, i, v) if v.size else None}),
    Mutant("read-past-the-end-raises", _RS, ("INDEX-005",), "Reading beyond the end is an error.",
           "mlx-lm", rules={"get": indexing.list_get}),
    Mutant("read-past-the-end-is-none", _LM31, ("INDEX-005",), "Reading beyond the end is None.",
           "mlxrs", rules={"get": lambda c, i: c.cache[i] if i < len(c.cache) else None}),
    Mutant("read-past-the-end-is-nil", _SWIFT3, ("INDEX-005",), "Reading beyond the end is nil.",
           "mlxrs", rules={"get": lambda c, i: indexing.trapping_get(c, i)
                           if i < len(c.cache) else None}),
    Mutant("write-past-the-end-grows", _RS, ("INDEX-006",), "Writing beyond the end adds slots.",
           rules={"set": _grow}),
    Mutant("write-past-the-end-ignored", _RS, ("INDEX-006",),
           "Writing beyond the end does nothing.", rules={"set": _ignore_beyond}),
    Mutant("last-index-off-by-one", _RS, ("INDEX-006",), "`>` for `>=` in the bounds check.",
           rules={"set": lambda c, i, v: c.cache.__setitem__(i, v) if i == len(c.cache)
                  else indexing.checked_set(c, i, v)}),
    Mutant("index-wraps-at-32-bits", _RS, ("INDEX-007",), "The index is cut to 32 bits.",
           rules={"get": lambda c, i: indexing.get_or_none(c, i % 2**32)}),
    Mutant("index-is-a-byte", _LM32, ("INDEX-007",), "The index is cut to 8 bits.",
           rules={"get": lambda c, i: indexing.list_get(c, i % 256 if i >= 0 else i)}),
    Mutant("negative-index-refused", _LM31, ("INDEX-008",), "A negative index is an IndexError.",
           rules={"get": lambda c, i: c.cache[i if i >= 0 else len(c.cache)]}),
    Mutant("negative-index-modulo", _LM32, ("INDEX-008",),
           "An index is taken modulo the number of slots.",
           rules={"set": lambda c, i, v: indexing.list_set(
               c, i % len(c.cache) if i < 0 else i, v)}),
    demonstration("negative-index-clamped"),
    Mutant("negative-index-from-the-end", _SWIFT4, ("INDEX-008",),
           "A negative index counts from the end.", "mlx-lm",
           rules={"get": trapping(indexing.list_get)}),
    Mutant("storing-nothing-ignored", _LM31, ("INDEX-009",), "Storing None keeps the old tensor.",
           rules={"set": lambda c, i, v: None if v is None else indexing.list_set(c, i, v)}),
    Mutant("storing-nothing-removes", _LM32, ("INDEX-009",), "Storing None removes the slot.",
           rules={"set": _remove}),
    # batch size
    Mutant("batch-size-of-the-last-slot", _RS, ("BATCH-001",), "The last written slot decides.",
           rules={"batch_size": lambda c: _rows(c)[-1] if _rows(c)
                  else indexing.inferred_batch_size(c)}),
    Mutant("batch-size-of-columns", _RS, ("BATCH-001",), "The last axis is taken for the batch.",
           rules={"batch_size": lambda c: next((s.shape[-1] for s in c.cache if s is not None
                  and s.ndim), 0) or indexing.ranked_batch_size(c)}),
    Mutant("batch-size-of-slots", _LM31, ("BATCH-001",), "The number of slots is the batch size.",
           rules={"batch_size": lambda c: len(c.cache)}),
    Mutant("batch-size-of-slot-0", _LM31, ("BATCH-001",), "Only slot 0 is looked at.",
           rules={"batch_size": _rows_of_slot_0}),
    Mutant("padding-decides-batch-size", _RS, ("BATCH-001",), "Left padding wins over the slots.",
           rules={"batch_size": lambda c: c.left_padding.size if c.left_padding is not None
                  else indexing.ranked_batch_size(c)}),
    Mutant("batch-size-without-padding", _RS, ("BATCH-002",), "Left padding does not count.",
           rules={"batch_size": lambda c: next(iter(_rows(c)), c.lengths.size
                  if c.lengths is not None else 1)}),
    Mutant("lengths-before-padding", _SWIFT4, ("BATCH-002",), "Lengths win over left padding.",
           rules={"batch_size": trapping(_lengths_before_padding)}),
    Mutant("fresh-batch-size-is-0", _RS, ("BATCH-003",), "A cache that says nothing has no rows.",
           "Layr-Labs/mlx-swift-lm", rules={"batch_size": lambda c: 0 if not _rows(c) and
                  c.left_padding is None and c.lengths is None
                  else indexing.ranked_batch_size(c)}),
    Mutant("scalar-has-one-row", _RS, ("BATCH-004", "HOSTILE-007"),
           "A slot without an axis counts as one row.", rules={"batch_size": _scalar_is_a_row}),
    Mutant("scalar-slot-skipped", _LM31, ("BATCH-004",), "A slot without an axis is passed over.",
           rules={"batch_size": lambda c: next((s.shape[0] for s in c.cache
                  if s is not None and s.ndim), 1)}),
    Mutant("no-rows-count-as-unset", _RS, ("BATCH-005",), "A batch of 0 is taken for none (`or`).",
           rules={"batch_size": _truthy_batch_size}),
    Mutant("batch-size-remembered", _RS, ("BATCH-006",),
           "The batch size is kept from its first use.", rules={"batch_size": _remembered},
           sequence=True),
    # what a cache says of itself
    Mutant("two-slots-are-mamba", _RS, ("IDENT-001",), "The label follows the number of slots.",
           members={"reference_class_name": property(
               lambda c: "MambaCache" if len(c.cache) == 2 else "ArraysCache")}),
    Mutant("size-is-the-batch-size", _LM31, ("IDENT-002",), "The size is the number of rows.",
           rules={"size": indexing.inferred_batch_size}),
    Mutant("max-size-is-the-slot-count", _RS, ("IDENT-003",), "The maximum size is that of slots.",
           members={"max_size": property(lambda c: len(c.cache))}),
    Mutant("trimmable", _RS, ("IDENT-004", "REGR-017"), "The cache says that it can be trimmed.",
           "SharpAI/mlx-swift-lm's MambaCache",
           members={"is_trimmable": lambda c: True}),
    Mutant("trim-is-reset", _RS, ("IDENT-005", "REGR-017"), "Trimming empties the slots.",
           "proposed for mlx-lm", f"{_LM}/1253",
           members={"trim": lambda c, n: _reset(c)}),
    Mutant("trim-claims-success", _SWIFT3, ("IDENT-005",), "Trimming says that it did.",
           members={"trim": lambda c, n: n}),
    Mutant("update-stores-keys", _RS, ("IDENT-006",), "update puts keys and values into the slots.",
           members={"update": lambda c, keys, values: setattr(c, "cache", [keys, values])}),
    Mutant("update-does-nothing", _SWIFT4, ("IDENT-006",), "update is accepted and ignored.",
           members={"update": lambda c, keys, values: None}),
    Mutant("nbytes-with-padding", _RS, ("IDENT-007",), "Left padding counts as bytes.",
           members={"nbytes": property(lambda c: sum(v.nbytes for v in
                    (*state.compacted(c), c.left_padding) if v is not None))}),
    Mutant("nbytes-of-float32", _LM31, ("IDENT-007",), "Every element counts as four bytes.",
           members={"nbytes": property(lambda c: sum(4 * v.size for v in state.compacted(c)))}),
    Mutant("nbytes-of-unset-slots", _RS, ("IDENT-007",), "An unset slot counts for a pointer.",
           members={"nbytes": property(lambda c: sum(8 if v is None else v.nbytes
                                                     for v in c.cache))}),
    Mutant("nbytes-of-one-element-at-least", _LM31, ("IDENT-007",),
           "A tensor of no elements counts for one.", members={"nbytes": property(
               lambda c: sum(max(v.nbytes, v.itemsize) for v in state.compacted(c)))}),
    Mutant("nbytes-remembered", _RS, ("IDENT-007",), "The bytes are counted once.",
           members={"nbytes": property(_nbytes_once)}, sequence=True),
    Mutant("empty-if-zero", _RS, ("IDENT-008",), "A state of zeros counts as unset (`if state:`).",
           rules={"empty": lambda c: indexing.first_slot_unset_or_missing(c)
                  or not c.cache[0].any().item()}),
    Mutant("empty-if-all-unset", _LM31, ("BATCHOP-028", "REGR-008"),
           "Empty means that no slot is written, and merge goes on to need slot 0.",
           rules={"empty": lambda c: not state.compacted(c)}),
    Mutant("empty-if-any-unset", _RS, ("IDENT-008",), "Empty means that a slot is unwritten.",
           rules={"empty": lambda c: not all(s is not None for s in c.cache) or not c.cache}),
    Mutant("empty-if-no-slots", _RS, ("IDENT-008",), "Empty means that there are no slots.",
           "mlx-node/mlx-node", rules={"empty": lambda c: not c.cache}),
    Mutant("empty-needs-a-slot", _RS, ("IDENT-009",), "Without slots, asking is an IndexError.",
           "mlx-lm", rules={"empty": indexing.first_slot_unset}),
    Mutant("no-slots-are-written", _LM32, ("IDENT-009",), "Without slots, a cache is not empty.",
           rules={"empty": lambda c: any(s is None for s in c.cache[:1])}),
    Mutant("materialize-drops-holes", _RS, ("IDENT-010",), "materialize keeps the written slots.",
           members={"materialize": lambda c: setattr(c, "cache", state.compacted(c))}),
)  # fmt: skip
