"""mlxrs: what is refused, with which error, and that it changes nothing."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from reference_impl.errors import CacheError
from reference_impl.kinds import cache_classes

from .helpers import cache, everything, numbers, tokens

RUST = "mlxrs-0.1"
CLASSES = cache_classes(RUST)
ONE = tokens(7)
FLAT = mx.zeros((2, 3))
PAIR = list(tokens(1, 2, 3))
QUANTIZED = [mx.zeros((1, 1, 2, 4))] * 6


def fed(label: str, *arguments: Any) -> Any:
    return cache(RUST, label, *arguments, fed=(1, 2, 3))


def quantized() -> Any:
    made = CLASSES["QuantizedKVCache"](32, 4)
    made.update_and_fetch(*(mx.ones((1, 1, 2, 32)) for _ in range(2)))
    return made


MAKE = {
    "KVCache": lambda: fed("KVCache"),
    "RotatingKVCache": lambda: fed("RotatingKVCache", 4, 0),
    "ChunkedKVCache": lambda: fed("ChunkedKVCache", 4),
    "QuantizedKVCache": quantized,
    "BatchKVCache": lambda: fed("BatchKVCache", [0, 2]),
    "BatchRotatingKVCache": lambda: fed("BatchRotatingKVCache", 4, [0, 2]),
    "CacheList": lambda: CLASSES["CacheList"](fed("KVCache"), fed("RotatingKVCache", 4, 0)),
}


def set_state(*arrays: Any) -> Any:
    return lambda made: setattr(made, "state", list(arrays))


def set_texts(*texts: Any) -> Any:
    return lambda made: setattr(made, "meta_state", list(texts))


def update(keys: mx.array, values: mx.array) -> Any:
    return lambda made: made.update_and_fetch(keys, values)


ROWS = tokens(7, rows=2)
REFUSED: list[tuple[str, Any, str]] = [
    ("KVCache", update(FLAT, ONE[1]), "RankMismatch"),
    ("KVCache", update(ONE[0], FLAT), "RankMismatch"),
    ("KVCache", update(ONE[0], tokens(7, 8)[1]), "InvariantViolation"),
    ("KVCache", update(*(mx.zeros((1, 1, 1, 3)),) * 2), "MlxC"),
    ("KVCache", lambda made: made.trim(-1), "OutOfRange"),
    ("KVCache", lambda made: made.make_mask(-1, window_size=None, return_array=True), "OutOfRange"),
    ("KVCache", lambda made: made.make_mask(2**24, window_size=3, return_array=True), "OutOfRange"),
    ("KVCache", set_state(PAIR[0]), "OutOfRange"),
    ("KVCache", set_state(PAIR[0], FLAT), "RankMismatch"),
    ("KVCache", set_state(PAIR[0], ONE[0]), "InvariantViolation"),
    ("RotatingKVCache", update(ONE[0], tokens(7, 8)[1]), "ShapePairMismatch"),
    ("RotatingKVCache", update(*(mx.zeros((2, 1, 1, 1)),) * 2), "MlxOp"),
    ("RotatingKVCache", update(*(mx.zeros((2, 1, 2, 1)),) * 2), "MlxOp"),
    ("RotatingKVCache", lambda made: made.trim(-1), "OutOfRange"),
    ("RotatingKVCache", set_texts("1", "2", "3"), "LengthMismatch"),
    ("RotatingKVCache", set_texts("1", "2", "3", "-4"), "Parse"),
    ("ChunkedKVCache", update(*(mx.zeros((2, 1, 1, 1)),) * 2), "ShapePairMismatch"),
    ("ChunkedKVCache", set_state(), "LengthMismatch"),
    ("ChunkedKVCache", set_texts("4"), "LengthMismatch"),
    ("QuantizedKVCache", set_state(FLAT), "OutOfRange"),
    ("QuantizedKVCache", set_state(*QUANTIZED[:5], FLAT), "RankMismatch"),
    ("QuantizedKVCache", set_state(*QUANTIZED[:5], ONE[0]), "ShapePairMismatch"),
    ("QuantizedKVCache", set_texts("1", "2"), "OutOfRange"),
    ("QuantizedKVCache", set_texts("1", "2147483648", "4"), "Parse"),
    ("QuantizedKVCache", update(*(mx.zeros((1, 1, 1, 33)),) * 2), "MlxOp"),
    ("BatchKVCache", update(ROWS[0], ONE[1]), "ShapePairMismatch"),
    ("BatchKVCache", set_state(*PAIR, mx.array([1]), mx.array([[1]])), "RankMismatch"),
    ("BatchKVCache", set_state(*PAIR, mx.array([1]), mx.array([1, 2])), "LengthMismatch"),
    ("BatchKVCache", set_state(*PAIR, mx.array([1]), mx.array([1.0])), "DtypeMismatch"),
    ("BatchKVCache", lambda made: made.trim(-1), "OutOfRange"),
    ("BatchRotatingKVCache", set_texts("4", "1", "1", "yes"), "UnknownEnumValue"),
    ("BatchRotatingKVCache", set_texts("4", "1", "1"), "LengthMismatch"),
    ("BatchRotatingKVCache", update(ROWS[0], ONE[1]), "ShapePairMismatch"),
    ("CacheList", update(*ONE), "InvariantViolation"),
    ("CacheList", set_texts("0"), "InvariantViolation"),
    ("CacheList", set_state(*PAIR), "LengthMismatch"),
    ("CacheList", set_state(*PAIR, PAIR[0], FLAT), "RankMismatch"),
    ("CacheList", lambda made: made[-1], "OutOfRange"),
]


@pytest.mark.parametrize(("label", "call", "kind"), REFUSED)
def test_refusals_change_nothing(label: str, call: Any, kind: str) -> None:
    made = MAKE[label]()
    children = getattr(made, "caches", [made])
    before = [everything(each) for each in children]
    with pytest.raises(CacheError) as caught:
        call(made)
    assert caught.value.kind == kind
    assert caught.value.payload is not None
    assert str(caught.value)
    assert [everything(each) for each in getattr(made, "caches", [made])] == before


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: CLASSES["RotatingKVCache"](-1), "OutOfRange"),
        (lambda: CLASSES["QuantizedKVCache"](0, 4), "OutOfRange"),
        (lambda: CLASSES["QuantizedKVCache"](64, 7), "OutOfRange"),
        (lambda: CLASSES["BatchKVCache"]([2**31]), "OutOfRange"),
        (lambda: CLASSES["KVCache"].from_state(PAIR, ["x"]), "LengthMismatch"),
        (
            lambda: CLASSES["RotatingKVCache"].from_state([], ["0", "4", "1", "1"]),
            "InvariantViolation",
        ),
        (lambda: CLASSES["CacheList"].from_state([], []), "InvariantViolation"),
        (lambda: CLASSES["CacheList"].from_state([], ["1", "X", "0", "0"]), "UnknownEnumValue"),
        (lambda: CLASSES["CacheList"].from_state([], ["1", "KVCache", "0", "9"]), "LengthMismatch"),
        (
            lambda: CLASSES["CacheList"].from_state(PAIR, ["1", "KVCache", "0", "0"]),
            "LengthMismatch",
        ),
        (lambda: CLASSES["CacheList"].from_state([], ["0", "x"]), "LengthMismatch"),
        (lambda: CLASSES["CacheList"].from_state([], ["1", "KVCache", "9", "0"]), "LengthMismatch"),
        (
            lambda: CLASSES["CacheList"].from_state([], ["1", "KVCache", "0", str(2**64 - 1)]),
            "ArithmeticOverflow",
        ),
        (
            lambda: CLASSES["CacheList"].from_state([], ["2", "KVCache", "0", "3", "a", "b", "c"]),
            "LengthMismatch",
        ),
    ],
)
def test_what_cannot_be_made(make: Any, kind: str) -> None:
    with pytest.raises(CacheError) as caught:
        make()
    assert caught.value.kind == kind


def test_a_list_may_be_nested_64_deep() -> None:
    def nested(depth: int) -> list[str]:
        inner = nested(depth - 1) if depth > 1 else ["0"]
        return ["1", "CacheList", "0", str(len(inner)), *inner] if depth > 1 else inner

    assert CLASSES["CacheList"].from_state([], nested(64)).meta_state == nested(64)
    with pytest.raises(CacheError) as caught:
        CLASSES["CacheList"].from_state([], nested(65))
    assert caught.value.kind == "CapExceeded"


def test_labels_of_its_own_and_slots_in_a_list() -> None:
    texts = ["2", "StandardKvCache", "2", "0", "MambaCache", "0", "2", "2", ""]
    made = CLASSES["CacheList"].from_state(PAIR, texts)
    assert [child.reference_class_name for child in made.caches] == ["KVCache", "MambaCache"]
    assert made.offset == 3


@pytest.mark.parametrize("label", [label for label in MAKE if label != "CacheList"])
def test_nothing_that_was_handed_out_changes(label: str) -> None:
    made = MAKE[label]()
    state, twin = made.state, made.copy()
    before = [array.tolist() for array in state]
    count = 1 if label == "QuantizedKVCache" else 2
    for _ in range(count):
        shape = (made.state[0].shape[0], 1, 1, 32 if label == "QuantizedKVCache" else 1)
        made.update_and_fetch(mx.full(shape, 9.0), mx.full(shape, 9.0))
    made.trim(1)
    assert [array.tolist() for array in state] == before
    assert [array.tolist() for array in twin.state] == before


def test_from_serialized_replaces_all_or_nothing() -> None:
    made = fed("RotatingKVCache", 4, 0)
    before = everything(made)
    with pytest.raises(CacheError):
        made.from_serialized(PAIR, ["0", "4", "x", "3"])
    assert everything(made) == before
    made.from_serialized([], ["1", "9", "0", "0"])
    assert (made.keys, made.max_size, made.keep, made.offset) == (None, 9, 1, 0)


def test_single_tokens_come_after_finalize() -> None:
    made = cache(RUST, "BatchRotatingKVCache", 8, [0, 0])
    made.prepare(lengths=[2, 1], right_padding=[0, 1])
    made.update_and_fetch(*tokens(1, 2, rows=2))
    with pytest.raises(CacheError) as caught:
        made.update_and_fetch(*tokens(3, rows=2))
    assert caught.value.kind == "InvariantViolation"
    made.finalize()
    assert numbers(made.update_and_fetch(*tokens(3, rows=2))[0]) == [[1, 2, 3], [102, 101, 103]]


def test_an_empty_batch_counts_what_it_was_prepared_for() -> None:
    made = cache(RUST, "BatchRotatingKVCache", 8, [0, 2])
    made.prepare(lengths=[0, 0], right_padding=[1, 1])
    made.finalize()
    assert made.lengths is None
    assert made.rope_offset().tolist() == [0, -2]
    batch = cache(RUST, "BatchKVCache", [0, 2])
    batch.prepare(right_padding=[1, 2, 3])
    with pytest.raises(CacheError) as caught:
        batch.finalize()
    assert caught.value.kind == "LengthMismatch"


def test_a_buffer_keeps_its_dtype_where_mlx_lm_widens_it() -> None:
    halves = tokens(*range(256), dtype=mx.float16)
    for dialect, dtype in ((RUST, mx.float16), ("mlx-lm-0.31", mx.float32)):
        made = cache(dialect, "KVCache")
        made.update_and_fetch(*halves)
        assert made.update_and_fetch(*tokens(7))[0].dtype == dtype


def test_lists_pass_on() -> None:
    made = MAKE["CacheList"]()
    assert (made.empty(), CLASSES["CacheList"]().empty(), made[5]) == (False, True, None)
    made.materialize()
    twin = made.copy()
    made[0].trim(3)
    assert (made.offset, twin[0].offset) == (3, 3)
    assert made.nbytes == twin.nbytes
