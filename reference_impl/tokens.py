"""Arrays of keys or values: [batch, heads, tokens, head dimension], and how one is built."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

AXIS = 2  # the tokens
STEP = 256  # buffers grow by multiples of this many tokens


def first(array: mx.array, count: int) -> mx.array:
    """The first `count` tokens, as Python slices: a negative count leaves out the last ones."""
    return array[..., :count, :]


def after(array: mx.array, start: int) -> mx.array:
    """The tokens from `start` on, as Python slices."""
    return array[..., start:, :]


def between(array: mx.array, start: int, stop: int) -> mx.array:
    """The tokens from `start` to before `stop`, as Python slices."""
    return array[..., start:stop, :]


def joined(*arrays: mx.array) -> mx.array:
    """One after the other; mlx refuses those that differ in more than their tokens."""
    return mx.concatenate(list(arrays), axis=AXIS)


def rolled(array: mx.array, shift: int, axis: int) -> mx.array:
    """Turned to the right: what leaves at the end comes to the front."""
    return mx.roll(array, shift, axis)


def whole_steps(count: int, step: int = STEP) -> int:
    """The least multiple of `step` that holds `count` tokens."""
    return (count + step - 1) // step * step


def pads(keys: mx.array, values: mx.array, count: int) -> tuple[mx.array, mx.array]:
    """Zeros for `count` tokens: batch, heads and head dimensions of `keys` and `values`."""
    batch, heads, _, key_dimension = keys.shape
    value_dimension = values.shape[3]
    return (
        mx.zeros((batch, heads, count, key_dimension), keys.dtype),
        mx.zeros((batch, heads, count, value_dimension), values.dtype),
    )


def own(value: Any) -> Any:
    """The same content in arrays of its own: writing in place to either leaves the other.

    Arrays in tuples, lists and dictionaries are meant too; whatever else is there stays itself.
    """
    if isinstance(value, mx.array):
        return value[...]
    if isinstance(value, tuple | list):
        return type(value)(own(part) for part in value)
    if isinstance(value, dict):
        return {key: own(part) for key, part in value.items()}
    return value
