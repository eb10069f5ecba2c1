"""The dialects, one module each; the first one is the default."""

from __future__ import annotations

from typing import Any

from reference_impl.dialects import (
    mlx_lm_0_31,
    mlx_lm_0_32,
    mlx_swift_lm_3_31_3,
    mlx_swift_lm_3_31_4,
    mlxrs_0_1,
)
from reference_impl.slots.cache import SlotCache

_CLASSES: dict[str, type[SlotCache]] = {
    module.ArraysCache.dialect: module.ArraysCache
    for module in (
        mlxrs_0_1,
        mlx_lm_0_31,
        mlx_lm_0_32,
        mlx_swift_lm_3_31_3,
        mlx_swift_lm_3_31_4,
    )
}

DIALECTS: tuple[str, ...] = tuple(_CLASSES)


def dialect_class(dialect: str = DIALECTS[0]) -> type[SlotCache]:
    """The `ArraysCache` class of a dialect; ValueError for an id that is not in `DIALECTS`."""
    try:
        return _CLASSES[dialect]
    except KeyError:
        raise ValueError(f"unknown dialect {dialect!r}; known: {', '.join(DIALECTS)}") from None


def from_state(
    class_name: str, state: Any, meta_state: Any, dialect: str = DIALECTS[0]
) -> SlotCache:
    """Rebuild a cache from a file's class label, state and metadata, as the dialect's loader does.

    A class label that the dialect does not know is refused in the dialect's way, before anything
    else is looked at. A dialect without meta_state does not look at it.
    """
    cls = dialect_class(dialect)
    cls.check_label(class_name)
    without_metadata = not hasattr(cls, "meta_state")
    cache = cls.from_state(state) if without_metadata else cls.from_state(state, meta_state)
    cache.class_label = class_name
    return cache
