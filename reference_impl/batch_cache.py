"""What the batch caches have in common: rows of different lengths that end at the same token."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.token_cache import TokenCache
from reference_impl.tokens import STEP


class BatchCache(TokenCache):
    """Keys and values [batch, heads, tokens, head dimension], filled up to `index`.

    `left_padding` is how many tokens of the buffer do not count in each row, `offset` the position
    of the row's next token (int32 [batch] both). `index` is where that token goes.
    """

    step = STEP

    left_padding: Any
    index: Any

    def __init__(self, left_padding: Any) -> None:
        self.keys = None
        self.values = None
        self.left_padding = mx.array(left_padding)
        self.offset = mx.array([-padding for padding in left_padding])
        self.index = 0

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

    def extract(self, idx: Any) -> Any:
        """A cache of one sequence, with the tokens of one row."""
        raise NotImplementedError

    @classmethod
    def merge(cls, caches: Any) -> Any:
        """A batch cache with one row from each of `caches`, of one sequence each."""
        raise NotImplementedError
