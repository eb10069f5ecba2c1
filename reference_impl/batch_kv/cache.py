"""The batch cache: one buffer for sequences of different lengths, which end at the same token.

Shorter sequences have padding on their left. Where prompts are padded on the right, `prepare` says
how much, and `finalize` turns each row so that the padding comes to its left.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.token_cache import TokenCache
from reference_impl.tokens import STEP


class BatchKVCache(TokenCache):
    """Keys and values [batch, heads, tokens, head dimension], filled up to `index`.

    `left_padding` is how many tokens of each row do not count, `offset` the position of its next
    token (int32 [batch] both; offset = index - left_padding). `right_padding` is there between
    `prepare` and `finalize`.
    """

    step = STEP

    left_padding: Any
    right_padding: Any
    index: Any

    def __init__(self, left_padding: Any) -> None:
        self.keys = None
        self.values = None
        self.left_padding = mx.array(left_padding)
        self.offset = mx.array([-padding for padding in left_padding])
        self.index = 0
        self.right_padding = None

    @classmethod
    def blank(cls) -> Any:
        return cls([])

    def size(self) -> Any:
        """The tokens of the longest row, padding included."""
        return self.index

    def count(self, tokens: Any) -> None:
        """Add to the offsets."""
        raise NotImplementedError

    def count_back(self, tokens: Any) -> None:
        """Subtract from the offsets."""
        raise NotImplementedError

    def prepare(
        self, *, left_padding: Any = None, lengths: Any = None, right_padding: Any = None
    ) -> None:
        """More padding on the left of an empty cache; padding on the right of the next tokens."""
        raise NotImplementedError

    def finalize(self) -> None:
        """Turn the rows so that padding on the right comes to the left; without any, nothing."""
        raise NotImplementedError

    def filter(self, batch_indices: Any) -> None:
        """Keep the given rows, in the given order."""
        raise NotImplementedError

    def extend(self, other: Any) -> None:
        """Append the rows of another cache."""
        raise NotImplementedError

    def rows_without_buffers(self, others: int) -> Any:
        """How many rows a cache without buffers counts as, when it is joined to one of `others`."""
        raise NotImplementedError

    def dtype_without_buffers(self, other: Any) -> Any:
        """What a side without buffers counts as, when it is joined to another."""
        raise NotImplementedError

    def padding_of(self, idx: Any) -> Any:
        """The left padding of one row."""
        raise NotImplementedError

    def extract(self, idx: Any) -> Any:
        """A plain cache with the tokens of one row."""
        raise NotImplementedError

    @classmethod
    def merge(cls, caches: Any) -> Any:
        """A batch cache with one row from each of `caches`, plain ones."""
        raise NotImplementedError
