"""Small vocabulary of the tests of caches of keys and values."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.kinds import cache_classes


def tokens(*numbers: float, rows: int = 1, dtype: mx.Dtype = mx.float32) -> tuple[mx.array, ...]:
    """Keys and values of one head and one dimension; row b of a batch has 100 b more."""
    keys = mx.array([[n + 100 * b for n in numbers] for b in range(rows)], dtype=dtype)
    keys = keys.reshape(rows, 1, len(numbers), 1)
    return keys, -keys


def cache(dialect: str, label: str, *arguments: Any, fed: Any = ()) -> Any:
    """A cache that was given some tokens, if any."""
    made = cache_classes(dialect)[label](*arguments)
    if len(fed):
        rows = made.left_padding.size if hasattr(made, "left_padding") else 1
        made.update_and_fetch(*tokens(*fed, rows=rows))
    return made


def numbers(array: mx.array) -> Any:
    """Keys or values as nested lists: of one row its tokens, of several one list each."""
    rows = array[..., 0].reshape(array.shape[0], -1).tolist()
    return rows[0] if len(rows) == 1 else rows


def everything(made: Any) -> Any:
    """What an error must not change."""
    return {name: plain(value) for name, value in vars(made).items()}


def plain(value: Any) -> Any:
    if isinstance(value, mx.array):
        return str(value.dtype), value.shape, value.tolist()
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value
