"""Small vocabulary of the reference's tests."""

from __future__ import annotations

from typing import Any

import mlx.core as mx


def array(*values: float, dtype: mx.Dtype = mx.float32) -> mx.array:
    """One row per value: shape [B, 1]."""
    return mx.array(values, dtype=dtype)[:, None]


def ints(rows: mx.array | None) -> Any:
    """An int32 vector as a list, or None."""
    assert rows is None or rows.dtype == mx.int32
    return None if rows is None else rows.tolist()


def slots(cache: Any) -> list[Any]:
    """The slots as nested lists, None where unwritten."""
    return [None if slot is None else slot.flatten().tolist() for slot in cache.cache]


def everything(cache: Any) -> tuple[Any, ...]:
    """Identity of the slots and the values of both row vectors: what an error must not change."""
    return [id(slot) for slot in cache.cache], ints(cache.left_padding), ints(cache.lengths)
