"""How an mlx error ends: an exception in Python, the end of the process in Swift."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from reference_impl.errors import CacheError, Trap

Rule = TypeVar("Rule", bound=Callable[..., Any])


def trapping(rule: Rule) -> Rule:
    """The same rule, with every error of mlx or of an index turned into a `Trap`."""

    @wraps(rule)
    def trapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return rule(*args, **kwargs)
        except CacheError:
            raise
        except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
            raise Trap(str(error)) from error

    return cast(Rule, trapped)
