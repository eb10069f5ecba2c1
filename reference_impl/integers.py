"""Integers: how each language reads one from text, and which ones it takes as an argument."""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from reference_impl.errors import OutOfRange, Parse, ParseCause, Trap

_DIGITS = "0123456789"
# A number of so many digits is beyond every type, and to convert more takes quadratic time.
_ENOUGH_DIGITS = 50


@dataclass(frozen=True)
class IntType:
    """Name and bounds of a fixed-width integer type."""

    name: str
    minimum: int
    maximum: int


USIZE = IntType("usize", 0, 2**64 - 1)
I32 = IntType("i32", -(2**31), 2**31 - 1)
SWIFT_INT = IntType("Int", -(2**63), 2**63 - 1)


def scan_integer(text: str, kind: IntType) -> int | ParseCause:
    """Read a decimal as Rust's `FromStr` does: the integer, or why there is none.

    An optional sign ('-' only for signed types), then ASCII digits and nothing else. Digits are
    judged from the left, so overflow is reported if it happens before the first bad character.
    """
    if not text:
        return "Empty"
    negative = kind.minimum < 0 and text[0] == "-"
    digits = text[1:] if negative or text[0] == "+" else text
    others = digits.lstrip(_DIGITS)
    readable = digits.removesuffix(others).lstrip("0")
    value = int(readable[:_ENOUGH_DIGITS] or "0")
    if value > (-kind.minimum if negative else kind.maximum):
        return "NegOverflow" if negative else "PosOverflow"
    if others or not digits:
        return "InvalidDigit"
    return -value if negative else value


def parse_strict(text: str, kind: IntType, context: str, input_kind: str) -> int:
    """Rust: the integer, or `Parse`."""
    found = scan_integer(text, kind)
    if isinstance(found, str):
        raise Parse(context, input_kind, found)
    return found


def parse_lenient(text: str) -> int | None:
    """Swift's `Int(String)`: the integer, or None for whatever is not one."""
    found = scan_integer(text, SWIFT_INT)
    return None if isinstance(found, str) else found


def lenient_csv(text: str) -> list[int]:
    """Swift: empty items and items that are not integers disappear."""
    return [value for item in _characters_split(text) if (value := parse_lenient(item)) is not None]


def _characters_split(text: str) -> Iterable[str]:
    """Split at commas as Swift does, where a comma under a combining mark is another Character."""
    if text.isascii():
        return text.split(",")
    commas = [i for i, c in enumerate(text) if c == "," and not _extends(text[i + 1 : i + 2])]
    starts, ends = [0, *(i + 1 for i in commas)], [*commas, len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def _extends(character: str) -> bool:
    """Whether a code point joins the one before it into one Character."""
    joiners = "\u200c\u200d"
    return character != "" and (
        character in joiners or unicodedata.category(character) in ("Mn", "Me", "Mc")
    )


def as_usize(value: Any, context: str) -> int:
    """An argument that Rust would take as `usize`; what that type cannot hold is `OutOfRange`."""
    number = operator.index(value)
    if not USIZE.minimum <= number <= USIZE.maximum:
        raise OutOfRange(context, "must fit usize", str(number))
    return number


def _indices(values: Any) -> list[int]:
    return [operator.index(value) for value in values]


def _outlier(numbers: list[int]) -> int | None:
    return next((n for n in numbers if not I32.minimum <= n <= I32.maximum), None)


def rust_i32_array(values: Any, context: str) -> mx.array:
    """int32 [B]; a value that `i32` cannot hold is `OutOfRange`."""
    numbers = _indices(values)
    if (outlier := _outlier(numbers)) is not None:
        raise OutOfRange(context, "must fit i32", str(outlier))
    return mx.array(numbers, dtype=mx.int32)


def swift_int32_array(values: Any) -> mx.array:
    """int32 [B]; a value outside Int32 traps. No values give int32 [0]."""
    numbers = _indices(values)
    if (outlier := _outlier(numbers)) is not None:
        raise Trap(f"{outlier} is out of range for Int32")
    return mx.array(numbers, dtype=mx.int32)
