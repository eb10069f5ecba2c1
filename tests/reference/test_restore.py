"""Restoring from metadata: strict in mlxrs-0.1, lenient in both Swift dialects.

In the tables the arrays are 0, 1, ... in the order of the state; `n` says how many there are.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from reference_impl import ArraysCache, errors, from_state

from .helpers import everything, ints, slots

SWIFT_3 = "mlx-swift-lm-3.31.3"
SWIFT_4 = "mlx-swift-lm-3.31.4"


def arrays(n: int) -> list[mx.array]:
    return [mx.array([i], dtype=mx.int32) for i in range(n)]


def picture(cache: Any) -> tuple[Any, ...]:
    return [slot and slot[0] for slot in slots(cache)], ints(cache.left_padding)


# meta_state, n, slots, left_padding
STRICT = [
    ([], 2, [0, 1], None),
    ([""], 2, [0, 1], None),
    (["3", ""], 2, [None] * 3, None),
    (["3", "1"], 1, [None, 0, None], None),
    (["3", "0,2", "0,-2"], 2, [0, None, 1], [0, -2]),
    (["+3", "+1"], 1, [None, 0, None], None),
    (["2", "0,1", ""], 2, [0, 1], []),
    (["2", "0,1", "1,2", "5,6", "junk"], 2, [0, 1], [1, 2]),
    (["3", "0,0"], 2, [1, None, None], None),
    (["3", "2,0"], 2, [1, None, 0], None),
    (["3", "5,1"], 2, [None, 1, None], None),
    (["3", "0,1,2"], 1, [0, None, None], None),
    (["1", "0"], 2, [0], None),
    (["0", ""], 2, [], None),
    (["2", "0,18446744073709551615"], 2, [0, None], None),
    (["2", "0", "-0,-2147483648"], 1, [0, None], [0, -(2**31)]),
]


@pytest.mark.parametrize(("meta", "n", "expected", "padding"), STRICT)
def test_strict_restore(meta: list[str], n: int, expected: list[Any], padding: Any) -> None:
    assert picture(from_state("ArraysCache", arrays(n), meta)) == (expected, padding)


def parse(context: str, input_kind: str, cause: str) -> tuple[str, dict[str, Any]]:
    return "Parse", {"context": context, "input_kind": input_kind, "cause": cause}


def cap(context: str, cap_name: str, cap: int, observed: int) -> tuple[str, dict[str, Any]]:
    payload = {"context": context, "cap_name": cap_name, "cap": cap, "observed": observed}
    return "CapExceeded", payload


COUNT = "ArraysCache meta_state slotCount"
PRESENT = "ArraysCache meta_state presentSlots"
PADDING = "ArraysCache meta_state leftPadding"

# In the order of the gates: each input but the last of a group would fail a later gate too.
REFUSED = [
    (["", "0"], parse(COUNT, "usize", "Empty")),
    (["x"], parse(COUNT, "usize", "InvalidDigit")),
    (["-1", "0"], parse(COUNT, "usize", "InvalidDigit")),
    (["18446744073709551616"], parse(COUNT, "usize", "PosOverflow")),
    (["9999999999"], ("InvariantViolation", None)),
    (
        ["1048577", "x"],
        cap("ArraysCache::set_meta_state: slot_count", "MAX_SLOT_COUNT", 2**20, 2**20 + 1),
    ),
    (["2", "a,b,c", "x"], cap(PRESENT, "max_elems", 2, 3)),
    (["0", "0"], cap(PRESENT, "max_elems", 0, 1)),
    (["2", "1,", "x"], parse(PRESENT, "CSV<usize>", "Empty")),
    (["2", "-1"], parse(PRESENT, "CSV<usize>", "InvalidDigit")),
    (["2", "0,18446744073709551616"], parse(PRESENT, "CSV<usize>", "PosOverflow")),
    (["2", "0", "1,2,3"], cap(PADDING, "max_elems", 2, 3)),
    (["2", "0", " 1"], parse(PADDING, "CSV<i32>", "InvalidDigit")),
    (["2", "0", "2147483648"], parse(PADDING, "CSV<i32>", "PosOverflow")),
    (["2", "0", "-2147483649"], parse(PADDING, "CSV<i32>", "NegOverflow")),
]


@pytest.mark.parametrize(("meta", "expected"), REFUSED)
@pytest.mark.parametrize("entry", ["meta_state", "from_serialized"])
def test_strict_refusal_changes_nothing(
    meta: list[str], expected: tuple[str, dict[str, Any] | None], entry: str
) -> None:
    cache = ArraysCache(3, [4, 5])
    cache[1] = mx.zeros([2])
    cache.prepare([1, 2])
    before = everything(cache)
    attempt = {
        "meta_state": lambda: setattr(cache, "meta_state", meta),
        "from_serialized": lambda: cache.from_serialized(arrays(2), meta),
    }[entry]
    with pytest.raises(errors.CacheError) as caught:
        attempt()
    kind, payload = expected
    assert caught.value.kind == kind
    assert payload in (None, caught.value.payload)
    assert everything(cache) == before


def test_strict_refusal_of_a_huge_text_is_cheap() -> None:
    huge = "1," * 20_000_000
    with pytest.raises(errors.CapExceeded) as caught:
        ArraysCache(0).meta_state = [str(2**20), huge]
    assert caught.value.payload["observed"] == 20_000_001


def test_strict_restore_of_a_million_entries() -> None:
    csv = ",".join(map(str, range(2**20)))
    cache = from_state("ArraysCache", [], [str(2**20), csv, csv])
    assert len(cache.cache) == 2**20
    assert cache.left_padding is not None
    assert cache.left_padding.size == 2**20


def test_metadata_applied_to_a_live_sparse_cache_loses_its_arrays() -> None:
    cache = ArraysCache(3)
    cache[1] = mx.zeros([1])
    cache.meta_state = cache.meta_state
    assert slots(cache) == [None, None, None]


def test_what_restoring_leaves_alone() -> None:
    cache = ArraysCache(1, [7])
    cache.prepare([3])
    cache.meta_state = [""]
    assert (ints(cache.left_padding), ints(cache.lengths)) == ([7], [3])
    cache.meta_state = ["1", ""]
    assert (ints(cache.left_padding), ints(cache.lengths)) == (None, [3])
    cache.from_serialized([], [])
    assert everything(cache) == ([], None, None)


# meta_state, n, slots, left_padding in 3.31.3, left_padding in 3.31.4, lengths in 3.31.4
LENIENT = [
    (["3"], 2, [0, 1], None, None, None),
    (["x", "0"], 2, [0, 1], None, None, None),
    (["9223372036854775808", ""], 2, [0, 1], None, None, None),
    (["-0", "0"], 2, [], None, None, None),
    (["3", ",x,1,,"], 2, [None, 0, None], None, None, None),
    (["3", "0,-1"], 1, [0, None, None], None, None, None),
    (["3", "0,1,2,0"], 2, [0, 1, None], None, None, None),
    (["2", "0,1", ""], 2, [0, 1], [], None, None),
    (["2", "0,1", "1,2,3"], 2, [0, 1], [1, 2, 3], [1, 2, 3], None),
    (["2", "0,1", "x"], 2, [0, 1], [], [], None),
    (["2", "0,1", "", "5,6"], 2, [0, 1], [], None, [5, 6]),
    (["2", "0,1", "1", ","], 2, [0, 1], [1], [1], []),
]


@pytest.mark.parametrize(("meta", "n", "expected", "padding_3", "padding_4", "lengths"), LENIENT)
def test_lenient_restore(
    meta: list[str], n: int, expected: list[Any], padding_3: Any, padding_4: Any, lengths: Any
) -> None:
    old = from_state("ArraysCache", arrays(n), meta, SWIFT_3)
    new = from_state("MambaCache", arrays(n), meta, SWIFT_4)
    assert picture(old) == (expected, padding_3)
    assert picture(new) == (expected, padding_4)
    assert (ints(old.lengths), ints(new.lengths)) == (None, lengths)
    assert (old.is_mamba, new.is_mamba) == (False, True)


@pytest.mark.parametrize(
    "meta",
    [
        ["-1", "0"],
        ["3", "-1"],
        ["2", "0", "2147483648"],
        ["1152921504606846975", ""],
        ["9223372036854775807", ""],
    ],
)
@pytest.mark.parametrize("dialect", [SWIFT_3, SWIFT_4])
def test_lenient_restore_traps(meta: list[str], dialect: str) -> None:
    with pytest.raises(errors.Trap):
        from_state("ArraysCache", arrays(1), meta, dialect)


@pytest.mark.parametrize("dialect", [SWIFT_3, SWIFT_4])
def test_lenient_restore_has_no_cap_but_the_reference_has_a_limit(dialect: str) -> None:
    assert len(from_state("ArraysCache", [], ["1048577", "x"], dialect).cache) == 1048577
    with pytest.raises(errors.OutOfMemory):
        from_state("ArraysCache", [], ["2147483648", ""], dialect)


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("mlxrs-0.1", ["3", "1", "0,2"]),
        (SWIFT_3, ["3", "1", "0,2"]),
        (SWIFT_4, ["3", "1", "0,2"]),
    ],
)
def test_round_trip_keeps_holes_and_padding(dialect: str, expected: list[str]) -> None:
    source = from_state("ArraysCache", arrays(1), expected, dialect)
    assert source.meta_state == expected
    again = from_state("ArraysCache", source.state, source.meta_state, dialect)
    assert picture(again) == ([None, 0, None], [0, 2])


@pytest.mark.parametrize(
    ("padding", "lengths", "expected"),
    [
        (None, None, ["2", ""]),
        (None, [5, 6], ["2", "", "", "5,6"]),
        ([1], [5], ["2", "", "1", "5"]),
        ([], None, ["2", "", ""]),
        ([], [5], ["2", "", "", "5"]),
    ],
)
def test_lengths_are_the_fourth_element(padding: Any, lengths: Any, expected: list[str]) -> None:
    cache = from_state("ArraysCache", [], ["2", ""], SWIFT_4)
    cache.left_padding = None if padding is None else mx.array(padding, dtype=mx.int32)
    cache.prepare(lengths)
    assert cache.meta_state == expected
