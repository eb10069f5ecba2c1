"""Masks: which of left_padding and lengths decide, and for which N there is an answer at all.

Every mask is bool [B, N], True where position p of the row takes part: p >= left_padding[row],
p < lengths[row].
"""

from __future__ import annotations

import operator
from typing import Any

import mlx.core as mx

from reference_impl.errors import OutOfRange, Trap
from reference_impl.integers import I32, as_usize
from reference_impl.slots.cache import SlotCache

# mlxrs makes positions in float32, whose integers are exact up to here.
MAX_POSITIONS = 1 << 24


def padding_else_lengths(cache: SlotCache, N: Any) -> mx.array | None:
    """left_padding alone if there is one, else lengths; N is looked at only if one is set."""
    if cache.left_padding is not None:
        return mx.arange(N) >= cache.left_padding[:, None]
    if cache.lengths is not None:
        return mx.arange(N) < cache.lengths[:, None]
    return None


def padding_until_first_slot_is_set(cache: SlotCache, N: Any) -> mx.array | None:
    """left_padding alone, and only while slot 0 is unset; no slots is an IndexError."""
    if cache.cache[0] is None and cache.left_padding is not None:
        return mx.arange(N) >= cache.left_padding[:, None]
    return None


def padding_and_lengths(cache: SlotCache, N: Any) -> mx.array | None:
    """Both conditions, of those that are set; N must be valid even if none is."""
    positions = mx.arange(N)
    mask = None
    if cache.left_padding is not None:
        mask = positions >= cache.left_padding[:, None]
    if cache.lengths is not None:
        within = positions < cache.lengths[:, None]
        mask = within if mask is None else mask & within
    return mask


def bounded_padding_else_lengths(cache: SlotCache, N: Any) -> mx.array | None:
    """As `padding_else_lengths`, with N > 2^24 refused (`OutOfRange`) where a mask is made."""
    count = as_usize(N, "mask length")
    if cache.left_padding is None and cache.lengths is None:
        return None
    if count > MAX_POSITIONS:
        raise OutOfRange("iarange: stop", "must be at most 2^24", str(count))
    return padding_else_lengths(cache, count)


def padding_until_first_slot(cache: SlotCache, N: Any) -> mx.array | None:
    """left_padding alone, and only while slot 0 is unset; no slots is a trap."""
    if not cache.cache:
        raise Trap("slot index out of range")
    if cache.cache[0] is not None or cache.left_padding is None:
        return None
    return mx.arange(_swift_range(N)) >= cache.left_padding[:, None]


def positions_then_padding_else_lengths(cache: SlotCache, N: Any) -> mx.array | None:
    """As `padding_else_lengths`, but a bad N traps even if nothing is set."""
    return padding_else_lengths(cache, _swift_range(N))


def _swift_range(n: Any) -> int:
    """N of `0 ..< N` as an array: neither negative nor longer than Int32 can count."""
    count = operator.index(n)
    if count < 0:
        raise Trap("range with a lower bound above its upper bound")
    if count > I32.maximum:
        raise Trap("array longer than Int32 can count")
    return count
