"""Layout of mlx-lm's main branch on 2026-08-22, between two releases: read only.

As mlx-lm-0.31, with the state of a slot cache in three parts: `i.0.j` slots, `i.1` left padding,
`i.2` lengths; an empty tensor stands for an unset one.
"""

from __future__ import annotations

import mlx.core as mx

from reference_impl.files.content import Content, Flat, SlotEntry, Written
from reference_impl.files.errors import BadCache, CannotHold
from reference_impl.files.keys import Items, below, leaf, leaves
from reference_impl.files.mlx_lm_0_31 import read_with

ID = "mlx-lm-main-2026-08-22"
UNKNOWN: tuple[str, ...] = ()


def read(flat: Flat) -> Content:
    """The content of a file in this layout; BadCache or TooLarge."""
    return read_with(flat, _slots)


def _slots(label: str, key: str, tensors: Items[mx.array]) -> SlotEntry:
    # A cache without slots leaves no key below `i.0`.
    found = below(tensors, key)
    if not {1, 2} <= found.keys() <= {0, 1, 2}:
        raise BadCache(key, f"{label} has slots, left padding and lengths")
    slots = leaves(found.get(0, {}), f"{key}.0")
    padding, lengths = (leaf(found[n], f"{key}.{n}") for n in (1, 2))
    return SlotEntry(
        label, tuple(slots), padding if padding.size else None, lengths if lengths.size else None
    )


def write(content: Content) -> Written:
    """Refused: no release reads this layout."""
    raise CannotHold(ID, [("layout", "is read only, since no release reads it")])
