"""Metadata that is almost valid, generated, against an oracle written from the requirements alone.

`GENERATED=20000` looks longer; `make nightly` does.
"""

from __future__ import annotations

import os
import re
import tracemalloc
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from conformance.tensor import Tensor, tensor
from conformance.transport import connect
from conformance.transport.backend import OperationRefused
from reference_impl import ArraysCache

EXAMPLES = int(os.environ.get("GENERATED", "400"))
PATIENT = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                   suppress_health_check=list(HealthCheck))  # fmt: skip
CAP, USIZE, INT32 = 1 << 20, (0, 2**64 - 1), (-(2**31), 2**31 - 1)
STATE = [tensor("float32", [2, 3], range(start, start + 6)) for start in (0, 10, 20)]

# --------------------------------------------------------------------------- the grammar

edges = st.sampled_from([n + d for n in (0, 2**31, 2**32, 2**63, 2**64, 2**128, CAP)
                         for d in (-1, 0, 1)])  # fmt: skip
signs = st.sampled_from(["", "", "", "", "+", "-", "--", "+-", "\u2212"])
zeros = st.sampled_from(["", "", "", "0", "000", "0" * 400])
digits = st.one_of(st.integers(0, 4).map(str), st.integers(0, 9).map(str), edges.map(str),
                   st.integers(1, 600).map(lambda n: "9" * n))  # fmt: skip
tails = st.sampled_from(["", "", "", "", "", " ", "\n", "\0", "x", ".0", "_0", "e1", "\u0663",
                         "\uff11", "\u00b2", "\ufeff", "\u00a0", "\u200b"])  # fmt: skip
spoilt = st.builds("{}{}{}{}".format, signs, zeros, digits, tails)
number = st.one_of(st.integers(0, 3).map(str), st.integers(0, 3).map(str), spoilt, st.just(""))
comma = st.sampled_from([",", ",", ",", ",", ",", ",,", ";", ", ", "\uff0c"])


@st.composite
def lists(draw: st.DrawFn) -> str:
    """Numbers and what stands between them; now and then far too many."""
    items = draw(st.lists(number, max_size=5))
    text = "".join(item + draw(comma) for item in items[:-1]) + (items[-1] if items else "")
    return text * draw(st.sampled_from([1, 1, 1, 1, 40, 3000]))


metadata = st.builds(
    lambda count, more: [count, *more], number, st.lists(lists(), max_size=4)
) | st.lists(lists(), max_size=2)  # fmt: skip

# --------------------------------------------------------------------------- the oracle of mlxrs


class Refusal(Exception):
    """kind, and what of the payload the requirement names."""


def mlxrs_number(text: str, bounds: tuple[int, int], kind: str) -> int:
    """RESTORE-004, -009, -010, -015: sign and ASCII digits; overflow where the value passes it."""
    low, high = bounds
    sign = text[:1] if text[:1] == "+" or (text[:1] == "-" and low < 0) else ""
    body = text[len(sign):]  # fmt: skip
    good = re.match("[0-9]*", body).group()
    value = int(good or "0", 10) if len(good) < 4000 else 10**4000
    value = -value if sign == "-" else value

    def refuse(cause: str) -> Refusal:
        return Refusal("Parse", {"input_kind": kind, "cause": cause})

    if not text:
        raise refuse("Empty")
    if value > high:
        raise refuse("PosOverflow")
    if value < low:
        raise refuse("NegOverflow")
    if not good or good != body:
        raise refuse("InvalidDigit")
    return value


def mlxrs_list(text: str, bounds: tuple[int, int], kind: str, most: int) -> list[int]:
    """RESTORE-008: commas are counted before any item is read."""
    if not text:
        return []
    items = re.split(",", text)
    if len(items) > most:
        raise Refusal("CapExceeded", {"cap_name": "max_elems", "cap": most, "observed": len(items)})
    return [mlxrs_number(item, bounds, kind) for item in items]


@dataclass
class Restored:
    """What a restore should give; unset padding and lengths are None."""

    slots: list[Any]
    left_padding: list[int] | None = None
    lengths: list[int] | None = None


