"""What is always refused: the key/value path, and class labels that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from reference_impl.errors import InvariantViolation, KVCacheError, Trap, UnknownEnumValue

if TYPE_CHECKING:
    from reference_impl.slots.cache import SlotCache


def update_is_an_error() -> NoReturn:
    raise InvariantViolation("update", "a slot cache has no keys and values; use its slots")


def update_traps() -> NoReturn:
    raise Trap("update is not implemented by a slot cache")


def label_is_a_missing_name(label: str) -> NoReturn:
    """The loader looks the label up among its module's names."""
    raise KeyError(label)


def label_is_no_variant(label: str) -> NoReturn:
    raise UnknownEnumValue("cache class", label, ["ArraysCache", "MambaCache"])


def label_is_thrown(label: str) -> NoReturn:
    raise KVCacheError(f"no cache class is called {label!r}")


def always_zero(cache: SlotCache) -> int:
    """Tokens seen: the cache does not count them."""
    return 0


def offset_value(cache: SlotCache) -> int:
    """Tokens seen: whatever a model wrote to `offset`."""
    return cache.offset
