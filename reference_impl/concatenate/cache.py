"""The cache without free room: every update makes new arrays of what there was and what comes."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.kv.rules import trim_any
from reference_impl.token_cache import TokenCache


class ConcatenateKVCache(TokenCache):
    """Keys and values [..., tokens, head dimension].

    `offset` is how many tokens there are, until some are taken back: they stay, and the next
    update makes the offset that of all tokens again.
    """

    def __init__(self) -> None:
        self.keys = None
        self.values = None
        self.offset = 0

    def update_and_fetch(self, keys: Any, values: Any) -> Any:
        """Append to all tokens there ever were."""
        if self.keys is None:
            self.keys, self.values = keys, values
        else:
            self.keys = mx.concatenate([self.keys, keys], axis=-2)
            self.values = mx.concatenate([self.values, values], axis=-2)
        self.offset = self.keys.shape[-2]
        return self.keys, self.values

    trim = trim_any


def trim_cutting(cache: ConcatenateKVCache, n: Any) -> Any:
    """mlx-vlm: what is taken back is gone."""
    removed = trim_any(cache, n)
    if cache.keys is not None:
        cache.keys = cache.keys[..., : cache.offset, :]
        cache.values = cache.values[..., : cache.offset, :]
    return removed


def both(cache: ConcatenateKVCache) -> tuple[Any, Any]:
    """All tokens, those that were taken back too; None before the first update."""
    return cache.keys, cache.values


def take_pair(cache: ConcatenateKVCache, value: Any) -> None:
    """Any two things, unseen; the offset is how many tokens the first one has."""
    cache.keys, cache.values = value
    cache.offset = cache.keys.shape[-2]


def take_pair_or_nothing(cache: ConcatenateKVCache, value: Any) -> None:
    """mlx-vlm: the same, and without keys an offset of 0."""
    cache.keys, cache.values = value
    cache.offset = 0 if cache.keys is None else cache.keys.shape[-2]
