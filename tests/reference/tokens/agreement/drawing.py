"""What is drawn: tokens, numbers, rows, and what a cache is made with."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

DTYPES = (mx.float32, mx.float32, mx.float16, mx.bfloat16, mx.int32)


@dataclass
class Draw:
    random: random.Random
    batch: int = 1
    heads: int = 1
    key_dimension: int = 2
    value_dimension: int = 3
    dtype: Any = mx.float32

    def start(self, batch: int, dimensions: tuple[int, int]) -> None:
        self.batch = batch
        self.heads = self.random.choice((1, 1, 2))
        self.key_dimension, self.value_dimension = dimensions
        self.dtype = self.random.choice(DTYPES)

    def count(self) -> int:
        return self.random.choice((0, 1, 1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 9))

    def small(self) -> int:
        return self.random.choice((0, 1, 1, 2, 2, 3, 4, 5, 7, 9, -1, -2))

    def tokens(self, batch: int | None = None) -> tuple[mx.array, mx.array]:
        batch = self.batch if batch is None else batch
        count = self.count()
        shapes = [
            [batch, self.heads, count, self.key_dimension],
            [batch, self.heads, count, self.value_dimension],
        ]
        dtype = self.dtype
        if self.chance(12):
            dtype = self.random.choice(DTYPES)
        if self.chance(14):
            self.spoil(self.random.choice(shapes))
        return tuple(self.numbers(shape, dtype) for shape in shapes)

    def spoil(self, shape: list[int]) -> None:
        """Another length of an axis, or another number of axes."""
        axis = self.random.randrange(len(shape))
        if self.chance(3):
            del shape[axis]
        else:
            shape[axis] = self.random.choice((1, shape[axis] + 1, 2 * shape[axis], 0))

    def numbers(self, shape: list[int], dtype: Any) -> mx.array:
        size = 1
        for length in shape:
            size *= length
        values = [self.random.randrange(-50, 50) for _ in range(size)]
        return mx.array(values, dtype=mx.float32).reshape(shape).astype(dtype)

    def chance(self, one_in: int) -> bool:
        return self.random.randrange(one_in) == 0

    def rows(self, count: int) -> list[int]:
        """Some of the rows, in some order."""
        wanted = self.random.choice((0, 1, 1, 2, 3)) if count else 0
        return [self.random.randrange(count) for _ in range(wanted)]

    def paddings(self, count: int) -> list[int]:
        return [self.random.choice((0, 0, 1, 2, 3)) for _ in range(count)]


def arguments_of(draw: Draw, kind: str, rows: int) -> list[Any]:
    choice = draw.random.choice
    window = choice((1, 2, 3, 4, 4, 5, 6, 8, 0))
    return {
        "KVCache": lambda: [],
        "ConcatenateKVCache": lambda: [],
        "RotatingKVCache": lambda: [window, choice((0, 0, 0, 1, 2, window, window + 1))],
        "QuantizedKVCache": lambda: [choice((32, 32, 64, 128)), choice((2, 3, 4, 5, 6, 8, 8, 7))],
        "ChunkedKVCache": lambda: [choice((1, 2, 3, 4, 5, 6, 8, 0))],
        "BatchKVCache": lambda: [draw.paddings(rows)],
        "BatchRotatingKVCache": lambda: [window, draw.paddings(rows)],
        "CacheList": lambda: children_of(draw),
    }[kind]()


def children_of(draw: Draw) -> list[Any]:
    single = ("KVCache", "RotatingKVCache", "ArraysCache", "ChunkedKVCache", "CacheList")
    batches = ("BatchKVCache", "BatchRotatingKVCache", "ArraysCache")
    in_batches = draw.chance(2)
    draw.batch = draw.random.choice((1, 2)) if in_batches else 1
    children = []
    for _ in range(draw.random.choice((0, 1, 2, 2, 3))):
        kind = draw.random.choice(batches if in_batches else single)
        arguments = [2] if kind == "ArraysCache" else arguments_of(draw, kind, draw.batch)
        children.append((kind, arguments))
    return children
