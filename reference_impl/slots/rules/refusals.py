"""What a slot cache does not do: count tokens, take keys and values, restore unknown classes."""

from __future__ import annotations

from typing import Any, NoReturn

from reference_impl.errors import InvariantViolation, KVCacheError, Trap, UnknownEnumValue
from reference_impl.slots.cache import ARRAYS_CACHE, MAMBA_CACHE, SlotCache

LABELS = (ARRAYS_CACHE, MAMBA_CACHE)


def update_is_an_error(cache: SlotCache, keys: Any, values: Any) -> NoReturn:
    raise InvariantViolation(
        "ArraysCache::update", "a slot cache has no keys and values; use its slots"
    )


def update_traps(cache: SlotCache, keys: Any, values: Any) -> NoReturn:
    raise Trap("update is not implemented by a slot cache")


def label_is_a_missing_name(label: str) -> None:
    """The loader looks the label up among its module's names, which have no MambaCache."""
    if label != ARRAYS_CACHE:
        raise KeyError(label)


def label_is_no_class(label: str) -> None:
    """The same where the module has MambaCache too."""
    if label not in LABELS:
        raise KeyError(label)


def label_is_an_unknown_variant(label: str) -> None:
    if label not in LABELS:
        raise UnknownEnumValue("cache class", label, list(LABELS))


def label_is_thrown(label: str) -> None:
    if label not in LABELS:
        raise KVCacheError(f"no cache class is called {label!r}")


def always_zero(cache: SlotCache) -> int:
    """Tokens seen: the cache does not count them."""
    return 0


def offset_value(cache: SlotCache) -> int:
    """Tokens seen: whatever a model wrote to `offset`."""
    return cache.offset
