"""The batch cache: one buffer for sequences of different lengths, which end at the same token.

Shorter sequences have padding on their left. Where prompts are padded on the right, `prepare` says
how much, and `finalize` turns each row so that the padding comes to its left.
"""

from __future__ import annotations

from typing import Any

from reference_impl.batch_cache import BatchCache


class BatchKVCache(BatchCache):
    """All rows have the tokens up to `index`; offset = index - left_padding.

    `right_padding` is there between `prepare` and `finalize`.
    """

    right_padding: Any

    def __init__(self, left_padding: Any) -> None:
        super().__init__(left_padding)
        self.right_padding = None

    @classmethod
    def blank(cls) -> Any:
        return cls([])

    def size(self) -> Any:
        """The tokens of the longest row, padding included."""
        return self.index

    def padding_of(self, idx: Any) -> Any:
        """The left padding of one row."""
        raise NotImplementedError
