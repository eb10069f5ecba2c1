"""The batch cache with a window: the last tokens of sequences of different lengths.

It is to `RotatingKVCache` what `BatchKVCache` is to the plain cache, without tokens that are kept
for ever.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.batch_cache import BatchCache
from reference_impl.batch_kv.rules import turned
from reference_impl.tokens import AXIS, after, first, joined, pads, rolled


class BatchRotatingKVCache(BatchCache):
    """Up to `max_size` tokens or more; `left_padding` falls below 0 as tokens are overwritten.

    `written` counts all tokens ever appended, and `rotated` says that the buffer has been written
    around. `lengths` are there between `prepare` and `finalize`: the offsets at which the rows end.
    """

    lengths: Any
    written: Any
    rotated: Any

    def __init__(self, max_size: Any, left_padding: Any) -> None:
        super().__init__(left_padding)
        self.max_size = max_size
        self.written = 0
        self.rotated = False
        self.lengths = None

    @classmethod
    def blank(cls) -> Any:
        return cls(0, [])

    def update_and_fetch(self, keys: Any, values: Any) -> Any:
        return self.add_one(keys, values) if keys.shape[2] == 1 else self.add_many(keys, values)

    # More than one token, or none

    def add_many(self, keys: mx.array, values: mx.array) -> Any:
        """The last `max_size - 1` tokens, in order of time, then the new ones."""
        if self.keys is None:
            self.keys, self.values = keys, values
        else:
            self.sort_by_time()
            if self.keys.shape[2] > self.index:
                self.keys = first(self.keys, self.index)
                self.values = first(self.values, self.index)
            if self.lengths is not None:
                self.turn_ended_rows()
            surplus = self.index - self.max_size + 1
            self.count_dropped(surplus)
            self.keys = joined(without_oldest(self.keys, surplus), keys)
            self.values = joined(without_oldest(self.values, surplus), values)
        self.count(keys.shape[2])
        self.written += keys.shape[2]
        self.index = self.keys.shape[2]
        self.tie_counts()
        return self.keys, self.values

    def sort_by_time(self) -> None:
        """The oldest token first."""
        if self.rotated:
            self.keys = rolled(self.keys, -self.index, AXIS)
            self.values = rolled(self.values, -self.index, AXIS)
            self.index = self.keys.shape[2]
            self.rotated = False

    def turn_ended_rows(self) -> None:
        """Bring what rows have behind their end to their left, so that it goes first."""
        shifts = mx.maximum(0, self.offset - self.lengths)
        self.keys = turned(self.keys, shifts)
        self.values = turned(self.values, shifts)
        self.left_padding += shifts
        self.count_back(shifts)

    def count_dropped(self, surplus: int) -> None:
        """Of the tokens that go, the first ones are padding."""
        if surplus > 0:
            self.left_padding -= surplus

    # A single token

    def add_one(self, keys: mx.array, values: mx.array) -> Any:
        """In the place of the oldest token; between `prepare` and `finalize` a RuntimeError."""
        if self.lengths is not None:
            raise RuntimeError("finalize comes before single tokens")
        _, _, count, _ = keys.shape
        self.make_room(keys, values)
        surplus = self.keys.shape[2] - self.max_size
        if surplus > 0:
            self.keys = without_oldest(self.keys, surplus)
            self.values = without_oldest(self.values, surplus)
            self.index = self.max_size
            self.count_dropped(surplus)
        if self.index == self.max_size:
            self.rotated = True
            self.index = 0
        if self.rotated:
            self.left_padding -= count
        self.place(keys, values)
        self.written += count
        self.count(count)
        self.index += count
        self.tie_counts()
        return self.after_one()

    def make_room(self, keys: mx.array, values: mx.array) -> None:
        """Up to one step more, and not beyond the window, if the buffers are full."""
        if self.keys is not None and not (
            self.written >= self.keys.shape[2] and self.keys.shape[2] < self.max_size
        ):
            return
        more = pads(keys, values, self.room(self.max_size - self.written))
        if self.keys is None:
            self.keys, self.values = more
        else:
            self.keys = joined(self.keys, more[0])
            self.values = joined(self.values, more[1])
        self.index = self.written

    def tie_counts(self) -> None:
        """Who computes the keys computes both counts: else every token makes their graphs longer.

        The keys are another object then, and what was handed out before stays as it is.
        """
        self.keys = mx.depends(self.keys, [self.left_padding, self.offset])

    # What dialects decide; some of these are mlx-lm's decisions.

    def room(self, missing: int) -> int:
        """How many tokens the buffers grow by; fewer than 0 is a ValueError of mlx."""
        return min(self.step, missing)

    def place(self, keys: mx.array, values: mx.array) -> None:
        """Write at the index, in place; beyond the end a single token is lost without an error."""
        stop = self.index + keys.shape[2]
        self.keys[..., self.index : stop, :] = keys
        self.values[..., self.index : stop, :] = values

    def after_one(self) -> Any:
        """The tokens written while the window is not full; then the buffers themselves."""
        if self.written < self.max_size:
            return first(self.keys, self.written), first(self.values, self.written)
        return self.keys, self.values

    # Looking and taking back

    def size(self) -> Any:
        return min(self.written, self.max_size)

    def is_trimmable(self) -> bool:
        """Not once the window is full: what was overwritten cannot come back."""
        return bool(self.written < self.max_size)

    def trim(self, n: Any) -> Any:
        """The same number of every row, whether or not the window was full; the index goes below 0.

        A negative count adds, and what is there again is undefined.
        """
        removed = min(self.written, n)
        self.written -= removed
        self.index -= removed
        self.count_back(removed)
        return removed

    def to_quantized(self, group_size: Any = 64, bits: Any = 4) -> Any:
        raise NotImplementedError("a cache with a window cannot be quantized")

    # Padding

    def finalize(self) -> None:
        """Turn the rows so that padding on the right comes to the left; without any, nothing."""
        if self.lengths is not None:
            self.turn_ended_rows()
            self.lengths = None


def without_oldest(array: mx.array, surplus: int) -> mx.array:
    """The tokens behind the first `surplus`."""
    return after(array, surplus) if surplus > 0 else array
