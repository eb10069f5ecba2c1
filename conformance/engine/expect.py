"""Expectations of a case as they are spelled: what a step must give."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from conformance.engine.literals import Ints, Slot, Strict, TensorRef, Tree


class SparseSlots(Strict, frozen=True):
    """Slots of a cache too large to list: `count` of them, all unset but those in `present`."""

    count: int
    present: dict[str, TensorRef] = {}


class CacheState(Strict, frozen=True):
    """A whole cache as `snapshot` shows it. Left out means unset, or free for `class_name`."""

    slots: list[Slot] | SparseSlots | UnsetType = UNSET
    left_padding: Ints = None
    lengths: Ints = None
    class_name: str | UnsetType = UNSET


class Expect(Strict, frozen=True):
    """The outcome that a step must have: exactly one of the first group.

    `value`: this plain result. `tensor`: this tensor, bit for bit. `tensors`: this (nested) list of
    tensors and nulls. `cache`: this whole snapshot. `same_as`: the snapshot of that other cache.
    `error`: refused with this kind, `payload` entries equal and `message` contained in the text;
    `leaves: unchanged` also compares the whole cache before and after.
    `refused`: refused with an error of any kind; says why.
    `trap`: the process dies (or the reference raises Trap); says why. `undefined`: anything but a
    crash; says why. `reading`: what the loaded file comes to beside what is in it: `same`,
    `lossy: ...` or `wrong: ...`. `written`: the saved file has the keys, tensors and metadata of
    this golden file. `accept` lists better outcomes than the dialect's own, `hazard` names the
    defect that the outcome documents.
    """

    value: Any = UNSET
    tensor: TensorRef | UnsetType = UNSET
    tensors: list[Tree] | UnsetType = UNSET
    cache: CacheState | UnsetType = UNSET
    same_as: str | UnsetType = UNSET
    error: str | UnsetType = UNSET
    refused: str | UnsetType = UNSET
    trap: str | UnsetType = UNSET
    undefined: str | UnsetType = UNSET
    reading: str | UnsetType = UNSET
    written: str | UnsetType = UNSET

    payload: dict[str, Any] | UnsetType = UNSET
    message: str | UnsetType = UNSET
    leaves: Literal["unchanged"] | UnsetType = UNSET
    hazard: str | UnsetType = UNSET
    accept: list[Expect] = []


OUTCOMES = ("value", "tensor", "tensors", "cache", "same_as", "error", "refused", "trap",
            "undefined", "reading", "written")  # fmt: skip
