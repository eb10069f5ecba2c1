"""Stand-ins for what a reader builds of the key/value family: attributes, no behaviour."""

from __future__ import annotations

from typing import Any

from reference_impl.errors import OutOfMemory
from reference_impl.files.limits import MAX_FILE_SLOTS


class KeyValues:
    """Keys and values (a tensor, several, or None), and numbers as attributes."""

    def __init__(self, class_name: str, keys: Any, values: Any, **numbers: Any) -> None:
        self.reference_class_name = class_name
        self.keys = keys
        self.values = values
        self.__dict__.update(numbers)


class Children:
    """A CacheList."""

    reference_class_name = "CacheList"

    def __init__(self, caches: list[Any]) -> None:
        self.caches = caches


def granted(caches: list[Any]) -> list[Any]:
    """The caches; OutOfMemory where they have more slots together than the reference has room for,
    and the real reader, which bounds each cache alone, goes on.
    """
    if sum(map(_slots, caches)) > MAX_FILE_SLOTS:
        raise OutOfMemory
    return caches


def _slots(cache: Any) -> int:
    if isinstance(cache, Children):
        return sum(map(_slots, cache.caches))
    return 0 if isinstance(cache, KeyValues) else len(cache.cache)
