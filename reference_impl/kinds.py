"""All kinds of caches in a dialect: its classes by label, and what it does with whole prompts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from reference_impl.batch_kv.cache import BatchKVCache
from reference_impl.batch_rotating.cache import BatchRotatingKVCache
from reference_impl.chunked.cache import ChunkedKVCache
from reference_impl.concatenate.cache import ConcatenateKVCache
from reference_impl.dialects import DEFAULT, DIALECTS, dialect_class, lineage
from reference_impl.kv.cache import KVCache
from reference_impl.lists.cache import CacheList
from reference_impl.prompt.cache import Prompt
from reference_impl.quantized.cache import QuantizedKVCache
from reference_impl.rotating.cache import RotatingKVCache
from reference_impl.slots.cache import SlotCache

LABELS: Mapping[str, type[Any]] = {
    "ArraysCache": SlotCache,
    "BatchKVCache": BatchKVCache,
    "BatchRotatingKVCache": BatchRotatingKVCache,
    "CacheList": CacheList,
    "ChunkedKVCache": ChunkedKVCache,
    "ConcatenateKVCache": ConcatenateKVCache,
    "KVCache": KVCache,
    "QuantizedKVCache": QuantizedKVCache,
    "RotatingKVCache": RotatingKVCache,
}


def _defined(dialect: str, label: str, kind: type[Any]) -> type[Any] | None:
    """The class that the dialect's own module defines."""
    module = sys.modules[dialect_class(dialect).__module__]
    found = vars(module).get(label)
    if not isinstance(found, type) or found.__module__ != module.__name__:
        return None
    return found if issubclass(found, kind) else None


@cache
def _classes(dialect: str) -> dict[str, type[Any]]:
    """What the dialect's module does not define is as in the dialect that it extends.

    It is a class of its own all the same, so that what its caches make (a batch, a copy in another
    form) is of this dialect too.
    """
    _, *parents = lineage(dialect)
    inherited = _classes(parents[0]) if parents else {}
    classes: dict[str, type[Any]] = {}
    for label, kind in LABELS.items():
        own = _defined(dialect, label, kind)
        if own is None and label in inherited:
            own = type(label, (inherited[label],), {"__doc__": inherited[label].__doc__})
        if own is not None:
            own.dialect, own.classes = dialect, classes
            classes[label] = own
    return classes


for _dialect in DIALECTS:  # a class of a module knows the others as soon as it can be had
    _classes(_dialect)


def cache_classes(dialect: str = DEFAULT) -> Mapping[str, type[Any]]:
    """The classes of a dialect by label; ValueError for an id that is not in `DIALECTS`.

    A label that is not there is a kind that the real implementation does not have.
    """
    return _classes(dialect)


def prompt_functions(dialect: str = DEFAULT) -> Prompt:
    """What a dialect does with the caches of all layers; ValueError for an unknown id."""
    classes = cache_classes(dialect)
    found = (_defined(each, "Prompt", Prompt) for each in lineage(dialect))
    prompt: Prompt = next(cls for cls in found if cls is not None)(classes)
    return prompt
