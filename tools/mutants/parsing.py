"""Wrong reading of numbers, lists and limits in metadata."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from conformance.mutants.alter import Rule, altered
from conformance.mutants.mutant import Mutant
from reference_impl import integers
from reference_impl.errors import CapExceeded, InvariantViolation, Parse
from reference_impl.slots.rules import metadata
from reference_impl.slots.rules.construction import swift_slots, unwritten_slots
from tools.mutants.rules import restored_leniently

_RS = "mlxrs-0.1"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"


def _placing(**names: Any) -> dict[str, Any]:
    """mlxrs's set_meta_state with other things behind its names."""
    return {"write_meta": altered(metadata.place_strictly, **names)}


def _reading(read: Rule) -> dict[str, Any]:
    """mlxrs with another way to read a number: `read(text, kind)`, as `scan_integer` does."""
    parse = altered(integers.parse_strict, scan_integer=read)
    items = altered(metadata.strict_csv, parse_strict=parse)
    return _placing(parse_strict=parse, strict_csv=items)


def _items(**names: Any) -> dict[str, Any]:
    """mlxrs with another way to read the items of a list."""
    return _placing(strict_csv=altered(metadata.strict_csv, **names))


def _swift(dialect: str, read: Rule) -> dict[str, Any]:
    """mlx-swift-lm with another way to read a number; `read(text)` gives an int or None."""
    items = altered(integers.lenient_csv, parse_lenient=read)
    return restored_leniently(dialect, parse_lenient=read, lenient_csv=items)


def _as_python(text: str, kind: Any) -> Any:
    """Python's int(): white space, underscores, digits of all scripts, at most 4300 of them."""
    value = int(text) if re.fullmatch(r"[\s\w+-]+", text) and text.strip("_ \t\n+-") else None
    return _in_range(value, kind)


def _in_range(value: int | None, kind: Any) -> Any:
    if value is None:
        return "InvalidDigit"
    if value > kind.maximum:
        return "PosOverflow"
    return value if value >= kind.minimum else "NegOverflow" if kind.minimum else "InvalidDigit"


def _other_digits(text: str, kind: Any) -> Any:
    plain = "".join(str(d) if (d := unicodedata.decimal(c, -1)) >= 0 else c for c in text)
    return integers.scan_integer(plain, kind)


def _leading(text: str, kind: Any) -> Any:
    """C's strtol: the number that a text begins with."""
    found = re.match(r"[+-]?[0-9]+", text)
    return integers.scan_integer(found[0] if found else text, kind)


def _no_plus(text: str, kind: Any) -> Any:
    return "InvalidDigit" if text[:1] == "+" else integers.scan_integer(text, kind)


def _no_leading_zero(text: str, kind: Any) -> Any:
    return "InvalidDigit" if re.match(r"[+-]?0[0-9]", text) else integers.scan_integer(text, kind)


def _wrapping(bits: int) -> Rule:
    def read(text: str, kind: Any) -> Any:
        wide = integers.IntType(kind.name, min(kind.minimum, 0) << 64, kind.maximum << 64)
        value = integers.scan_integer(text, wide)
        if isinstance(value, str):
            return value
        low = value % 2**bits
        return low - 2**bits if kind.minimum and low >= 2 ** (bits - 1) else low

    return read


def _float(text: str, kind: Any) -> Any:
    try:
        return _in_range(int(float(text)), kind) if text.isascii() and "_" not in text else "Empty"
    except (ValueError, OverflowError):
        return integers.scan_integer(text, kind)


def _radix(text: str, kind: Any) -> Any:
    hexadecimal = re.fullmatch(r"0x[0-9a-f]+", text)
    return int(text, 16) if hexadecimal else integers.scan_integer(text, kind)


def _swift_read(read: Rule) -> Rule:
    def parse(text: str) -> int | None:
        found = read(text, integers.SWIFT_INT)
        return None if isinstance(found, str) else found

    return parse


def _checked_items_first(text: str, kind: Any, context: str, limit: int) -> list[int]:
    values = metadata.strict_csv(text, kind, context, text.count(",") + 1)
    return metadata.strict_csv(text, kind, context, limit) if len(values) > limit else values


def _bad_items_skipped(text: str, kind: Any, context: str, limit: int) -> list[int]:
    items = [integers.scan_integer(item, kind) for item in text.split(",")]
    values = [item for item in items if not isinstance(item, str)]
    if len(values) > limit:
        raise CapExceeded(context, "max_elems", limit, len(values))
    return values


def _all_or_nothing(text: str) -> list[int]:
    values = integers.lenient_csv(text)
    return values if len(values) == text.count(",") + 1 else []


def _by_recursion(text: str, kind: Any, context: str, limit: int, start: int = 0) -> list[int]:
    end = text.find(",", start)
    one = metadata.strict_csv(text[start : None if end < 0 else end], kind, context, limit)
    return one if end < 0 else one + _by_recursion(text, kind, context, limit, end + 1)


def _second_element_last(cache: Any, value: Any) -> None:
    texts = metadata.only_strings(value)
    if len(texts) == 1 and texts != [""]:
        metadata.place_strictly(cache, [*texts, ""])
        raise InvariantViolation("meta_state", "a slot count is followed by the written slots")
    metadata.place_strictly(cache, texts)


