"""The quantized cache: keys and values as packed integers with scales and biases."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.token_cache import TokenCache
from reference_impl.tokens import STEP


class QuantizedKVCache(TokenCache):
    """Keys and values, each as three arrays: packed uint32, scales and biases.

    They are [batch, heads, tokens, n]: n is head dimension * bits / 32 for the packed integers,
    and head dimension / group_size for scales and biases, which have the dtype of the keys. The
    first `offset` tokens count.
    """

    step = STEP

    def __init__(self, group_size: Any = 64, bits: Any = 8) -> None:
        self.keys = None
        self.values = None
        self.offset = 0
        self.group_size = group_size
        self.bits = bits

    def plain_update(self, keys: Any, values: Any) -> Any:
        """Append tokens; all keys and values, no longer quantized."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        return sum(int(array.nbytes) for array in parts(self))

    def inner_state(self) -> list[mx.array]:
        return parts(self)


def parts(cache: QuantizedKVCache) -> list[mx.array]:
    """All buffers: those of the keys, then those of the values."""
    return [] if cache.keys is None else [*cache.keys, *cache.values]
