"""Dialect mlxrs-0.1 beside restoring: constructor, slots, typed errors."""

from __future__ import annotations

import pickle
from typing import Any

import mlx.core as mx
import pytest

from reference_impl import ArraysCache, errors

from .helpers import array, ints

PARENTS = {
    errors.Parse("c", "usize", "Empty"): ValueError,
    errors.CapExceeded("c", "max_elems", 1, 2): ValueError,
    errors.InvariantViolation("c", "r"): ValueError,
    errors.OutOfRange("c", "r", "v"): IndexError,
    errors.RankMismatch("c", 0, []): ValueError,
    errors.ArithmeticOverflow("c", "i32", {"N": 1}): OverflowError,
    errors.OutOfMemory(): MemoryError,
    errors.Trap("r"): RuntimeError,
}


@pytest.mark.parametrize(("error", "parent"), PARENTS.items(), ids=lambda e: type(e).__name__)
def test_errors(error: errors.CacheError, parent: type[Exception]) -> None:
    assert isinstance(error, parent)
    assert error.kind == type(error).__name__
    assert set(error.payload) == set(error.fields)
    assert str(error)
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), twin.payload, str(twin)) == (type(error), error.payload, str(error))


@pytest.mark.parametrize(
    ("padding", "expected"), [(None, None), ([], None), ([0], [0]), ((1, -2), [1, -2])]
)
def test_constructor_padding(padding: Any, expected: Any) -> None:
    assert ints(ArraysCache(2, padding).left_padding) == expected
    assert ints(ArraysCache.mamba(padding).left_padding) == expected


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda: ArraysCache(-1), errors.OutOfRange),
        (lambda: ArraysCache(2**24 + 1), errors.OutOfMemory),
        (lambda: ArraysCache(1, [2**31]), errors.OutOfRange),
        (lambda: ArraysCache(1, [1.5]), TypeError),
        (lambda: ArraysCache(2)[-1], errors.OutOfRange),
        (lambda: ArraysCache(2).__setitem__(-1, array(1)), errors.OutOfRange),
        (lambda: ArraysCache(2).__setitem__(0, None), TypeError),
        (lambda: setattr(ArraysCache(2), "state", [None]), TypeError),
        (lambda: setattr(ArraysCache(2), "meta_state", "2"), TypeError),
        (lambda: ArraysCache(2).advance(-1), errors.OutOfRange),
        (lambda: ArraysCache(2).prepare(), TypeError),
        (lambda: ArraysCache(2).update(array(1), array(1)), errors.InvariantViolation),
        (lambda: ArraysCache(2, [1]).make_mask(2**24 + 1), errors.OutOfRange),
        (lambda: list(ArraysCache(2)), TypeError),
    ],
)
def test_refusals(call: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        call()


def test_slot_indices() -> None:
    cache = ArraysCache(2)
    assert cache[0] is None
    assert cache[2] is None
    with pytest.raises(errors.OutOfRange) as caught:
        cache[2] = array(1)
    assert caught.value.payload["value"] == "idx=2, size=2"


def test_batch_size_looks_at_slots_then_padding_then_lengths() -> None:
    cache = ArraysCache(2)
    assert cache.batch_size == 1
    cache.prepare([1, 2])
    assert cache.batch_size == 2
    cache.left_padding = mx.array([0, 0, 0])
    assert cache.batch_size == 3
    cache[1] = array(1, 2, 3, 4)
    assert cache.batch_size == 4
    cache[0] = mx.array(1.0)
    with pytest.raises(errors.RankMismatch) as caught:
        _ = cache.batch_size
    assert (caught.value.payload["actual"], caught.value.payload["actual_shape"]) == (0, [])


def test_state_is_compact_and_out_of_reach() -> None:
    cache = ArraysCache(3)
    cache[2] = array(7)
    (handle,) = cache.state
    handle[...] = 0
    assert cache[2].item() == 7
    cache.state = [array(1), array(2)]
    assert len(cache.cache) == 2


@pytest.mark.parametrize(
    ("written", "size", "empty", "nbytes"),
    [((), 0, True, 0), ((0,), 2, False, 8), ((1,), 2, True, 8)],
)
def test_empty_and_nbytes(written: tuple[int, ...], size: int, empty: bool, nbytes: int) -> None:
    cache = ArraysCache(size, [1, 2])
    for slot in written:
        cache[slot] = array(1, 2)
    assert (cache.empty(), cache.nbytes) == (empty, nbytes)
    assert (cache.size(), cache.offset, cache.max_size) == (0, 0, None)
    assert (cache.is_trimmable(), cache.trim(3)) == (False, 0)
    cache.materialize()


def test_copy_keeps_everything() -> None:
    cache = ArraysCache.mamba([1, 2])
    cache[1] = array(3, 4)
    cache.prepare([5, 6])
    twin = cache.copy()
    assert twin.meta_state == cache.meta_state
    assert (ints(twin.lengths), twin.is_mamba, twin[0]) == ([5, 6], True, None)


def test_from_serialized_keeps_the_label() -> None:
    cache = ArraysCache.mamba()
    cache.from_serialized([array(1)], ["3", "2", "4"])
    assert (cache.meta_state, cache.reference_class_name) == (["3", "2", "4"], "MambaCache")


def test_longest_mask() -> None:
    mask = ArraysCache(1, [2**24 - 1]).make_mask(2**24)
    assert mask is not None
    assert mask.shape == (1, 2**24)
    assert (mask[0, -2].item(), mask[0, -1].item()) == (False, True)


def test_prepared_nothing_masks_everything() -> None:
    cache = ArraysCache(1)
    cache.prepare([])
    mask = cache.make_mask(3)
    assert mask is not None
    assert (mask.shape, cache.batch_size) == ((0, 3), 0)
