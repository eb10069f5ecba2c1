"""The cache with a window: the first tokens and the last ones, in a buffer that is written around.

Single tokens overwrite the oldest one in place. More tokens at once are joined to what is kept,
in order of time, so that each of them can see a whole window before itself.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.token_cache import C, TokenCache
from reference_impl.tokens import STEP, between, first, joined, pads


class RotatingKVCache(TokenCache):
    """The first `keep` tokens and the last ones, `max_size` together.

    `offset` counts all tokens ever appended; `index` is where the next one goes. The buffers hold
    up to max_size tokens, or more after an update with more than one.
    """

    step = STEP

    def __init__(self, max_size: Any, keep: Any = 0) -> None:
        self.keep = keep
        self.keys = None
        self.values = None
        self.offset = 0
        self.max_size = max_size
        self.index = 0

    @classmethod
    def blank(cls: type[C]) -> C:
        return cls(0)  # type: ignore[call-arg]

    def update_and_fetch(self, keys: Any, values: Any) -> Any:
        return self.add_one(keys, values) if keys.shape[2] == 1 else self.add_many(keys, values)

    # More than one token, or none

    def add_many(self, keys: mx.array, values: mx.array) -> Any:
        """What is kept, in order of time, then the new tokens.

        With `max_size - 1` tokens before the first new one, each of them has its whole window.
        """
        if self.keys is None:
            self.keys, self.values = keys, values
        else:
            self.keys = self.in_order_of_time(self.keys)
            self.values = self.in_order_of_time(self.values)
            self.index = self.keys.shape[2]
            surplus = self.index - self.max_size + 1
            self.keys = joined(*self.without_oldest(self.keys, surplus), keys)
            self.values = joined(*self.without_oldest(self.values, surplus), values)
        self.offset += keys.shape[2]
        self.index = self.keys.shape[2]
        return self.keys, self.values

    def in_order_of_time(self, array: mx.array) -> mx.array:
        """The tokens kept, the oldest first; room that is free goes."""
        if self.index == array.shape[2]:
            return array
        if self.index < self.offset:
            return joined(
                first(array, self.keep),
                array[..., self.index :, :],
                self.between(array, self.keep, self.index),
            )
        return first(array, self.index)

    def without_oldest(self, array: mx.array, surplus: int) -> list[mx.array]:
        """The parts that stay: the first `keep` tokens, and those after `surplus` more."""
        if surplus <= 0:
            return [array]
        return [first(array, self.keep), array[..., surplus + self.keep :, :]]

    # A single token

    def add_one(self, keys: mx.array, values: mx.array) -> Any:
        """In the place of the oldest token that is not among the first `keep`."""
        _, _, count, _ = keys.shape
        self.make_room(keys, values)
        surplus = self.keys.shape[2] - self.max_size
        if surplus > 0:
            self.keys = joined(*self.without_oldest(self.keys, surplus))
            self.values = joined(*self.without_oldest(self.values, surplus))
            self.index = self.max_size
        if self.index == self.max_size:
            self.index = self.keep
        self.place(keys, values)
        self.offset += count
        self.index += count
        return self.after_one()

    def make_room(self, keys: mx.array, values: mx.array) -> None:
        """Up to one step more, and not beyond the window, if the buffers are full."""
        if self.keys is not None and not (
            self.offset >= self.keys.shape[2] and self.keys.shape[2] < self.max_size
        ):
            return
        more = pads(keys, values, self.room(self.max_size - self.offset))
        if self.keys is None:
            self.keys, self.values = more
        else:
            self.keys = joined(self.keys, more[0])
            self.values = joined(self.values, more[1])
        self.index = self.offset

    # What dialects decide; these are mlx-lm's decisions.

    def room(self, missing: int) -> int:
        """How many tokens the buffers grow by; fewer than 0 is a ValueError of mlx."""
        return min(self.step, missing)

    def between(self, array: mx.array, start: int, stop: int) -> mx.array:
        """As Python slices: nothing where `stop` is before `start`."""
        return between(array, start, stop)

    def place(self, keys: mx.array, values: mx.array) -> None:
        """Write at the index, in place, for everybody who holds the buffers.

        Beyond their end a single token is lost without an error.
        """
        stop = self.index + keys.shape[2]
        self.keys[..., self.index : stop, :] = keys
        self.values[..., self.index : stop, :] = values

    def after_one(self) -> Any:
        """The tokens up to the offset while the window is not full; then the buffers themselves."""
        if self.offset < self.max_size:
            return first(self.keys, self.offset), first(self.values, self.offset)
        return self.keys, self.values

    # Looking and taking back

    def size(self) -> Any:
        return min(self.offset, self.max_size)

    def is_trimmable(self) -> bool:
        """Not once the window is full: what was overwritten cannot come back."""
        return bool(self.offset < self.max_size)

    def trim(self, n: Any) -> Any:
        """At most the offset, whether or not the window was full; the index goes below 0.

        A negative count adds to the offset, and what is there again is undefined.
        """
        removed = min(self.offset, n)
        self.offset -= removed
        self.index -= removed
        return removed

    def to_quantized(self, group_size: Any = 64, bits: Any = 4) -> Any:
        raise NotImplementedError("a cache with a window cannot be quantized")

    @classmethod
    def merge(cls, caches: Any) -> Any:
        """A batch cache with one row from each of `caches`."""
        return cls.classes["BatchRotatingKVCache"].merge(caches)
