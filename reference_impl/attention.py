"""Attention masks: which of the tokens kept, and of those to come, each token to come may see.

A mask is bool [..., N, tokens], True where a token takes part; None stands for "all of them" and
"causal" for "all up to itself". Dialects decide when they answer which, and what a window means.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from reference_impl.errors import OutOfRange, Trap
from reference_impl.integers import I32, as_usize
from reference_impl.strictness import usize_sum

if TYPE_CHECKING:
    from reference_impl.token_cache import TokenCache

CAUSAL = "causal"
# mlxrs makes positions in float32, whose integers are exact up to here.
MAX_POSITIONS = 1 << 24


def causal(
    count: Any,
    offset: Any,
    window: Any = None,
    left_padding: Any = None,
    right_padding: Any = None,
) -> mx.array:
    """`count` tokens after `offset` others: bool [count, offset + count].

    A token sees itself and what came before; of that only the last `window` tokens, itself
    included. With paddings, int32 [B], the mask is [B, 1, count, offset + count], and nobody sees
    the padding.
    """
    columns = mx.arange(offset + count)[None]
    rows = mx.arange(offset, offset + count)[:, None]
    mask = rows >= columns
    if window is not None:
        mask = mask & (rows < columns + window)
    if right_padding is not None:
        stop = offset + count - right_padding
        mask = mask & (columns < mx.expand_dims(stop, (1, 2, 3)))
    if left_padding is not None:
        mask = mask & (mx.expand_dims(left_padding, (1, 2, 3)) <= columns)
    return mask


def array_for_any_window(
    cache: TokenCache, N: Any, *, return_array: Any, window_size: Any
) -> mx.array | str | None:
    """mlx-lm: an array whenever there is a window, however wide; both keywords must be given."""
    return _for_any_window(N, cache.offset, return_array, window_size)


def counted_array_for_any_window(
    cache: TokenCache, N: Any, *, return_array: Any, window_size: Any
) -> mx.array | str | None:
    """mlxrs: the same, with more than 2^24 positions refused (`OutOfRange`)."""
    count, window = as_usize(N, "mask length"), optional_usize(window_size, "window size")
    if window is not None or (count != 1 and return_array):
        counted_positions(count, cache.offset)
    return _for_any_window(count, cache.offset, return_array, window)


def _for_any_window(N: Any, offset: Any, return_array: Any, window: Any) -> mx.array | str | None:
    if window is not None:
        return causal(N, offset, window)
    if N == 1:
        return None
    return causal(N, offset) if return_array else CAUSAL


def array_on_request(
    cache: TokenCache, N: Any, *, return_array: Any, window_size: Any
) -> mx.array | str | None:
    """mlx-lm up to 0.30.5: nothing restricts a single token, and a window counts in an array alone,
    which must be asked for.
    """
    if N == 1:
        return None
    return causal(N, cache.offset, window_size) if return_array else CAUSAL


def array_for_narrow_window(
    cache: TokenCache, N: Any, *, return_array: Any, window_size: Any
) -> mx.array | str | None:
    """Swift: nothing restricts a single token, and a window only more tokens than it holds."""
    count = operator.index(N)
    if count == 1:
        return None
    if return_array or (window_size is not None and count > operator.index(window_size)):
        return swift_causal(count, cache.offset, window_size)
    return CAUSAL


def swift_causal(count: int, offset: int, window: Any) -> mx.array:
    """As `causal`, with the traps of a range of Int32."""
    for value in (offset, offset + count):
        if not I32.minimum <= value <= I32.maximum:
            raise Trap(f"{value} is out of range for Int32")
    if count < 0 or offset + count < 0:
        raise Trap("range with a lower bound above its upper bound")
    return causal(count, offset, window)


def counted_positions(count: int, offset: int) -> int:
    """mlxrs: how many positions a mask has, at most 2^24."""
    total = usize_sum("mask length", offset=offset, N=count)
    if total > MAX_POSITIONS:
        raise OutOfRange("mask length", "must be at most 2^24", str(total))
    return total


def optional_usize(value: Any, context: str) -> int | None:
    return None if value is None else as_usize(value, context)
