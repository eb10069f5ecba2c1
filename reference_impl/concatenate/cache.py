"""The cache without free room: every update makes new arrays of what there was and what comes."""

from __future__ import annotations

from typing import Any

from reference_impl.kv.rules import trim_any
from reference_impl.token_cache import TokenCache
from reference_impl.tokens import joined


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
            self.keys = joined(self.keys, keys)
            self.values = joined(self.values, values)
        self.offset = self.keys.shape[-2]
        return self.keys, self.values

    trim = trim_any


def both(cache: ConcatenateKVCache) -> tuple[Any, Any]:
    """All tokens, those that were taken back too; None before the first update."""
    return cache.keys, cache.values


def take_pair(cache: ConcatenateKVCache, value: Any) -> None:
    """Any two things, unseen; the offset is how many tokens the first one has."""
    cache.keys, cache.values = value
    cache.offset = cache.keys.shape[-2]
