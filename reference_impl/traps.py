"""How an mlx error ends: an exception in Python, the end of the process in Swift."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from reference_impl.errors import CacheError, Trap

P = ParamSpec("P")
T = TypeVar("T")


def trapping(rule: Callable[P, T]) -> Callable[P, T]:
    """The same rule, with every error of mlx or of an index turned into a `Trap`."""

    @wraps(rule)
    def trapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return rule(*args, **kwargs)
        except CacheError:
            raise
        except (ArithmeticError, LookupError, RuntimeError, ValueError) as error:
            raise Trap(str(error)) from error

    return trapped
