"""How mlxrs ends an operation that fails: a typed error, and a cache that has not changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import mlx.core as mx

from reference_impl.errors import ArithmeticOverflow, CacheError, MlxOp, RankMismatch
from reference_impl.integers import USIZE
from reference_impl.tokens import own

RANK = 4


def typed(rule: Callable[..., Any], error: type[MlxOp] = MlxOp) -> Any:
    """The same rule, with every error of mlx turned into an `MlxOp`, or what else `error` is."""

    @wraps(rule)
    def typed_rule(*args: Any, **kwargs: Any) -> Any:
        try:
            return rule(*args, **kwargs)
        except CacheError:
            raise
        except (RuntimeError, ValueError) as cause:
            raise error(str(cause)) from cause

    return typed_rule


def all_or_nothing(rule: Callable[..., Any], error: type[MlxOp] = MlxOp) -> Any:
    """The same rule on a copy, whose content the cache takes over when nothing was refused.

    What the cache handed out before does not change either, because a copy has arrays of its own;
    and so has the answer.
    """

    @wraps(rule)
    def staged(cache: Any, *args: Any, **kwargs: Any) -> Any:
        twin = cache.copy()
        answer = typed(rule, error)(twin, *args, **kwargs)
        vars(cache).update(vars(twin))
        return own(answer)

    return staged


def token_count(context: str, array: Any) -> int:
    """Tokens of [batch, heads, tokens, head dimension]; another rank is a `RankMismatch`."""
    if not isinstance(array, mx.array):
        raise TypeError(f"{context} takes an mx.array, not {type(array).__name__}")
    if array.ndim != RANK:
        raise RankMismatch(context, array.ndim, array.shape)
    return array.shape[2]


def usize_sum(context: str, **operands: int) -> int:
    """The sum; one that `usize` cannot hold is `ArithmeticOverflow`."""
    total = sum(operands.values())
    if total > USIZE.maximum:
        raise ArithmeticOverflow(context, USIZE.name, operands)
    return total


def usize_difference(context: str, **operands: int) -> int:
    """The first less the second; one below 0 is `ArithmeticOverflow`."""
    minuend, subtrahend = operands.values()
    if minuend < subtrahend:
        raise ArithmeticOverflow(context, USIZE.name, operands)
    return minuend - subtrahend
