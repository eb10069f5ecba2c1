"""Stand-ins for what a reader builds of the key/value family: attributes, no behaviour."""

from __future__ import annotations

from typing import Any


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