def mlxrs(state: list[Any], meta: list[str]) -> Restored | None:
    """RESTORE-013: the order of the checks. None is legacy metadata."""
    if meta in ([], [""]):
        return None
    count = mlxrs_number(meta[0], USIZE, "usize")
    if len(meta) == 1:
        raise Refusal("InvariantViolation", {})
    if count > CAP:
        raise Refusal("CapExceeded", {"cap_name": "MAX_SLOT_COUNT", "cap": CAP, "observed": count})
    written = mlxrs_list(meta[1], USIZE, "CSV<usize>", count)
    padding = mlxrs_list(meta[2], INT32, "CSV<i32>", count) if len(meta) > 2 else None
    return Restored(placed(state, count, written), padding)


def placed(state: list[Any], count: int, written: list[int]) -> list[Any]:
    """RESTORE-002, -016, -017, -018."""
    slots: list[Any] = [None] * count
    for array, index in zip(state, written, strict=False):
        if index < count:
            slots[index] = array
    return slots


# --------------------------------------------------------------------------- the oracle of Swift


def swift_int(text: str) -> int | None:
    """An Int, or nothing: RESTORE-015."""
    good = re.fullmatch("[+-]?[0-9]+", text)
    value = int(text) if good and len(text) < 4000 else None
    return value if value is not None and -(2**63) <= value < 2**63 else None


def swift_list(text: str) -> list[int]:
    """RESTORE-011."""
    return [value for item in text.split(",") if (value := swift_int(item)) is not None]


def swift_column(text: str, empty: list[int] | None) -> list[int] | None:
    values = swift_list(text)
    if any(not INT32[0] <= value <= INT32[1] for value in values):
        raise Refusal("Trap", {})
    return values if text else empty


def swift(dialect: str, state: list[Any], meta: list[str]) -> Restored:
    """RESTORE-005, -012, -019, -020."""
    newer = dialect.endswith("4")
    count = swift_int(meta[0]) if len(meta) > 1 else None
    if count is None:
        return Restored(list(state))
    if count < 0:
        raise Refusal("Trap", {})
    written = swift_list(meta[1])
    if any(index < 0 for index, _ in zip(written, state, strict=False)):
        raise Refusal("Trap", {})
    empty = None if newer else []
    padding = swift_column(meta[2], empty) if len(meta) > 2 else None
    lengths = swift_column(meta[3], empty) if newer and len(meta) > 3 else None
    return Restored(placed(state, count, written), padding, lengths)


# --------------------------------------------------------------------------- comparing


@pytest.fixture(scope="module")
def opened():
    backends = {}

    def backend(dialect: str):
        if dialect not in backends:
            backends[dialect] = connect("reference", dialect)
        backends[dialect].call("reset")
        return backends[dialect]

    yield backend
    for one in backends.values():
        one.close()


def ints(values: list[int] | None) -> Tensor | None:
    return None if values is None else tensor("int32", [len(values)], values)


def check(backend: Any, handle: str, wanted: Restored) -> None:
    seen = backend.call("snapshot", cache=handle)
    assert seen["slot_count"] == len(wanted.slots)
    assert seen["slots"] == {str(i): s for i, s in enumerate(wanted.slots) if s is not None}
    assert (seen["left_padding"], seen["lengths"]) == (
        ints(wanted.left_padding), ints(wanted.lengths)
    )  # fmt: skip


def refused_as(refusal: OperationRefused, wanted: Refusal) -> None:
    kind, payload = wanted.args
    assert refusal.kind == kind
    assert {name: refusal.payload.get(name) for name in payload} == payload


