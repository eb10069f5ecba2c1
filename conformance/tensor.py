"""Tensors on the suite's side: dtype, shape and bytes, so that the judge needs no array library."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

# dtype name (as MLX spells it) -> struct format of one element; bfloat16 has none in `struct`.
_FORMATS = {
    "bool": "?",
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "int8": "b",
    "int16": "h",
    "int32": "i",
    "int64": "q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
}
ITEM_SIZE = {name: struct.calcsize("<" + code) for name, code in _FORMATS.items()} | {"bfloat16": 2}
DTYPES = tuple(ITEM_SIZE)
_WIRE_KEYS = {"dtype", "shape", "data"}
_PIECE = 1 << 18  # bytes of a tensor that are compared at a time
_NUMBERS = frozenset({int, float})


class Tensor(msgspec.Struct, frozen=True):
    """An array: MLX dtype name, shape, and its row-major elements as little-endian bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def elements(self) -> list[Any]:
        """The elements, flat, as Python numbers (bfloat16 widened to float)."""
        return self.first(self.size)

    def first(self, count: int) -> list[Any]:
        """As `elements`, of the first `count` alone: a large tensor is shown by a few of them."""
        count = min(count, self.size)
        data = self.data[: count * ITEM_SIZE[self.dtype]]
        if self.dtype == "bfloat16":
            halves = struct.unpack(f"<{count}H", data)
            return [struct.unpack("<f", struct.pack("<I", half << 16))[0] for half in halves]
        return list(struct.unpack(f"<{count}{_FORMATS[self.dtype]}", data))

    def to_wire(self) -> dict[str, Any]:
        """The wire form: `{"dtype", "shape", "data"}` with data in lower-case hex."""
        return {"dtype": self.dtype, "shape": list(self.shape), "data": self.data.hex()}


def tensor(dtype: str, shape: Sequence[int], values: Sequence[Any]) -> Tensor:
    """Pack flat `values`; ValueError when one of them has no exact bit pattern in `dtype`."""
    if len(values) != math.prod(shape):
        raise ValueError(
            f"shape {list(shape)} holds {math.prod(shape)} elements, got {len(values)}"
        )
    data = _packed(dtype, values)
    if data is None:  # one of them is odd, or an error is to name it
        data = b"".join(_pack(dtype, value) for value in values)
    return Tensor(dtype, tuple(shape), data)


class WireTensor(msgspec.Struct, frozen=True):
    """MLX dtype name, shape, lower-case hex of the little-endian bytes in row-major order."""

    dtype: str
    shape: list[int]
    data: str


def from_wire(value: Any) -> Tensor:
    """Decode a wire tensor; ValueError says what is wrong with it. Further keys are free."""
    if not isinstance(value, dict) or not value.keys() >= _WIRE_KEYS:
        raise ValueError('a tensor is {"dtype", "shape", "data"}')
    dtype, shape, data = value["dtype"], value["shape"], value["data"]
    if not isinstance(dtype, str) or dtype not in ITEM_SIZE:
        raise ValueError(f"unknown dtype {dtype!r}; MLX's names are {', '.join(DTYPES)}")
    if not isinstance(shape, list) or not all(
        isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape
    ):
        raise ValueError(f"shape {shape!r} is not a list of whole numbers")
    raw = _from_hex(data) if isinstance(data, str) else None
    if raw is None:
        raise ValueError("data is not a string of lower-case hex digits")
    expected = math.prod(shape) * ITEM_SIZE[dtype]
    if len(data) != 2 * expected:
        raise ValueError(
            f"{dtype}{shape} needs {expected} bytes, which is {2 * expected} hex digits of data; "
            f"got {len(data)} digits"
        )
    return Tensor(dtype, tuple(shape), raw)


def _from_hex(data: str) -> bytes | None:
    """The bytes of lower-case hex digits, an odd one at the end left out; None if others stand."""
    even = data if len(data) % 2 == 0 else data + "0"
    try:
        raw = bytes.fromhex(even)
    except ValueError:
        return None
    # fromhex also takes blanks and upper case. Piece by piece: of 16 MB the whole text takes 32.
    pieces = range(0, len(raw), _PIECE)
    same = all(raw[at : at + _PIECE].hex() == even[2 * at : 2 * (at + _PIECE)] for at in pieces)
    return raw if same and len(even) == 2 * len(raw) else None


def is_wire_tensor(value: Any) -> bool:
    """Whether a decoded JSON value claims to be a tensor, be it a malformed one."""
    return isinstance(value, dict) and not _WIRE_KEYS.isdisjoint(value)


