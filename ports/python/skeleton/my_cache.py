"""A slot cache to fill in; its attributes, named as mlx-lm names them, decide what is declared."""

from __future__ import annotations

from typing import Any

import mlx.core as mx


class ArraysCache:
    """Stands in for your cache. What it lacks is a declared gap until you add it."""

    def __init__(self, size: int, left_padding: list[int] | None = None) -> None:
        self.cache: list[mx.array | None] = [None] * size
        self.left_padding = mx.array(left_padding) if left_padding else None
        self.lengths: mx.array | None = None

    def __getitem__(self, slot: int) -> Any:
        return self.cache[slot]

    def __setitem__(self, slot: int, value: Any) -> None:
        self.cache[slot] = value

    @property
    def state(self) -> Any:
        return self.cache, self.left_padding, self.lengths

    @state.setter
    def state(self, value: Any) -> None:
        self.cache, self.left_padding, self.lengths = value

    # Next: batch_size, make_mask, prepare, finalize, advance, filter, extend, extract, merge, ...


# A place for each other kind of cache that you have. It is found by its name, and its attributes,
# named as mlx-lm names them, decide what is declared. What is not here is a declared gap.
# - KVCache: all tokens, in buffers that grow
# - RotatingKVCache: a window of tokens
# - QuantizedKVCache: packed keys and values
# - ChunkedKVCache: drops its front in chunks
# - ConcatenateKVCache: joins what comes
# - BatchKVCache: rows with padding
# - BatchRotatingKVCache: rows with padding in a window
# - CacheList: several caches of one layer
# - can_trim_prompt_cache, trim_prompt_cache: functions over the caches of all layers
