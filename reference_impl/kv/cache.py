"""The plain cache: a buffer of keys and one of values, which grow in steps."""

from __future__ import annotations

from typing import Any

from reference_impl.token_cache import TokenCache
from reference_impl.tokens import STEP


class KVCache(TokenCache):
    """Keys and values [batch, heads, tokens, head dimension] of one or more sequences.

    The first `offset` tokens of the buffers count; what is behind them is free. Head dimensions
    and dtypes of keys and values may differ.
    """

    step = STEP

    def __init__(self) -> None:
        self.keys = None
        self.values = None
        self.offset = 0

    def size(self) -> Any:
        return self.offset

    def to_quantized(self, group_size: Any = 64, bits: Any = 4) -> Any:
        """A quantized cache with the same tokens; this one does not change."""
        raise NotImplementedError

    @classmethod
    def merge(cls, caches: Any) -> Any:
        """A batch cache with one row from each of `caches`."""
        raise NotImplementedError
