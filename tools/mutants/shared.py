"""What wrong caches of several kinds have in common: copies, serialized form, updates, batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from reference_impl.tokens import own as own_arrays

Own = Callable[[str], Any]  # the class of a kind in a dialect


class _Whole:
    """What deepcopy leaves as it is."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def __deepcopy__(self, memo: Any) -> _Whole:
        return self


def _taken(whole: _Whole) -> Any:
    return whole.made


def copied(make: Callable[[Any], Any]) -> Any:
    """`__reduce_ex__` of a cache of which copy.deepcopy gives what `make` does."""
    return lambda c, protocol: (_taken, (_Whole(make(c)),))


def alias(c: Any) -> Any:
    """A cache of its own with the arrays of another one."""
    twin = object.__new__(type(c))
    vars(twin).update(vars(c))
    return twin


def altered_copy(change: Callable[[Any, Any], None]) -> Any:
    """As `copied`: how mlx-lm's caches are copied, and a change of the copy."""

    def make(c: Any) -> Any:
        twin = alias(c)
        vars(twin).update(own_arrays(vars(c)))
        change(c, twin)
        return twin

    return copied(make)


def share_arrays(c: Any, twin: Any) -> None:
    """The change of a copy that has the buffers of its original."""
    twin.keys, twin.values = c.keys, c.values


def reads(own: Own, dialect: str, name: str, rule: Any) -> Any:
    """The property of a dialect, read by another rule."""
    return getattr(own(dialect), name).getter(rule)


def writes(own: Own, dialect: str, name: str, rule: Any) -> Any:
    """The property of a dialect, written by another rule."""
    return getattr(own(dialect), name).setter(rule)


def no_tokens_refused(update: Any) -> Any:
    """An update that takes one token at least."""

    def refusing(c: Any, keys: Any, values: Any) -> Any:
        if keys.shape[2] == 0:
            raise ValueError("an update needs tokens")
        return update(c, keys, values)

    return refusing


def at_least_one(update: Any) -> Any:
    """An update that counts no tokens as one."""

    def counting(c: Any, keys: Any, values: Any) -> Any:
        found = update(c, keys, values)
        c.offset += not keys.shape[2]
        return found

    return counting


def restoring(own: Own, dialect: str, change: Callable[[Any], object]) -> Any:
    """`from_state`, and a change of what it makes."""

    def from_state(cls: Any, *form: Any) -> Any:
        made = own(dialect).from_state.__func__(cls, *form)
        change(made)
        return made

    return classmethod(from_state)


def in_front(extend: Any) -> Any:
    """`extend` of a batch, in which the rows that join come first."""

    def joining(c: Any, other: Any) -> None:
        first = c.offset.size
        extend(c, other)
        c.filter([*range(first, c.offset.size), *range(first)])

    return joining


def with_padding(extract: Any) -> Any:
    """`extract` of a batch that gives a row with its padding."""

    def extracting(c: Any, idx: Any) -> Any:
        padding, c.left_padding = c.left_padding, mx.zeros_like(c.left_padding)
        try:
            return extract(c, idx)
        finally:
            c.left_padding = padding

    return extracting


def once_in(calls: int, rule: Any, wrong: Any) -> Any:
    """The rule, and in every so many calls on a cache `wrong` in its place."""

    def counted(cache: Any, *args: Any, **kwargs: Any) -> Any:
        seen = vars(cache).get("_asked", 0) + 1
        vars(cache)["_asked"] = seen
        return (rule if seen % calls else wrong)(cache, *args, **kwargs)

    return counted
