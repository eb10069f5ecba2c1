"""Layout of mlxrs 0.1.0: as mlx-swift-lm for slot caches and CacheList, the numbers of mlx-lm 0.31.

A cache without metadata is the empty text `0.i`. Lengths are not kept.
"""

from __future__ import annotations

from reference_impl.files import compacted, mlx_lm_0_31
from reference_impl.files.content import CLASSES, Content, Flat, Written

ID = "mlxrs-0.1"
# It takes such a cache for a KVCache.
UNKNOWN = ("ConcatenateKVCache",)
FORM = compacted.Form(
    plain=(),
    scalar=True,
    lengths=False,
    meta={name: (names,) for name, names in mlx_lm_0_31.META.items()},
    classes=frozenset(CLASSES) - set(UNKNOWN),
)


def read(flat: Flat) -> Content:
    """The content of a file in this layout; BadCache or TooLarge."""
    return compacted.read(flat, FORM)


def write(content: Content) -> Written:
    """The content in this layout, and what it loses."""
    return compacted.write(content, FORM)
