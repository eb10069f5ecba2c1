"""Wrong copies, and state that is not what the dialect says."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from conformance.mutants.alter import becomes, forget, then
from conformance.mutants.catalogue import demonstration
from conformance.mutants.mutant import Mutant
from reference_impl.slots.rules import copying, indexing, lengths, state

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
_VLLM = "https://github.com/waybarrios/vllm-mlx"
_OSAURUS = "https://github.com/osaurus-ai/vmlx-swift"


def _copied(change: Any) -> dict[str, Any]:
    """The reference's copy, changed afterwards."""

    def copy(cache: Any) -> Any:
        twin = copying.copy_everything(cache)
        change(twin, cache)
        return twin

    return {"copy": copy}


def _attribute(name: str, value: Any) -> Any:
    return lambda twin, cache: setattr(twin, name, value(cache))


def _overwrite(cache: Any, index: int, value: Any) -> None:
    old = cache.cache[index] if index < len(cache.cache) else None
    if old is not None and (old.shape, old.dtype) == (value.shape, value.dtype):
        old[...] = value
    else:
        indexing.checked_set(cache, index, value)


def _intern(cache: Any, index: int, value: Any) -> None:
    twin = next((s for s in cache.cache if s is not None and s.shape == value.shape
                 and mx.array_equal(s, value)), value)  # fmt: skip
    indexing.checked_set(cache, index, twin)


def _in_order_of_writing(cache: Any, index: int, value: Any) -> None:
    indexing.checked_set(cache, index, value)
    written = vars(cache).setdefault("_written", [])
    written[:] = [i for i in written if i != index] + [index]


def _state_in_order_of_writing(cache: Any) -> list[Any]:
    written = vars(cache).get("_written", [])
    rest = [i for i in range(len(cache.cache)) if i not in written]
    return [cache.cache[i] for i in [*written, *rest] if i < len(cache.cache)
            and cache.cache[i] is not None]  # fmt: skip


def _with_empty_rows(cache: Any) -> Any:
    rows = [mx.array([]) if v is None else v for v in (cache.left_padding, cache.lengths)]
    return cache.cache, *rows


def _taken_out(cache: Any) -> list[Any]:
    taken = state.compacted(cache)
    cache.cache = [None] * len(cache.cache)
    return taken


def _fill_slots(cache: Any, value: Any) -> None:
    for index, array in enumerate(value[: len(cache.cache)]):
        cache.cache[index] = array


def _half_taken(cache: Any, value: Any) -> None:
    cache.cache, *rows = value
    cache.left_padding, cache.lengths = rows


def _as_they_come(cache: Any, value: Any) -> None:
    parts = [*value, None, None]
    cache.cache, cache.left_padding, cache.lengths = parts[:3]


def _one_slot_at_least(cache: Any) -> list[Any]:
    return [*state.compacted(cache)] or [None]


def _moved(cache: Any) -> Any:
    twin = copying.copy_everything(cache)
    cache.cache = [None] * len(cache.cache)
    return twin


def _frozen(cache: Any, value: Any) -> None:
    cache.cache = tuple(state.arrays_only(value))


