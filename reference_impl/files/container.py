"""Safetensors files: a strict reader that allocates what a file proves, and a plain writer.

Format: https://github.com/huggingface/safetensors#format (8 bytes of header length, the header as
JSON, the data, in which tensors lie one after the other without gaps).
"""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

import mlx.core as mx

from reference_impl.files.content import Flat, elements
from reference_impl.files.errors import BadContainer, TooLarge, shown
from reference_impl.files.header import METADATA, Header, TensorInfo, parse
from reference_impl.files.limits import header_limit

_DTYPES: dict[str, tuple[mx.Dtype, int]] = {
    "BOOL": (mx.bool_, 1),
    "U8": (mx.uint8, 1),
    "U16": (mx.uint16, 2),
    "U32": (mx.uint32, 4),
    "U64": (mx.uint64, 8),
    "I8": (mx.int8, 1),
    "I16": (mx.int16, 2),
    "I32": (mx.int32, 4),
    "I64": (mx.int64, 8),
    "F16": (mx.float16, 2),
    "BF16": (mx.bfloat16, 2),
    "F32": (mx.float32, 4),
    "F64": (mx.float64, 8),
    "C64": (mx.complex64, 8),
}
_NAMES = {dtype: name for name, (dtype, _) in _DTYPES.items()}
_MAX_DIMENSION = 2**31 - 1
_SMALL = 1 << 16  # bytes that are copied faster than MLX evaluates an array to read them into


def read(path: str | Path) -> Flat:
    """All tensors and the metadata of a file; independent of the file afterwards.

    Raises BadContainer or TooLarge, or OSError when the file cannot be opened.
    """
    # Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise BadContainer("file", "is not a regular file")
        header, start = _header(stream, status.st_size)
        _check(header, status.st_size - start)
        tensors = {
            key: _tensor(stream, start, key, info)
            for key, info in sorted(header.tensors.items(), key=lambda item: item[1].begin)
        }
    return Flat({key: tensors[key] for key in header.tensors}, header.metadata)


def write(path: str | Path, flat: Flat) -> None:
    """Write a file; the same content gives the same bytes."""
    header: dict[str, object] = {METADATA: dict(flat.metadata)} if flat.metadata else {}
    position = 0
    for key, tensor in flat.tensors.items():
        span = [position, position + tensor.nbytes]
        header[key] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": span,
        }
        position = span[1]
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    # The data begins at a multiple of 8, so that a reader may map it.
    text += b" " * (-len(text) % 8)
    with Path(path).open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for tensor in flat.tensors.values():
            stream.write(elements(tensor))


def _header(stream: BinaryIO, size: int) -> tuple[Header, int]:
    prefix = stream.read(8)
    if len(prefix) < 8:
        raise BadContainer("file", f"is {size} bytes long; 8 bytes of header length come first")
    length = int.from_bytes(prefix, "little")
    if length > size - 8:
        raise BadContainer("header", f"claims {length} bytes where the file has {size - 8}")
    if length > header_limit(size):
        raise TooLarge("header", "MAX_HEADER_BYTES", header_limit(size), length)
    text = stream.read(length)
    try:
        return parse(text.decode()), 8 + length
    except UnicodeDecodeError:
        raise BadContainer("header", "is not UTF-8") from None


def _check(header: Header, size: int) -> None:
    """Every tensor fits its bytes, and together they are the data: no overlap, no gap, no rest."""
    for key, info in header.tensors.items():
        if info.dtype not in _DTYPES:
            raise BadContainer(key, f"dtype {shown(info.dtype)} is unknown")
        if max(info.shape, default=0) > _MAX_DIMENSION:
            raise BadContainer(key, f"a dimension of {list(info.shape)} is above {_MAX_DIMENSION}")
        if not info.begin <= info.end <= size:
            raise BadContainer(key, f"data_offsets [{info.begin}, {info.end}] of {size} bytes")
        needed = math.prod(info.shape) * _DTYPES[info.dtype][1]
        if needed != info.end - info.begin:
            raise BadContainer(
                key,
                f"{info.dtype}{list(info.shape)} takes {needed} bytes, "
                f"data_offsets give it {info.end - info.begin}",
            )
    position = 0
    for key, info in sorted(header.tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if info.begin != position:
            what = "overlaps the tensor before it" if info.begin < position else "leaves a gap"
            raise BadContainer(key, f"data_offsets [{info.begin}, {info.end}]: {what}")
        position = info.end
    if position != size:
        raise BadContainer("data", f"has {size} bytes, of which the tensors take {position}")


def _tensor(stream: BinaryIO, start: int, key: str, info: TensorInfo) -> mx.array:
    dtype = _DTYPES[info.dtype][0]
    count = info.end - info.begin
    if not count:
        return mx.zeros(info.shape, dtype)
    stream.seek(start + info.begin)
    # A large one straight into the array: through bytes it would be written to memory twice. Not a
    # mapping, which ends the process if the file becomes shorter.
    buffer: Any = bytearray(count) if count <= _SMALL else mx.zeros([count], mx.uint8)
    if stream.readinto(memoryview(buffer)) != count:  # type: ignore[attr-defined]
        raise BadContainer(key, "the file became shorter while it was read")
    data = mx.array(buffer) if count <= _SMALL else buffer
    return data.view(dtype).reshape(info.shape)