def _padding_before_slots(cache: Any, value: Any) -> None:
    texts = metadata.only_strings(value)
    if len(texts) > 2:
        metadata.strict_csv(texts[2], integers.I32, "ArraysCache meta_state leftPadding", 1 << 20)
    metadata.place_strictly(cache, texts)


def _count_alone(cache: Any, value: Any) -> None:
    texts = metadata.only_strings(value)
    metadata.place_strictly(cache, [*texts, ""] if len(texts) == 1 and texts[0] else texts)


def _allocate_first(cache: Any, value: Any) -> None:
    texts = metadata.only_strings(value)
    if len(texts) > 1 and texts[0].isdecimal() and texts[0].isascii():
        unwritten_slots(int(texts[0][:4000]))
    metadata.place_strictly(cache, texts)


def _raise_cause(cause: Any) -> Rule:
    def parse(text: str, kind: Any, context: str, input_kind: str) -> int:
        found = integers.scan_integer(text, kind)
        if isinstance(found, str):
            raise Parse(context, input_kind, cause)
        return found

    return parse


def _items_named(kind: str) -> Rule:
    return lambda text, type_, context, _: integers.parse_strict(text, type_, context, kind)


MUTANTS = (
    # one number
    Mutant("number-with-spaces", _RS, ("RESTORE-004", "HOSTILE-003"),
           "Spaces around a number pass.",
           rules=_reading(lambda text, kind: integers.scan_integer(text.strip(), kind))),
    Mutant("number-as-in-python", _RS, ("RESTORE-004", "HOSTILE-003"),
           "Numbers are read by Python's int().", "mlx-lm reads its meta_state so",
           rules=_reading(_as_python)),
    Mutant("number-of-other-digits", _RS, ("RESTORE-004", "HOSTILE-003"),
           "Digits of every script count.", rules=_reading(_other_digits)),
    Mutant("number-begins-the-text", _RS, ("RESTORE-004", "HOSTILE-003"),
           "What follows the digits is ignored, as by strtol.", rules=_reading(_leading)),
    Mutant("number-up-to-nul", _RS, ("HOSTILE-003",), "A number ends at a NUL.",
           "C strings",
           rules=_reading(lambda t, kind: integers.scan_integer(t.partition("\0")[0], kind))),
    Mutant("number-without-plus", _RS, ("RESTORE-015",), "A plus sign is refused.",
           rules=_reading(_no_plus)),
    Mutant("number-without-leading-zeros", _RS, ("RESTORE-015",), "Leading zeros are refused.",
           rules=_reading(_no_leading_zero)),
    Mutant("number-as-float", _RS, ("RESTORE-004",), "Numbers go through a float.",
           rules=_reading(_float)),
    Mutant("number-in-hexadecimal", _RS, ("RESTORE-004",), "0x begins a hexadecimal number.",
           rules=_reading(_radix)),
    Mutant("number-wraps-at-64-bits", _RS, ("RESTORE-004", "RESTORE-009", "HOSTILE-002"),
           "A number beyond 64 bits wraps around.", rules=_reading(_wrapping(64))),
    Mutant("number-wraps-at-int16", _RS, ("RESTORE-010",), "Numbers wrap at 16 bits.",
           rules=_reading(_wrapping(16))),
    Mutant("empty-is-zero", _RS, ("RESTORE-004", "RESTORE-009", "RESTORE-010"),
           "An empty number is 0.", rules=_reading(
               lambda text, kind: integers.scan_integer(text or "0", kind))),
    Mutant("number-of-4300-digits", _RS, ("HOSTILE-002",),
           "Long numbers go through Python's int(), which refuses them by their length.",
           rules=_reading(lambda text, kind: _in_range(int(text), kind)
                          if text.isascii() and text.isdigit()
                          else integers.scan_integer(text, kind))),
    Mutant("any-cause-is-a-bad-digit", _RS, ("RESTORE-004",), "Every cause is InvalidDigit.",
           rules=_placing(parse_strict=_raise_cause("InvalidDigit"))),
    Mutant("overflow-before-digits", _RS, ("RESTORE-009",), "Every bad item is Empty.",
           rules=_items(parse_strict=_raise_cause("Empty"))),
    Mutant("slots-are-i32", _RS, ("RESTORE-009",), "The items of written slots are i32.",
           rules=_placing(strict_csv=lambda text, kind, *rest: metadata.strict_csv(
               text, integers.I32, *rest))),
    Mutant("padding-is-i64", _RS, ("RESTORE-010",), "Items of left padding beyond i32 pass as Int.",
           rules=_placing(I32=integers.SWIFT_INT)),
    Mutant("padding-is-unsigned", _RS, ("RESTORE-010", "RESTORE-015"), "Padding has no minus sign.",
           rules=_placing(I32=integers.IntType("i32", 0, 2**31 - 1))),
    Mutant("swift-number-with-spaces", _SWIFT3, ("RESTORE-005", "RESTORE-011", "HOSTILE-003"),
           "Spaces around a number pass.", rules=_swift(_SWIFT3, _swift_read(
               lambda text, kind: integers.scan_integer(text.strip(), kind)))),
    Mutant("swift-number-begins-the-text", _SWIFT4, ("RESTORE-005", "RESTORE-011"),
           "What follows the digits is ignored.", rules=_swift(_SWIFT4, _swift_read(_leading))),
    Mutant("swift-number-without-plus", _SWIFT4, ("RESTORE-015",), "A plus sign is refused.",
           rules=_swift(_SWIFT4, _swift_read(_no_plus))),
    Mutant("swift-number-wraps", _SWIFT3, ("RESTORE-005", "HOSTILE-002"),
           "A number beyond Int wraps around.", rules=_swift(_SWIFT3, _swift_read(_wrapping(64)))),
    Mutant("swift-number-clamped", _SWIFT4, ("HOSTILE-002",), "A number beyond Int is the largest.",
           rules=_swift(_SWIFT4, _swift_read(lambda text, kind: 2**63 - 1 if (
               found := integers.scan_integer(text, kind)) == "PosOverflow" else found))),
    # lists
    Mutant("bad-items-skipped", _RS, ("RESTORE-009", "RESTORE-010"),
           "Items that are no numbers are dropped.", "mlx-swift-lm",
           rules=_placing(strict_csv=_bad_items_skipped)),
    Mutant("items-separated-by-semicolons-too", _RS, ("RESTORE-009",), "`;` separates items too.",
           rules=_placing(strict_csv=lambda text, *rest: metadata.strict_csv(
               text.replace(";", ","), *rest))),
    Mutant("items-by-recursion", _RS, ("HOSTILE-001", "RESTORE-008"),
           "Lists are read by recursion, uncounted.", rules=_placing(strict_csv=_by_recursion)),
    Mutant("trailing-comma-passes", _RS, ("RESTORE-009",), "A comma at the end of a list passes.",
           rules=_placing(strict_csv=lambda text, *rest: metadata.strict_csv(
               text.removesuffix(","), *rest))),
    Mutant("items-named-otherwise", _RS, ("RESTORE-009",), "Bad items are reported as usize.",
           rules=_items(parse_strict=_items_named("usize"))),
    Mutant("swift-bad-item-empties-the-list", _SWIFT3, ("RESTORE-011",),
           "A list with an item that is no number is empty.",
           rules=restored_leniently(_SWIFT3, lenient_csv=_all_or_nothing)),
    Mutant("swift-bad-item-is-zero", _SWIFT4, ("RESTORE-011",), "An item that is no number is 0.",
           rules=restored_leniently(_SWIFT4, lenient_csv=lambda text: [
               integers.parse_lenient(item) or 0 for item in text.split(",") if item])),
    # limits and order
    Mutant("cap-off-by-one", _RS, ("RESTORE-007", "HOSTILE-004"), "`>=` for `>` at the cap.",
           rules=_placing(MAX_SLOT_COUNT=(1 << 20) - 1)),
    Mutant("cap-of-64", _RS, ("HOSTILE-004", "RESTORE-007"), "More than 64 slots are refused.",
           rules=_placing(MAX_SLOT_COUNT=64)),
    Mutant("cap-too-high", _RS, ("RESTORE-007", "HOSTILE-004"), "One slot too many is allowed.",
           rules=_placing(MAX_SLOT_COUNT=(1 << 20) + 1)),
    Mutant("allocates-before-the-cap", _RS, ("RESTORE-007",),
           "The slots are allocated before their number is checked.", "mlx-swift-lm, without a cap",
           rules={"write_meta": _allocate_first}),
    Mutant("lists-not-capped", _RS, ("RESTORE-008",), "A list may have any number of items.",
           "mlx-swift-lm", rules=_placing(strict_csv=lambda text, kind, context, limit:
               metadata.strict_csv(text, kind, context, 1 << 40))),
    Mutant("list-cap-off-by-one", _RS, ("RESTORE-008",), "A list may have one item too many.",
           rules=_placing(strict_csv=lambda text, kind, context, limit:
               metadata.strict_csv(text, kind, context, limit + 1))),
    Mutant("items-read-before-counted", _RS, ("RESTORE-008", "RESTORE-013"),
           "The items are read before they are counted.",
           rules=_placing(strict_csv=_checked_items_first)),
    Mutant("second-element-checked-last", _RS, ("RESTORE-013",),
           "The cap comes before the number of elements.",
           rules={"write_meta": _second_element_last}),
    Mutant("padding-before-slots", _RS, ("RESTORE-013",), "Left padding is read before the slots.",
           rules={"write_meta": _padding_before_slots}),
    Mutant("count-alone-accepted", _RS, ("RESTORE-006",), "A slot count alone makes unset slots.",
           rules={"write_meta": _count_alone}),
    Mutant("swift-cap", _SWIFT4, ("HOSTILE-004",), "More slots than mlxrs takes are refused.",
           "mlxrs", rules=restored_leniently(
               _SWIFT4, swift_slots=lambda n: swift_slots(n if n <= 1 << 20 else -1))),
)  # fmt: skip
