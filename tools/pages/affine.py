"""Affine quantization as MLX does it, in a few lines that docs/prompt-cache-layouts.md shows."""

from __future__ import annotations

import struct


def quantize(
    row: list[float], group_size: int, bits: int
) -> tuple[bytes, list[float], list[float]]:
    """One row along the last axis: the bytes of its words, then a scale and a bias a group."""
    top = 2**bits - 1
    stream, scales, biases = 0, [], []
    for start in range(0, len(row), group_size):
        group = row[start : start + group_size]
        low, high = min(group), max(group)
        scale = max(f32(f32(high - low) / top), f32(1e-7))
        from_below = abs(low) > abs(high)
        scale, edge = (scale, low) if from_below else (-scale, high)
        steps = round(f32(edge / scale))  # to the nearest, a half to the even one
        bias = 0.0
        if steps != 0:
            scale, bias = f32(edge / steps), edge
        for index, element in enumerate(group, start):
            number = round(f32(f32(element - bias) / scale))
            stream |= min(max(number, 0), top) << (index * bits)
        scales.append(scale)
        biases.append(bias)
    return stream.to_bytes(len(row) * bits // 8, "little"), scales, biases


def f32(number: float) -> float:
    """Rounded to float32, in which all of this is computed."""
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded
