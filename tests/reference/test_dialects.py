"""What is the same in every dialect, and which operations each of them has."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import mlx.core as mx
import pytest

from reference_impl import DIALECTS, ArraysCache, dialect_class, errors, from_state
from reference_impl.absence import absent
from reference_impl.slots.cache import SlotCache
from reference_impl.slots.rules import masks, metadata
from tests.support.dialects import MAIN

from .helpers import array, everything, ints, slots

LM = ("mlx-lm-0.31", "mlx-lm-0.32")
SWIFT = ("mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4")

# Who has what; every other public name is everywhere.
PARTIAL = {
    ("batch_size",): {"mlxrs-0.1", *LM, SWIFT[1]},
    ("empty", "nbytes"): {"mlxrs-0.1", *LM},
    ("materialize", "from_serialized"): {"mlxrs-0.1"},
    ("meta_state",): {"mlxrs-0.1", LM[0], *SWIFT},
    ("mamba", "is_mamba", "reference_class_name"): {"mlxrs-0.1", *SWIFT},
    ("offset", "max_size", "trim", "update", "copy"): {"mlxrs-0.1", *SWIFT},
    ("prepare", "finalize", "advance"): {"mlxrs-0.1", *LM, SWIFT[1]},
    ("filter", "extend"): {*LM, *SWIFT},
    ("extract", "merge"): {*LM},
}
COMMON = ("cache", "left_padding", "lengths", "state", "make_mask", "size", "is_trimmable")


@pytest.mark.parametrize("dialect", MAIN)
def test_surface(dialect: str) -> None:
    cls = dialect_class(dialect)
    cache = cls(2)
    assert cls.__name__ == "ArraysCache"
    assert cls is dialect_class(dialect)
    assert all(hasattr(cache, name) for name in COMMON)
    for names, dialects in PARTIAL.items():
        for name in names:
            assert hasattr(cache, name) == (dialect in dialects), name


def test_default_dialect() -> None:
    assert DIALECTS[0] == "mlxrs-0.1"
    assert dialect_class() is ArraysCache
    with pytest.raises(ValueError, match="unknown dialect"):
        dialect_class("mlx-lm-9")


def test_an_absent_name_is_an_ordinary_name() -> None:
    cache = dialect_class("mlx-lm-0.32")(1)
    with pytest.raises(AttributeError, match="'ArraysCache' object has no attribute 'meta_state'"):
        _ = cache.meta_state
    cache.meta_state = ["2", "0"]
    assert vars(cache)["meta_state"] == ["2", "0"]


def test_a_subclass_may_add_what_its_dialect_lacks() -> None:
    class Extended(dialect_class("mlxrs-0.1")):  # type: ignore[misc]
        def filter(self, batch_indices: Any) -> None:
            self.cache = []

    cache = Extended(2)
    cache.filter([0])
    assert cache.cache == []


def test_a_dialect_that_decides_too_little_makes_no_cache() -> None:
    class Undecided(SlotCache):
        dialect = "undecided"
        make_mask = masks.padding_and_lengths

    with pytest.raises(TypeError, match=r"abstract method.*__getitem__.*update"):
        Undecided(2)


def test_a_dialect_that_extends_another_says_what_differs() -> None:
    class Later(dialect_class("mlx-lm-0.32")):  # type: ignore[misc]
        dialect = "mlx-lm-9"
        make_mask = masks.padding_else_lengths
        meta_state = property(metadata.no_metadata)
        merge = absent()

    cache = Later(1, [0, 1])
    cache.prepare([1, 1])
    assert cache.make_mask(2).tolist() == [[True, True], [False, True]]
    assert (cache.meta_state, cache.batch_size) == ("", 2)
    assert not hasattr(Later, "merge")
    cache[0] = array(1, 2)
    assert type(cache.extract(0)) is Later


@pytest.mark.parametrize(
    ("dialect", "duplicate"),
    [(dialect, copy.deepcopy) for dialect in MAIN]
    + [(dialect, lambda cache: cache.copy()) for dialect in MAIN if dialect not in LM],
)
def test_copies_are_independent(dialect: str, duplicate: Any) -> None:
    cache = dialect_class(dialect)(1, [3, 4])
    cache[0] = array(1, 2)
    twin = duplicate(cache)
    assert type(twin) is type(cache)
    cache.cache[0][...] = 9
    cache.left_padding -= 1
    assert (slots(twin), ints(twin.left_padding)) == ([[1, 2]], [3, 4])
    twin.cache[0][...] = 5
    assert slots(cache) == [[9, 9]]


@pytest.mark.parametrize("dialect", MAIN)
def test_an_unwritten_cache_pickles(dialect: str) -> None:
    twin = pickle.loads(pickle.dumps(dialect_class(dialect)(3)))
    assert type(twin) is dialect_class(dialect)
    assert everything(twin) == everything(dialect_class(dialect)(3))


@pytest.mark.parametrize("dialect", MAIN)
def test_a_slot_keeps_the_object_itself(dialect: str) -> None:
    cache, value = dialect_class(dialect)(2), array(1)
    cache[1] = value
    assert cache[1] is value
    assert cache[0] is None


@pytest.mark.parametrize("dialect", MAIN)
def test_class_labels(dialect: str) -> None:
    state = ([], None, None) if dialect == "mlx-lm-0.32" else []
    assert from_state("ArraysCache", state, [], dialect).cache == []
    refusal = {"mlxrs-0.1": errors.UnknownEnumValue, **dict.fromkeys(SWIFT, errors.KVCacheError)}
    with pytest.raises(refusal.get(dialect, KeyError)):
        from_state("KVCache", state, ["x"], dialect)
    if dialect in LM:
        with pytest.raises(KeyError):
            from_state("MambaCache", state, [], dialect)
        return
    cache = from_state("MambaCache", state, ["5", ""], dialect)
    assert (len(cache.cache), cache.reference_class_name) == (5, "MambaCache")
    assert cache.copy().is_mamba
    assert not from_state("ArraysCache", state, [], dialect).is_mamba


@pytest.mark.parametrize("dialect", [name for name in MAIN if name != SWIFT[0]])
def test_advance(dialect: str) -> None:
    cache = dialect_class(dialect)(1, [0, -(2**31)])
    cache.prepare([5, 1])
    cache.advance(3)
    assert (ints(cache.left_padding), ints(cache.lengths)) == ([-3, 2**31 - 3], [2, -2])
    kind: type[Exception] = {"mlxrs-0.1": errors.ArithmeticOverflow, SWIFT[1]: errors.Trap}.get(
        dialect, ValueError
    )
    with pytest.raises(kind):
        cache.advance(2**31)
    cache.finalize()
    if dialect == "mlxrs-0.1":
        with pytest.raises(errors.ArithmeticOverflow) as caught:
            cache.advance(2**31)
        assert caught.value.payload["operands"] == {"N": 2**31}
    else:
        cache.advance(2**31)


T, F = True, False
PADDED, LENGTHS = [[T, T, T], [F, F, T]], [[T, F, F], [T, T, T]]


@pytest.mark.parametrize(
    ("dialect", "padding", "lengths", "both"),
    [
        ("mlxrs-0.1", PADDED, LENGTHS, PADDED),
        ("mlx-lm-0.31", PADDED, LENGTHS, PADDED),
        ("mlx-lm-0.32", PADDED, LENGTHS, [[T, F, F], [F, F, T]]),
        ("mlx-swift-lm-3.31.3", PADDED, None, PADDED),
        ("mlx-swift-lm-3.31.4", PADDED, LENGTHS, PADDED),
    ],
)
def test_masks(dialect: str, padding: Any, lengths: Any, both: Any) -> None:
    def mask(left_padding: Any, lengths: Any) -> Any:
        cache = dialect_class(dialect)(2, left_padding)
        cache.lengths = None if lengths is None else mx.array(lengths)
        made = cache.make_mask(3)
        assert made is None or made.dtype == mx.bool_
        return made if made is None else made.tolist()

    assert mask(None, None) is None
    assert mask([0, 2], None) == padding
    assert mask(None, [1, 3]) == lengths
    assert mask([0, 2], [1, 3]) == both


@pytest.mark.parametrize(
    ("dialect", "still_masked"),
    [(dialect, dialect != SWIFT[0]) for dialect in MAIN],
)
def test_mask_after_the_first_write(dialect: str, still_masked: bool) -> None:
    cache = dialect_class(dialect)(2, [1])
    cache[1] = array(1)
    assert cache.make_mask(2) is not None
    cache[0] = array(1)
    assert (cache.make_mask(2) is not None) == still_masked


@pytest.mark.parametrize(
    ("dialect", "n", "expected"),
    [
        ("mlxrs-0.1", 2**64 - 1, None),
        ("mlxrs-0.1", -1, errors.OutOfRange),
        ("mlx-lm-0.31", 10**12, None),
        ("mlx-lm-0.31", "3", None),
        ("mlx-lm-0.32", 10**12, ValueError),
        ("mlx-lm-0.32", "3", TypeError),
        ("mlx-lm-0.32", -1, None),
        ("mlx-swift-lm-3.31.3", -1, None),
        ("mlx-swift-lm-3.31.4", -1, errors.Trap),
        ("mlx-swift-lm-3.31.4", 2**31, errors.Trap),
    ],
)
def test_length_of_no_mask(dialect: str, n: Any, expected: type[Exception] | None) -> None:
    cache = dialect_class(dialect)(1)
    if expected is None:
        assert cache.make_mask(n) is None
    else:
        with pytest.raises(expected):
            cache.make_mask(n)