MUTANTS = (
    # copies
    Mutant("copy-drops-padding", _RS, ("COPY-001",), "A copy has no left padding.",
           "exo copies slots only", rules=_copied(_attribute("left_padding", lambda c: None))),
    Mutant("copy-drops-lengths", _SWIFT4, ("COPY-001",), "A copy has no lengths.",
           "exo copies slots only", rules=_copied(_attribute("lengths", lambda c: None))),
    Mutant("copy-drops-the-label", _RS, ("COPY-001", "IDENT-001"), "A copy is an ArraysCache.",
           rules=_copied(_attribute("class_label", lambda c: "ArraysCache"))),
    Mutant("copy-of-one-dtype", _RS, ("COPY-001",), "A copy has the dtype of its first slot.",
           rules=_copied(_attribute("cache", lambda c: [
               s if s is None else s.astype(state.compacted(c)[0].dtype) for s in c.cache]))),
    Mutant("copy-compacts", _RS, ("COPY-002", "REGR-016"),
           "A copy goes by way of state and loses holes.",
           "osaurus and ekryski, and mlx-swift-lm 3.31.3", _OSAURUS,
           rules={"copy": copying.copy_compacting}),
    Mutant("copy-drops-trailing-holes", _SWIFT4, ("COPY-002", "REGR-016"),
           "A copy ends with its last written slot.",
           rules=_copied(lambda twin, cache: twin.cache.__delitem__(slice(1 + max(
               (i for i, s in enumerate(cache.cache) if s is not None), default=-1), None)))),
    demonstration("copy-shares-the-list"),
    Mutant("copy-shares-the-arrays", _RS, ("COPY-003", "REGR-015"),
           "A copy has the very arrays of its original.", "osaurus-ai/vmlx-swift",
           f"{_OSAURUS}/commit/4b431c6a", rules=_copied(_attribute("cache", lambda c: [*c.cache])),
           sequence=True),
    Mutant("copy-moves", _RS, ("COPY-004",), "Copying takes the slots out of the original.",
           rules={"copy": _moved}),
    Mutant("unwritten-copy-has-one-slot", _SWIFT3, ("COPY-005", "COPY-002"),
           "A copy of an unwritten cache has one slot.",
           rules=_copied(_attribute("cache", _one_slot_at_least))),
    Mutant("write-goes-into-the-old-tensor", _RS, ("COPY-006",),
           "A tensor of the same shape is written into the one that is there.",
           "osaurus-ai/vmlx-swift, _updateInternal", f"{_OSAURUS}/commit/4b431c6a",
           rules={"set": _overwrite}, sequence=True),
    Mutant("reading-copies", _LM31, ("COPY-003", "COPY-009"),
           "Reading a slot gives a tensor of its own, and writes to it are lost.",
           rules={"get": lambda c, i: v if (v := c.cache[i]) is None else v[...]}),
    Mutant("reading-gives-one-sequence", _LM31, ("COPY-007", "INDEX-002"),
           "Reading a slot gives the row of the first sequence.", "ollama has a batch of 1",
           rules={"get": lambda c, i: v if (v := c.cache[i]) is None or not v.ndim else v[:1]}),
    Mutant("advance-in-place", _RS, ("COPY-008",), "advance counts in the arrays that others hold.",
           "mlx-lm", rules={"advance": lengths.advance_in_place}),
    Mutant("equal-slots-are-one", _RS, ("COPY-009",), "Slots of equal tensors share one.",
           rules={"set": _intern}),
    # state
    Mutant("state-has-holes", _RS, ("STATE-001",), "State lists unwritten slots too.", "mlx-lm",
           rules={"read_state": state.all_slots}),
    Mutant("state-drops-holes", _LM31, ("STATE-001",), "State lists the written slots only.",
           "mlxrs and mlx-swift-lm", rules={"read_state": state.compacted}),
    Mutant("state-without-rows", _LM32, ("STATE-001",),
           "State is the slots, without left padding and lengths.", "mlx-lm up to 0.31",
           "https://github.com/ml-explore/mlx-lm/pull/1632", rules={"read_state": state.all_slots}),
    Mutant("state-with-empty-rows", _LM32, ("STATE-001",),
           "Unset left padding and lengths are empty tensors in the state.",
           "mlx-lm's main branch of August 2026", "https://github.com/ml-explore/mlx-lm/pull/1778",
           rules={"read_state": _with_empty_rows}),
    Mutant("state-in-order-of-writing", _RS, ("STATE-002",),
           "State has the slots as they were written, as a dictionary keeps them.",
           rules={"set": _in_order_of_writing, "read_state": _state_in_order_of_writing},
           sequence=True),
    Mutant("state-backwards", _SWIFT4, ("STATE-002",), "State begins with the last slot.",
           rules={"read_state": lambda c: state.compacted(c)[::-1]}),
    Mutant("reading-state-takes-it", _RS, ("STATE-003",), "Reading state empties the slots.",
           rules={"read_state": _taken_out}),
    Mutant("state-fills-slots", _RS, ("STATE-004",),
           "Assigned state goes into the slots that there are.",
           rules={"write_state": _fill_slots}),
    Mutant("assigning-state-forgets-rows", _RS, ("STATE-005",),
           "Assigning state forgets left padding and lengths.",
           rules={"write_state": then(state.take_arrays, forget("left_padding", "lengths"))}),
    Mutant("assigning-state-forgets-the-label", _SWIFT3, ("STATE-005",),
           "Assigning state makes an ArraysCache of any cache.",
           rules={"write_state": then(state.take_arrays, becomes(
               "class_label", lambda c: "ArraysCache"))}),
    Mutant("assigning-state-keeps-lengths", _LM32, ("STATE-006",),
           "Assigned state does not replace lengths.",
           rules={"write_state": lambda c, v: _half_taken(c, (*list(v)[:2], c.lengths))
                  if len(v) == 3 else state.take_three(c, v)}),
    Mutant("state-half-taken", _LM32, ("STATE-006",),
           "State with too few parts is refused after its slots were taken.",
           rules={"write_state": _half_taken}),
    Mutant("state-of-any-length", _LM32, ("STATE-006", "RESTORE-003"),
           "What state lacks is taken for unset.",
           rules={"write_state": _as_they_come}),
    Mutant("state-is-the-live-array", _RS, ("STATE-007", "RESTORE-038"),
           "State hands out the stored tensors themselves.", "mlx-lm",
           f"{_VLLM}/issues/575", rules={"read_state": state.compacted}, sequence=True),
    Mutant("state-refuses-holes", _LM31, ("STATE-008",), "State with holes is refused.",
           "vllm-mlx takes it for tensors only", rules={"write_state": state.take_arrays}),
    Mutant("state-frozen", _RS, ("STATE-009",), "Slots of an assigned state cannot be written.",
           "mlx-lm, where a tuple is assigned", rules={"write_state": _frozen}, sequence=True),
)  # fmt: skip
