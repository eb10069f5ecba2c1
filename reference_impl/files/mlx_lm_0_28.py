"""Layout of mlx-lm 0.19 to 0.28.0: as 0.31, with the step among the numbers of two classes."""

from __future__ import annotations

from reference_impl.files import mlx_lm_0_31
from reference_impl.files.content import Content, Flat, Written

ID = "mlx-lm-0.28"
# Its CacheList does not say which classes its children have.
UNKNOWN = ("BatchRotatingKVCache", "CacheList")
META = {
    **mlx_lm_0_31.META,
    "RotatingKVCache": ("keep", "max_size", "step", "offset", "idx"),
    "QuantizedKVCache": ("step", "offset", "group_size", "bits"),
}


def read(flat: Flat) -> Content:
    """The content of a file in this layout; BadCache or TooLarge."""
    return mlx_lm_0_31.read_with(flat, meta_of=META)


def write(content: Content) -> Written:
    """The content in this layout, and what it loses."""
    return mlx_lm_0_31.write_with(content, META)
