"""Dialects mlx-swift-lm-3.31.3 and 3.31.4 beside restoring: traps, batches, copies."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from reference_impl import dialect_class, errors, from_state

from .helpers import array, ints, slots

BOTH = ("mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4")
Old, New = map(dialect_class, BOTH)

both = pytest.mark.parametrize("cls", [Old, New], ids=BOTH)


def written(cls: Any, *rows: float, padding: Any = None) -> Any:
    cache = cls(2, padding)
    cache[1] = array(*rows)
    return cache


@both
@pytest.mark.parametrize(
    "call",
    [
        lambda cls: cls(-1),
        lambda cls: cls(1, [2**31]),
        lambda cls: cls(2)[2],
        lambda cls: cls(2)[-1],
        lambda cls: cls(2).__setitem__(2, None),
        lambda cls: setattr(cls(2), "meta_state", [""]),
        lambda cls: cls(2).update(array(1), array(1)),
        lambda cls: cls(2, [1]).make_mask(-1),
    ],
)
def test_traps(cls: Any, call: Any) -> None:
    with pytest.raises(errors.Trap) as caught:
        call(cls)
    assert caught.value.payload["reason"]


@both
def test_an_mlx_error_is_a_trap(cls: Any) -> None:
    cache, other = written(cls, 1), written(cls, 1)
    other[1] = mx.zeros([1, 7])
    with pytest.raises(errors.Trap):
        cache.extend(other)


@both
def test_no_padding_values_are_still_padding(cls: Any) -> None:
    cache = cls(2, [])
    assert ints(cache.left_padding) == []
    assert cache.make_mask(3).shape == (0, 3)
    assert cls(2, None).left_padding is None


@both
def test_none_unwrites_and_state_shares(cls: Any) -> None:
    cache = written(cls, 1)
    assert cache.state[0] is cache[1]
    cache[1] = None
    assert cache.state == []


def test_mask_without_slots() -> None:
    assert New(0, [1]).make_mask(2) is not None
    with pytest.raises(errors.Trap):
        Old(0).make_mask(2)


def test_filter() -> None:
    for cls, padding in ((Old, None), (New, [3, 1])):
        cache = written(cls, 4, 5, 6, padding=[1, 2, 3])
        cache.filter([2, 0])
        assert (slots(cache), ints(cache.left_padding)) == ([None, [6, 4]], padding)


@pytest.mark.parametrize(
    ("cls", "expected", "padding"),
    [(Old, [None, [4, 5]], None), (New, [None, [0, 4, 5]], [0, 1, 2])],
    ids=BOTH,
)
def test_extend_a_fresh_cache(cls: Any, expected: Any, padding: Any) -> None:
    cache = cls(2)
    cache.extend(written(cls, 4, 5, padding=[1, 2]))
    assert (slots(cache), ints(cache.left_padding)) == (expected, padding)


def test_copy() -> None:
    old, new = written(Old, 1, padding=[1]), written(New, 1, padding=[1])
    new.prepare([2])
    new.offset = 7
    assert (slots(old.copy()), ints(old.copy().left_padding)) == ([[1]], [1])
    assert (slots(new.copy()), ints(new.copy().lengths)) == ([None, [1]], [2])
    assert (new.copy().offset, new.copy().size()) == (7, 7)


def test_copy_of_nothing_written() -> None:
    for cls, mamba_slots in ((Old, 2), (New, 5)):
        assert len(cls(3).copy().cache) == 3
        mamba = from_state("MambaCache", [], ["5", ""], cls.dialect)
        assert len(mamba.copy().cache) == mamba_slots


def test_prepare_takes_nothing_ints_or_an_array() -> None:
    cache = New(1)
    given = mx.array([1, 2])
    cache.prepare(given)
    assert ints(cache.lengths) == [1, 2]
    cache.advance(1)
    assert given.tolist() == [1, 2]
    cache.prepare([])
    assert ints(cache.lengths) == []
    cache.prepare(None)
    assert cache.lengths is None


def test_batch_size() -> None:
    cache = New(2, [0, 0, 0])
    assert cache.batch_size == 3
    cache[0] = mx.array(1.0)
    with pytest.raises(errors.Trap):
        _ = cache.batch_size