def describe(value: Tensor, limit: int = 16) -> str:
    """One line for a reader: `float32[2,3] 10 11 12 ...`."""
    elements = value.first(limit)
    if value.dtype == "bool":
        shown = ["T" if element else "F" for element in elements]
    else:
        shown = [
            f"{element:g}" if isinstance(element, float) else str(element) for element in elements
        ]
    more = " ..." if value.size > limit else ""
    return f"{value.dtype}{list(value.shape)} {' '.join(shown)}{more}".replace(", ", ",").rstrip()


class Deviation(msgspec.Struct, frozen=True):
    """Why two tensors are not the same bits: their dtype, their shape, or the first element."""

    what: Literal["dtype", "shape", "element"]
    expected: Any
    got: Any
    index: tuple[int, ...] = ()
    bits: tuple[str, str] | None = None  # where only these tell the two apart

    def words(self) -> str:
        """`dtype int64 instead of int32`, `[0,1] is True instead of False`."""
        if self.what != "element":
            expected, got = self.expected, self.got
            if self.what == "shape":
                expected, got = list(expected), list(got)
            return f"{self.what} {got} instead of {expected}"
        index = ",".join(map(str, self.index))
        said = f"[{index}] is {self.got!r} instead of {self.expected!r}"
        if self.bits is None:
            return said
        return f"{said} (bits {self.bits[1]} instead of {self.bits[0]})"


def deviation(expected: Tensor, got: Tensor) -> Deviation | None:
    """Why two tensors are not the same bits; None if they are."""
    if expected.dtype != got.dtype:
        return Deviation("dtype", expected.dtype, got.dtype)
    if expected.shape != got.shape:
        return Deviation("shape", expected.shape, got.shape)
    if expected.data == got.data:
        return None
    step = ITEM_SIZE[expected.dtype]
    flat = next(
        i
        for i in range(expected.size)
        if expected.data[i * step : (i + 1) * step] != got.data[i * step : (i + 1) * step]
    )
    here = slice(flat * step, (flat + 1) * step)
    want, have = expected.data[here], got.data[here]
    ours, theirs = (Tensor(expected.dtype, (), data).elements()[0] for data in (want, have))
    index = tuple(_unravel(flat, expected.shape))
    # Zeros, NaNs and bools: only the bits tell.
    alike = ours == theirs or (ours != ours and theirs != theirs)
    bits = (want.hex(), have.hex()) if alike else None
    return Deviation("element", ours, theirs, index, bits)


def _packed(dtype: str, values: Sequence[Any]) -> bytes | None:
    """All at once, where every one is a plain number that the dtype holds exactly."""
    if dtype in ("bool", "bfloat16") or not _NUMBERS.issuperset(map(type, values)):
        return None
    form = f"<{len(values)}{_FORMATS[dtype]}"
    try:
        packed = struct.pack(form, *values)
    except (struct.error, OverflowError):
        return None
    return packed if struct.unpack(form, packed) == tuple(values) else None


def _pack(dtype: str, value: Any) -> bytes:
    if isinstance(value, bool) and dtype != "bool":
        raise ValueError(f"{value!r} is not a number")
    if dtype == "bool":
        if value not in (0, 1):
            raise ValueError(f"{value!r} is not a bool (write 0, 1, true or false)")
        return struct.pack("<?", bool(value))
    if not isinstance(value, (int, float)):
        raise ValueError(f"{value!r} is not a number")
    try:
        if dtype == "bfloat16":
            wide = struct.pack("<f", value)
            if wide[:2] != b"\0\0" and not math.isnan(value):
                raise ValueError(f"{value!r} has no exact bfloat16 value")
            packed, back = wide[2:], struct.unpack("<f", wide)[0]
        else:
            packed = struct.pack("<" + _FORMATS[dtype], value)
            back = struct.unpack("<" + _FORMATS[dtype], packed)[0]
    except (struct.error, OverflowError) as error:
        raise ValueError(f"{value!r} does not fit {dtype}: {error}") from None
    if back != value and not math.isnan(value):
        raise ValueError(f"{value!r} has no exact {dtype} value (nearest is {back!r})")
    return packed


def _unravel(flat: int, shape: tuple[int, ...]) -> list[int]:
    index: list[int] = []
    for size in reversed(shape):
        flat, position = divmod(flat, size)
        index.append(position)
    return index[::-1]
