"""The mutants that ship: what a mistake looks like in a report, in every dialect."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from conformance.mutants.alter import becomes, forget, then
from conformance.mutants.mutant import Mutant, named
from conformance.mutants.wrong_files import other_layout, with_slots, writing
from reference_impl.slots.rules import batch, copying, indexing, masks
from reference_impl.traps import trapping

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
_LM = "https://github.com/ml-explore/mlx-lm/pull"


def _write_clears_the_rest(cache: Any, index: int, value: Any) -> None:
    indexing.checked_set(cache, index, value)
    if index == 0:
        cache.cache[1:] = [None] * (len(cache.cache) - 1)


def _copy_with_its_list(cache: Any) -> Any:
    twin = copying.copy_everything(cache)
    twin.cache = cache.cache
    return twin


def _padding_inverted(cache: Any, n: int) -> Any:
    mask: Any = masks.bounded_padding_else_lengths(cache, n)
    return mask if cache.left_padding is None else mx.logical_not(mask)


MUTANTS = (
    Mutant("mamba-label-lost", _RS, ("CONSTRUCT-008", "IDENT-001"),
           "The 2-slot constructor makes an ArraysCache.", "mlx-lm since 0.30.6", f"{_LM}/842",
           members={"mamba": classmethod(lambda cls, left_padding=None: cls(2, left_padding))}),
    Mutant("write-reaches-the-neighbour", _RS, ("INDEX-003",),
           "Writing slot 0 empties the slots behind it.",
           rules={"set": _write_clears_the_rest}),
    Mutant("negative-index-clamped", _LM31, ("INDEX-008",),
           "What is in front of the first slot is the first slot.",
           rules={"get": lambda c, i: c.cache[max(i, -len(c.cache))]}),
    Mutant("copy-shares-the-list", _RS, ("COPY-003", "REGR-015"),
           "A copy has the slot list of its original.",
           "copy.copy of an mlx-lm cache", rules={"copy": _copy_with_its_list}, sequence=True),
    Mutant("mask-inverted", _RS, ("MASK-002",), "True marks the padding.",
           rules={"make_mask": _padding_inverted}),
    Mutant("mask-padding-only", _LM32, ("MASK-004",), "Left padding wins over lengths.",
           "mlx-vlm 0.7.10", f"{_LM}/1736", rules={"make_mask": masks.padding_else_lengths}),
    Mutant("metadata-ignored", _LM31, ("RESTORE-003",), "Any metadata is accepted and ignored.",
           "mlx-lm 0.32 makes a stray attribute", rules={"write_meta": lambda c, v: None}),
    Mutant("filter-loses-the-label", _SWIFT3, ("BATCHOP-005",), "filter makes an ArraysCache.",
           rules={"filter": trapping(then(
               batch.filter_dropping_padding, becomes("class_label", lambda c: "ArraysCache")))}),
    Mutant("extend-drops-padding", _SWIFT4, ("BATCHOP-013", "REGR-006"),
           "extend forgets left padding.", "osaurus, ekryski and afm",
           rules={"extend": trapping(then(batch.extend_zero_filled, forget("left_padding")))}),
    Mutant("file-holes-close", _SWIFT3, ("FILE-002",), "Unset slots are moved behind the set ones.",
           files=with_slots(lambda slots: sorted(slots, key=lambda slot: slot is None))),
    Mutant("file-holes-lost", _RS, ("FILE-002",), "A cache has as many slots as tensors.",
           files=with_slots(lambda slots: [slot for slot in slots if slot is not None])),
    Mutant("file-saved-as-0-31", _LM32, ("FILE-010",),
           "Files are saved in the layout of mlx-lm 0.31.", "mlx-lm", f"{_LM}/1778",
           files=writing(other_layout(_LM31))),
)  # fmt: skip


def demonstrations() -> dict[str, Mutant]:
    """Name -> mutant."""
    return {mutant.name: mutant for mutant in MUTANTS}


def demonstration(name: str) -> Mutant:
    """One of them; ValueError suggests those that are called alike."""
    return named(name, demonstrations(), "see mlx-cache-conformance list mutants")