@PATIENT
@given(meta=metadata)
def test_a_live_cache_of_mlxrs_does_as_the_rules_say_or_is_unchanged(opened, meta):
    backend = opened("mlxrs-0.1")
    backend.call("new", cache="c", size=3, left_padding=[7, -7])
    for slot, value in enumerate(STATE):
        backend.call("set", cache="c", slot=slot, value=value)
    backend.call("prepare", cache="c", lengths=[5])
    before = backend.call("snapshot", cache="c")
    try:
        backend.call("set_meta_state", cache="c", meta_state=meta)
    except OperationRefused as refusal:
        with pytest.raises(Refusal) as expected:
            mlxrs(STATE, meta)
        refused_as(refusal, expected.value)
        assert backend.call("snapshot", cache="c") == before
    else:
        wanted = mlxrs(STATE, meta) or Restored(STATE, [7, -7])
        wanted.lengths = [5]
        check(backend, "c", wanted)


@PATIENT
@given(meta=metadata, arrays=st.integers(0, 3))
@pytest.mark.parametrize("dialect", ["mlxrs-0.1", "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"])
def test_a_new_cache_does_as_the_rules_say_or_is_not_there(opened, dialect, meta, arrays):
    state = STATE[:arrays]
    count = swift_int(meta[0]) if meta else None
    # As large as a test machine should take: mlx-swift-lm has no cap of its own.
    assume(dialect == "mlxrs-0.1" or count is None or count <= CAP)
    backend, wanted = opened(dialect), None
    try:
        if dialect == "mlxrs-0.1":
            wanted = mlxrs(state, meta) or Restored(state)
        else:
            wanted = swift(dialect, state, meta)
    except Refusal as expected:
        with pytest.raises(OperationRefused) as refused:
            backend.call("from_state", cache="c", class_name="ArraysCache", state=state,
                         meta_state=meta)  # fmt: skip
        refused_as(refused.value, expected)
        with pytest.raises(OperationRefused, match="no cache is called"):
            backend.call("snapshot", cache="c")
        return
    backend.call("from_state", cache="c", class_name="ArraysCache", state=state, meta_state=meta)
    check(backend, "c", wanted)


@PATIENT
@given(meta=metadata)
def test_mlx_lm_takes_no_metadata_at_all(opened, meta):
    backend = opened("mlx-lm-0.31")
    backend.call("new", cache="c", size=1, left_padding=[7])
    before = backend.call("snapshot", cache="c")
    if meta:
        with pytest.raises(OperationRefused, match="ValueError"):
            backend.call("set_meta_state", cache="c", meta_state=meta)
    else:
        backend.call("set_meta_state", cache="c", meta_state=meta)
    assert backend.call("snapshot", cache="c") == before


def test_the_oracle_can_tell_right_from_wrong():
    with pytest.raises(Refusal, match="InvalidDigit"):
        mlxrs(STATE, ["2", "0,x"])
    with pytest.raises(Refusal, match="PosOverflow"):
        mlxrs(STATE, ["2", "0,18446744073709551616x"])
    assert mlxrs(STATE, ["2", "1,0", "-1"]) == Restored([STATE[1], STATE[0]], [-1])
    assert swift("mlx-swift-lm-3.31.3", STATE, ["2", "x,1"]).slots == [None, STATE[0]]


# --------------------------------------------------------------------------- memory


@pytest.mark.parametrize(
    "meta",
    [
        ["2", "," * 100_000_000],
        ["2", "0,1", "," * 100_000_000],
        ["2", "0," * 500_000 + "0"],
        ["9" * 1_000_000, "0"],
        ["1048577", ""],
        ["2", "9" * 1_000_000],
        ["2", "x" * 1_000_000],
        ["1048577", *["0"] * 1_000_000],
    ],
    ids=["100-MB", "100-MB-padding", "items", "digits", "cap", "index", "letters", "elements"],
)
def test_what_is_refused_takes_at_most_a_megabyte_beside_its_text(meta):
    cache = ArraysCache(2)
    tracemalloc.start()
    try:
        with pytest.raises(Exception, match=r"meta_state|digit|exceed|parse|slot") as refused:
            cache.meta_state = meta
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.kind in ("CapExceeded", "Parse")
    assert peak <= 1 << 20, f"{peak} bytes"
    assert len(str(refused.value)) < 1000, "the text does not come back inside the error"
