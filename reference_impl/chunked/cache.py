"""The cache of chunks: a plain cache from whose front tokens are dropped between updates."""

from __future__ import annotations

from typing import Any

from reference_impl.token_cache import TokenCache
from reference_impl.tokens import STEP


class ChunkedKVCache(TokenCache):
    """Keys and values from `start_position` on; `offset` counts all tokens ever appended.

    The buffers are filled up to `offset - start_position`.
    """

    step = STEP

    def __init__(self, chunk_size: Any) -> None:
        self.keys = None
        self.values = None
        self.offset = 0
        self.chunk_size = chunk_size
        self.start_position = 0

    def maybe_trim_front(self) -> None:
        """Drop the first tokens where there are more than `chunk_size`."""
        raise NotImplementedError
