"""Ways to take one thing of a rule wrongly and to leave the rest of it alone."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from types import FunctionType
from typing import Any

Rule = Callable[..., Any]


def altered(rule: Rule, **names: Any) -> Rule:
    """The same function with something else behind global names that it uses.

    LookupError for a name that its module does not have: the mutant would be no mutant.
    """
    original: Any = rule
    unknown = names.keys() - original.__globals__.keys() - vars(builtins).keys()
    if unknown:
        raise LookupError(f"{original.__module__} has no {', '.join(sorted(unknown))}")
    twin = FunctionType(
        original.__code__,
        {**original.__globals__, **names},
        original.__name__,
        original.__defaults__,
        original.__closure__,
    )
    twin.__kwdefaults__ = original.__kwdefaults__
    return twin


def first(change: Rule, rule: Rule) -> Rule:
    """The rule, after `change(cache)`."""

    def changed(cache: Any, *args: Any, **kwargs: Any) -> Any:
        change(cache)
        return rule(cache, *args, **kwargs)

    return changed


def then(rule: Rule, change: Rule) -> Rule:
    """The rule, and `change(cache)` after it."""

    def changed(cache: Any, *args: Any, **kwargs: Any) -> Any:
        result = rule(cache, *args, **kwargs)
        change(cache)
        return result

    return changed


def becomes(name: str, make: Rule) -> Rule:
    """A change for `first` and `then`: this attribute becomes `make(cache)`."""
    return lambda cache: setattr(cache, name, make(cache))


def keeping(name: str, rule: Rule) -> Rule:
    """The rule, and an attribute of the cache as it was before."""

    def changed(cache: Any, *args: Any, **kwargs: Any) -> Any:
        before = getattr(cache, name)
        result = rule(cache, *args, **kwargs)
        setattr(cache, name, before)
        return result

    return changed


def forget(*names: str) -> Rule:
    """A change for `first` and `then`: these attributes become None."""

    def change(cache: Any) -> None:
        for name in names:
            setattr(cache, name, None)

    return change
