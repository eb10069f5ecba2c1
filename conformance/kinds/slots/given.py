"""A slot cache that a case starts from."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from conformance.engine.doctoring import Named
from conformance.engine.kind import Given
from conformance.engine.literals import Slot, Tensors


class GivenSlots(Given, frozen=True):
    """A cache that a case starts from: built with `new`, then `set` and `prepare`.

    Exactly one of `slots` (one entry a slot, null for unset), `size` (all unset) and `mamba`
    (made by the 2-slot constructor; `slots` may fill it).
    """

    slots: list[Slot] | UnsetType = UNSET
    size: int | UnsetType = UNSET
    mamba: bool = False
    left_padding: list[int] | None = None
    lengths: list[int] | None = None


def build(handle: str, given: GivenSlots, tensors: Tensors | None) -> Iterator[Named]:
    """The operations that make it; without `tensors` no literal is decoded."""
    slots = given.slots if given.slots is not UNSET else []
    if given.mamba:
        yield "new_mamba", {"cache": handle, "left_padding": given.left_padding}
    else:
        size = given.size if given.size is not UNSET else len(slots)
        yield "new", {"cache": handle, "size": size, "left_padding": given.left_padding}
    for index, slot in enumerate(slots):
        if slot is not None:
            value = None if tensors is None else tensors(slot)
            yield "set", {"cache": handle, "slot": index, "value": value}
    if given.lengths is not None:
        yield "prepare", {"cache": handle, "lengths": given.lengths}


def misfit(given: GivenSlots) -> str | None:
    """What is wrong with it beyond its types."""
    forms = (given.slots is not UNSET) + (given.size is not UNSET)
    if forms > 1 or (forms == 0 and not given.mamba):
        return "exactly one of slots and size (mamba: true needs neither)"
    if given.mamba and given.size is not UNSET:
        return "`mamba: true` has two slots; leave out size"
    return None
