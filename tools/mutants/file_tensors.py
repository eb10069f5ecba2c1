"""Wrong tensors in prompt-cache files: dtypes, bits, axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from tools.mutants.forms import LM31, LM32, Change, mutants, slot_tensors, slots

Of = Callable[[Any], Any]
_SIGN = {mx.float16: 0x8000, mx.bfloat16: 0x8000, mx.float32: 0x80000000}
_EXPONENT = {mx.float16: 0x7C00, mx.bfloat16: 0x7F80, mx.float32: 0x7F800000}
_BITS = {mx.float16: mx.uint16, mx.bfloat16: mx.uint16, mx.float32: mx.uint32}


def _of(dtype: mx.Dtype, change: Of) -> Change:
    return slot_tensors(lambda t: change(t) if t.dtype == dtype and t.size else t)


def _as(before: mx.Dtype, after: mx.Dtype) -> Change:
    return _of(before, lambda t: t.astype(after))


def _bits_as(before: mx.Dtype, after: mx.Dtype) -> Change:
    return _of(before, lambda t: t.view(after) if t.ndim else t.reshape(1).view(after).reshape([]))


def _through(dtype: mx.Dtype, other: type) -> Change:
    """Whole numbers by way of Python's."""
    return _of(dtype, lambda t: mx.array(
        [_bounded(int(other(n)), dtype) for n in t.flatten().tolist()], dtype).reshape(t.shape)
    )  # fmt: skip


def _bounded(number: int, dtype: mx.Dtype) -> int:
    most = 2**64 - 1 if dtype == mx.uint64 else 2**63 - 1
    return max(min(number, most), 0 if dtype == mx.uint64 else -(2**63))


def _on_bits(dtype: mx.Dtype, change: Callable[[int], int]) -> Change:
    """A float whose bits are `change` of what they were."""

    def changed(t: Any) -> Any:
        bits = t.reshape(-1).view(_BITS[dtype]).tolist()
        return mx.array([change(b) for b in bits], _BITS[dtype]).view(dtype).reshape(t.shape)

    return _of(dtype, changed)


def _flushed(dtype: mx.Dtype) -> Change:
    """Numbers below the smallest normal one are zero."""
    return _on_bits(dtype, lambda b: b if b & _EXPONENT[dtype] else b & _SIGN[dtype])


def _one_nan(dtype: mx.Dtype) -> Change:
    """Every NaN is the same one."""
    exponent = _EXPONENT[dtype]
    mantissa = _SIGN[dtype] - 1 - exponent
    quiet = exponent | (mantissa + 1) >> 1
    return _on_bits(
        dtype, lambda b: quiet if b & exponent == exponent and b & mantissa else b
    )


def _no_minus_zero(dtype: mx.Dtype) -> Change:
    return _on_bits(dtype, lambda b: 0 if b == _SIGN[dtype] else b)


def _shaped(when: Callable[[Any], bool], change: Of) -> Change:
    return slot_tensors(lambda t: change(t) if when(t) else t)


