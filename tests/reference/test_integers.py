"""Integers in text: Rust's FromStr for usize and i32, Swift's Int(String)."""

from __future__ import annotations

import pytest

from reference_impl.integers import I32, USIZE, lenient_csv, parse_lenient, scan_integer

CASES = [
    # text, usize, i32
    ("0", 0, 0),
    ("+3", 3, 3),
    ("-0", "InvalidDigit", 0),
    ("-7", "InvalidDigit", -7),
    ("", "Empty", "Empty"),
    ("+", "InvalidDigit", "InvalidDigit"),
    ("-", "InvalidDigit", "InvalidDigit"),
    ("++3", "InvalidDigit", "InvalidDigit"),
    ("1_0", "InvalidDigit", "InvalidDigit"),
    (" 3", "InvalidDigit", "InvalidDigit"),
    ("3\0", "InvalidDigit", "InvalidDigit"),
    ("\uff13", "InvalidDigit", "InvalidDigit"),
    ("²", "InvalidDigit", "InvalidDigit"),
    ("0" * 5000 + "3", 3, 3),
    ("2147483647", 2**31 - 1, 2**31 - 1),
    ("2147483648", 2**31, "PosOverflow"),
    ("-2147483648", "InvalidDigit", -(2**31)),
    ("-2147483649", "InvalidDigit", "NegOverflow"),
    ("18446744073709551615", 2**64 - 1, "PosOverflow"),
    ("18446744073709551616", "PosOverflow", "PosOverflow"),
    ("9" * 5000, "PosOverflow", "PosOverflow"),
    # The scan stops at whichever comes first: the overflow or the bad character.
    ("18446744073709551615x", "InvalidDigit", "PosOverflow"),
    ("18446744073709551616x", "PosOverflow", "PosOverflow"),
    ("2147483648x", "InvalidDigit", "PosOverflow"),
]


@pytest.mark.parametrize(("text", "usize", "i32"), CASES)
def test_rust(text: str, usize: int | str, i32: int | str) -> None:
    assert (scan_integer(text, USIZE), scan_integer(text, I32)) == (usize, i32)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("+3", 3),
        ("-0", 0),
        ("", None),
        ("-", None),
        (" 1", None),
        ("٣", None),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("-9223372036854775808", -(2**63)),
        ("-9223372036854775809", None),
    ],
)
def test_swift(text: str, value: int | None) -> None:
    assert parse_lenient(text) == value


def test_swift_csv_drops_what_is_no_integer() -> None:
    assert lenient_csv(",1,,x, 2,-3,") == [1, -3]


def test_swift_does_not_split_at_a_comma_under_a_combining_mark() -> None:
    assert lenient_csv("0,\u03011") == []
    assert lenient_csv("0,1,\u03012,3") == [0, 3]
    assert lenient_csv("\u0301,1") == [1]
