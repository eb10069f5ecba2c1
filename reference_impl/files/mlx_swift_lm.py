"""Layout of mlx-swift-lm 3.31.3, 3.31.4 and 14414441: metadata is always a list of texts.

KVCache has a single empty text; RotatingKVCache has 5 numbers, and since 38927f5f a sixth text that
says where its capacity came from; lengths came with 3.31.4.
"""

from __future__ import annotations

from reference_impl.files import compacted
from reference_impl.files.content import BATCH_NUMBERS, CLASSES, Content, Flat, Written

ID = "mlx-swift-lm"
# Classes that there are only elsewhere.
UNKNOWN = (*BATCH_NUMBERS, "ConcatenateKVCache")
_ROTATING = ("keep", "max_size", "step", "offset", "idx")
FORM = compacted.Form(
    plain=("",),
    scalar=False,
    lengths=True,
    meta={
        "RotatingKVCache": (_ROTATING, (*_ROTATING, "capacity_origin")),
        "QuantizedKVCache": (("step", "offset", "group_size", "bits"),),
        "ChunkedKVCache": (("chunk_size", "start_position"),),
    },
    classes=frozenset(CLASSES) - set(UNKNOWN),
)


def read(flat: Flat) -> Content:
    """The content of a file in this layout; BadCache or TooLarge."""
    return compacted.read(flat, FORM)


def write(content: Content) -> Written:
    """The content in this layout, and what it loses."""
    return compacted.write(content, FORM)
