"""A safetensors file as plain data: what a judge needs that has no array library.

Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.tensor import ITEM_SIZE, Tensor

MAX_HEADER_BYTES = 4 * 1024 * 1024  # and half of the file
_METADATA = "__metadata__"
_DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
}


@dataclass(frozen=True)
class Flat:
    """Tensors by key, and the metadata table."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def parse(data: bytes) -> Flat:
    """The content of a file; ValueError says why it is no safetensors file."""
    if len(data) < 8:
        raise ValueError(f"{len(data)} bytes; a safetensors file begins with 8 of header length")
    length = int.from_bytes(data[:8], "little")
    if length > min(len(data) - 8, MAX_HEADER_BYTES + len(data) // 2):
        raise ValueError(f"a header of {length} bytes in a file of {len(data)}")
    try:
        header = json.loads(data[8 : 8 + length], object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the header is not a JSON object of single keys: {error}") from None
    if not isinstance(header, dict):
        raise ValueError("the header is not a JSON object")
    metadata = header.pop(_METADATA, None)
    if metadata is None:  # mlx writes null where there is none
        metadata = {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError(f"{_METADATA} is not a table of texts")
    body = data[8 + length :]
    tensors = {key: _tensor(key, entry, body) for key, entry in header.items()}
    if sum(len(tensor.data) for tensor in tensors.values()) != len(body):
        raise ValueError(f"{len(body)} bytes of data, which the tensors do not cover")
    return Flat(tensors, metadata)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {max(keys, key=keys.count)!r} stands twice")
    return dict(pairs)


def _tensor(key: str, entry: Any, body: bytes) -> Tensor:
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        sizes = [*shape, begin, end]
        if not all(type(number) is int and number >= 0 for number in sizes) or end > len(body):
            raise ValueError("numbers that cannot be")
        name = _DTYPES[dtype]
        if math.prod(shape) * ITEM_SIZE[name] != end - begin:
            raise ValueError("bytes that are not as many as its shape needs")
    except KeyError as error:
        raise ValueError(f"{key}: no {error} that is known") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key}: {error}") from None
    return Tensor(name, tuple(shape), body[begin:end])
