"""The dialects: every module of this folder is one, and its class extends that of another."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any

from reference_impl.slots.cache import SlotCache

DEFAULT = "mlxrs-0.1"


def _found() -> dict[str, type[SlotCache]]:
    modules = (import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__))
    classes = {module.ArraysCache.dialect: module.ArraysCache for module in modules}
    return {
        name: classes[name] for name in sorted(classes, key=lambda name: (name != DEFAULT, name))
    }


_CLASSES = _found()
DIALECTS: tuple[str, ...] = tuple(_CLASSES)  # the default first


def dialect_class(dialect: str = DEFAULT) -> type[SlotCache]:
    """The `ArraysCache` class of a dialect; ValueError for an id that is not in `DIALECTS`."""
    try:
        return _CLASSES[dialect]
    except KeyError:
        raise ValueError(f"unknown dialect {dialect!r}; known: {', '.join(DIALECTS)}") from None


def lineage(dialect: str) -> tuple[str, ...]:
    """The dialect, the one that it extends, and so on."""
    bases = dialect_class(dialect).__mro__
    return tuple(vars(base)["dialect"] for base in bases if "dialect" in vars(base))


def from_state(class_name: str, state: Any, meta_state: Any, dialect: str = DEFAULT) -> SlotCache:
    """Rebuild a cache from a file's class label, state and metadata, as the dialect's loader does.

    A class label that the dialect does not know is refused in the dialect's way, before anything
    else is looked at. A dialect without meta_state does not look at it.
    """
    cls = dialect_class(dialect)
    cls.check_label(class_name)
    without_metadata = not hasattr(cls, "meta_state")
    restored = cls.from_state(state) if without_metadata else cls.from_state(state, meta_state)
    cache: SlotCache = restored
    cache.class_label = class_name
    return cache
