"""Serialized form: the strings beside the tensors, and how a cache is made again from both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from reference_impl.errors import LengthMismatch, Trap
from reference_impl.integers import SWIFT_INT, USIZE, IntType, parse_lenient, parse_strict
from reference_impl.tokens import own

if TYPE_CHECKING:
    from reference_impl.token_cache import TokenCache

C = TypeVar("C", bound="TokenCache")

# Kinds that have nothing to say in strings


def empty_text(cache: Any) -> str:
    """mlx-lm: the empty string."""
    return ""


def refuse_truthy(cache: Any, value: Any) -> None:
    """mlx-lm: anything but None and falsy values is a ValueError."""
    if value is not None and value:
        raise ValueError("this cache keeps no meta_state, but one was assigned")


def no_texts(cache: Any) -> list[str]:
    """mlxrs: no strings."""
    return []


def refuse_texts(cache: Any, value: Any) -> None:
    """mlxrs: any string is a `LengthMismatch`."""
    if count := len(texts(value)):
        raise LengthMismatch("meta_state", 0, count)


def one_empty_text(cache: Any) -> list[str]:
    """Swift: one string, which is empty."""
    return [""]


def trap_unless_one_empty_text(cache: Any, value: Any) -> None:
    if texts(value) != [""]:
        raise Trap("this cache keeps no metaState, but one was assigned")


# Reading strings


def texts(value: Any) -> list[str]:
    """A list of strings; anything else is a TypeError, as it would not compile."""
    if isinstance(value, str):
        raise TypeError("meta_state is a list of strings, not a string")
    found = list(value)
    for text in found:
        if not isinstance(text, str):
            raise TypeError(f"meta_state takes strings, not {type(text).__name__}")
    return found


def strict_integers(value: Sequence[str], names: Sequence[str], kind: IntType = USIZE) -> list[int]:
    """mlxrs: every string is an integer, or `Parse`."""
    return [
        parse_strict(text, kind, name, kind.name) for text, name in zip(value, names, strict=True)
    ]


def counted_texts(value: Any, count: int) -> list[str]:
    """mlxrs: so many strings, or `LengthMismatch`."""
    found = texts(value)
    if len(found) != count:
        raise LengthMismatch("meta_state", count, len(found))
    return found


def trapping_texts(value: Any, count: int) -> list[str]:
    """Swift: so many strings, or a trap."""
    found = texts(value)
    if len(found) != count:
        raise Trap(f"metaState is {count} strings, not {len(found)}")
    return found


def trapping_integer(text: str) -> int:
    """Swift: a string that is no `Int` traps."""
    number = parse_lenient(text)
    if number is None:
        raise Trap(f"{text!r} is no {SWIFT_INT.name}")
    return number


# Making a cache again


def restore_unseen(cls: type[C], state: Any, meta_state: Any) -> C:
    """mlx-lm 0.31: assign state, then meta_state, to an instance that `__init__` has not seen."""
    cache = cls.__new__(cls)
    cache.state = state
    cache.meta_state = meta_state
    return cache


def restore_state_unseen(cls: type[C], state: Any) -> C:
    """mlx-lm 0.32: assign state to an instance that `__init__` has not seen."""
    cache = cls.__new__(cls)
    cache.state = state
    return cache


def restore_blank(cls: type[C], state: Any, meta_state: Any) -> C:
    """mlxrs and Swift: assign state, then meta_state, to a cache without anything in it."""
    cache = cls.blank()
    cache.state = state
    cache.meta_state = meta_state
    return cache


def replace_restored(cache: TokenCache, state: Any, meta_state: Any) -> None:
    """Become what `from_state` makes of them; on any error nothing has changed."""
    vars(cache).update(vars(type(cache).from_state(state, meta_state)))


# Copies


def copy_handles(cache: C) -> C:
    """mlxrs: the same content in arrays of its own."""
    twin = type(cache).__new__(type(cache))
    vars(twin).update(own(vars(cache)))
    return twin


def copy_state(cache: C) -> C:
    """Swift: a new cache from state and metadata; free room is not copied."""
    twin = cache.blank()
    if state := cache.state:
        twin.state = own(state)
    twin.meta_state = cache.meta_state
    return twin
