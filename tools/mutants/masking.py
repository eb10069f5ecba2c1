"""Wrong masks of caches that are masked by the tokens before."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.attention import CAUSAL, causal
from tools.mutants.shared import Own


def mask(own: Own, dialect: str, change: Any) -> Any:
    def make_mask(
        c: Any, N: Any, *, return_array: Any = False, window_size: Any = None
    ) -> Any:  # fmt: skip
        found = change(c, N, window_size, return_array)
        if found is not None:
            return found[0]
        return own(dialect).make_mask(c, N, return_array=return_array, window_size=window_size)

    return make_mask


def always_array(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, c.offset, w),) if n != 1 else None


def array_for_one(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, c.offset, w),) if n == 1 else None


def of_the_chunk(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, 0, w),) if array or w is not None else None


def not_itself(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, c.offset - 1, w),) if array and w is None and c.offset else (
        (causal(n, 0) & ~mx.eye(n).astype(mx.bool_),) if array and w is None and n > 1 else None
    )  # fmt: skip


def no_window(c: Any, n: Any, w: Any, array: Any) -> Any:
    if w is None:
        return None
    return (None if n == 1 else causal(n, c.offset) if array else CAUSAL,)


def window_one_more(c: Any, n: Any, w: Any, array: Any) -> Any:
    return (causal(n, c.offset, w + 1),) if w is not None and (n > w or array) else None


def counting(c: Any, n: Any, w: Any, array: Any) -> Any:
    c.offset = max(c.offset - 1, 0)
    return None