_DTYPES = [
    ("bool-as-uint8", "bool is uint8", _as(mx.bool_, mx.uint8)),
    ("int8-as-uint8", "int8 is uint8", _bits_as(mx.int8, mx.uint8)),
    ("uint8-as-int8", "uint8 is int8", _bits_as(mx.uint8, mx.int8)),
    ("int8-widened", "int8 is int32", _as(mx.int8, mx.int32)),
    ("int16-widened", "int16 is int32", _as(mx.int16, mx.int32)),
    ("uint16-as-int16", "uint16 is int16", _bits_as(mx.uint16, mx.int16)),
    ("uint16-as-bfloat16", "uint16 is taken for bfloat16", _bits_as(mx.uint16, mx.bfloat16)),
    ("uint32-as-int32", "uint32 is int32", _bits_as(mx.uint32, mx.int32)),
    ("int32-as-float32", "int32 is float32", _as(mx.int32, mx.float32)),
    ("int64-as-int32", "int64 is int32", _as(mx.int64, mx.int32)),
    ("int64-as-double", "int64 went through a double", _through(mx.int64, float)),
    ("uint64-as-double", "uint64 went through a double", _through(mx.uint64, float)),
    ("uint64-as-int64", "uint64 is int64", _bits_as(mx.uint64, mx.int64)),
    ("float16-widened", "float16 is float32", _as(mx.float16, mx.float32)),
    ("float16-as-bfloat16", "float16 is bfloat16", _as(mx.float16, mx.bfloat16)),
    ("bfloat16-as-float16", "bfloat16 is float16", _as(mx.bfloat16, mx.float16)),
    ("float32-narrowed", "float32 is float16", _as(mx.float32, mx.float16)),
    ("float16-flushed", "the smallest numbers of float16 are zero", _flushed(mx.float16)),
    ("bfloat16-flushed", "the smallest numbers of bfloat16 are zero", _flushed(mx.bfloat16)),
    ("float32-flushed", "the smallest numbers of float32 are zero", _flushed(mx.float32)),
    ("float16-one-nan", "each NaN of float16 is the same", _one_nan(mx.float16)),
    ("bfloat16-one-nan", "each NaN of bfloat16 is the same", _one_nan(mx.bfloat16)),
    ("float32-one-nan", "each NaN of float32 is the same", _one_nan(mx.float32)),
    ("bfloat16-no-minus-zero", "-0.0 of bfloat16 is 0.0", _no_minus_zero(mx.bfloat16)),
]  # fmt: skip
_AXES = [
    ("no-axes-as-one", "a tensor without axes has one", _shaped(
        lambda t: t.ndim == 0, lambda t: t.reshape(1))),
    ("one-axis-as-two", "a tensor of one axis has a second one", _shaped(
        lambda t: t.ndim == 1, lambda t: t[:, None])),
    ("five-axes-as-four", "axes beyond the fourth are one", _shaped(
        lambda t: t.ndim > 4 and t.size > 0, lambda t: t.reshape(*t.shape[:3], -1))),
    ("six-axes-as-five", "axes beyond the fifth are one", _shaped(
        lambda t: t.ndim > 5 and t.size > 0, lambda t: t.reshape(*t.shape[:4], -1))),
    ("seven-axes-flat", "a tensor of seven axes and more has one", _shaped(
        lambda t: t.ndim > 6, lambda t: t.reshape(-1))),
    ("ones-squeezed", "axes of size one behind the first are gone", _shaped(
        lambda t: 1 in t.shape[1:], lambda t: t.reshape(
            t.shape[:1] + tuple(n for n in t.shape[1:] if n != 1)))),
    ("first-one-squeezed", "a first axis of size one is gone", _shaped(
        lambda t: t.ndim > 2 and t.shape[0] == 1, lambda t: t.reshape(t.shape[1:]))),
    ("last-axes-swapped", "the last two of four axes and more change places", _shaped(
        lambda t: t.ndim >= 4, lambda t: t.swapaxes(-1, -2))),
    ("bytes-beyond-64-kib", "what is behind the first 64 KiB of a tensor is zero", _shaped(
        lambda t: t.nbytes > 65536, lambda t: mx.where(
            mx.arange(t.size).reshape(t.shape) * t.itemsize < 65536, t, mx.zeros_like(t)))),
]  # fmt: skip
_EMPTY = [
    ("empty-as-unset", "a slot of no elements is unset", slots(
        lambda held: [None if isinstance(t, mx.array) and not t.size else t for t in held])),
    ("empty-without-axes", "a tensor of no elements has shape [0]", _shaped(
        lambda t: t.size == 0 and t.ndim > 1, lambda t: t.reshape(0))),
    ("empty-as-float32", "a tensor of no elements is float32", _shaped(
        lambda t: t.size == 0, lambda t: t.astype(mx.float32))),
]  # fmt: skip

MUTANTS = (
    *mutants("FILE-003", _DTYPES),
    *mutants("FILE-003", _AXES),
    *mutants("FILE-003", _EMPTY, (LM31, LM32)),
)
