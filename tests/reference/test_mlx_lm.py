"""Dialects mlx-lm-0.31 and mlx-lm-0.32: what surprises, and what differs between them."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from reference_impl import dialect_class

from .helpers import array, ints, slots

BOTH = ("mlx-lm-0.31", "mlx-lm-0.32")
Old, New = map(dialect_class, BOTH)

both = pytest.mark.parametrize("cls", [Old, New], ids=BOTH)


def full(cls: Any, *rows: float, padding: Any = None) -> Any:
    cache = cls(2, padding)
    cache[0] = array(*rows)
    cache[1] = array(*rows)
    return cache


@both
@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda cls: cls(2.0), TypeError),
        (lambda cls: cls(2)[2], IndexError),
        (lambda cls: cls(0).empty(), IndexError),
        (lambda cls: cls(2).prepare(), TypeError),
        (lambda cls: cls(2, mx.array([1, 2])), ValueError),
        (lambda cls: cls(1, [0]).advance(2**31), ValueError),
        (lambda cls: cls(1, 3).make_mask(2), ValueError),
        (lambda cls: cls.merge([]), IndexError),
        (lambda cls: cls(1).extract(0), TypeError),
        (lambda cls: full(cls, 1).filter([]), ValueError),
        (lambda cls: len(cls(2)), TypeError),
    ],
)
def test_errors_are_pythons(cls: Any, call: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        call(cls)


@both
def test_indices_are_those_of_a_list(cls: Any) -> None:
    cache = full(cls, 1)
    assert cache[-1] is cache.cache[1]
    cache[0:2] = []
    assert (cache.cache, list(cache), cls(-1).cache) == ([], [], [])


@both
def test_advance_changes_the_array_that_others_hold(cls: Any) -> None:
    cache = cls(1, [3])
    held = cache.left_padding
    cache.advance(1)
    assert held is cache.left_padding
    assert ints(held) == [2]


def test_state() -> None:
    old, new = full(Old, 1, padding=[2]), full(New, 1, padding=[2])
    assert old.state is old.cache
    assert new.state == (new.cache, new.left_padding, None)
    old.state = None
    assert old.cache is None
    new.state = [array(1), array(2), array(3)]
    assert [new.cache.item(), new.left_padding.item(), new.lengths.item()] == [1, 2, 3]
    with pytest.raises(ValueError, match="not enough values"):
        new.state = [array(1), array(2)]


def test_meta_state_and_from_state() -> None:
    assert Old(1, [1]).meta_state == ""
    with pytest.raises(ValueError, match="meta_state"):
        Old(1).meta_state = [""]
    cache = Old.from_state([None], "")
    assert (cache.cache, cache.left_padding, cache.lengths) == ([None], None, None)
    with pytest.raises(TypeError):
        Old.from_state([None])
    with pytest.raises(TypeError):
        New.from_state(([None], None, None), "")
    assert New.from_state(([None], None, None)).make_mask(1) is None


def test_a_restored_cache_has_no_rows_but_those_of_its_state() -> None:
    restored = Old.from_state([array(1)], "")
    assert (restored.left_padding, restored.lengths) == (None, None)
    restored = New.from_state(([array(1)], mx.array([2]), None))
    assert (ints(restored.left_padding), restored.lengths) == ([2], None)


@both
def test_filter_keeps_holes_and_reorders_rows(cls: Any) -> None:
    cache = cls(2, [1, 2, 3])
    cache[1] = array(4, 5, 6)
    cache.filter([2, 0, 0])
    assert (slots(cache), ints(cache.left_padding)) == ([None, [6, 4, 4]], [3, 1, 1])


@both
def test_extend_counts_a_fresh_cache_as_one_row(cls: Any) -> None:
    cache = cls(2)
    cache.extend(full(cls, 4, 5, padding=[1, 2]))
    assert (slots(cache), ints(cache.left_padding)) == ([[0, 4, 5]] * 2, [0, 1, 2])


@both
def test_extend_that_fails_late_has_replaced_the_slots(cls: Any) -> None:
    cache, other = full(cls, 1), full(cls, 2)
    cache.left_padding, other.left_padding = mx.zeros([1]), mx.zeros([1, 1])
    with pytest.raises(ValueError, match="concatenate"):
        cache.extend(other)
    assert slots(cache) == [[1, 2]] * 2


@both
def test_extract(cls: Any) -> None:
    cache = full(cls, 4, 5, padding=[1, 2])
    assert slots(cache.extract(1)) == [[5], [5]]
    assert cache.extract(1).left_padding is None
    assert cache.extract(-1)[0].shape == (0, 1)


def test_extract_of_the_state_of_the_other_version() -> None:
    cache = Old(0)
    cache.state = [[], None, None]  # of mlx-lm 0.32: taken as three slots
    with pytest.raises(TypeError, match="not subscriptable"):
        cache.extract(0)
    cache.state = [[array(1), array(2)]]
    assert [one.tolist() for one in cache.extract(1).cache[0]] == [[[2]]]


def test_merge_with_the_state_of_the_other_version() -> None:
    sound, odd = full(Old, 1), Old(2)
    odd.state = [[array(1), array(2)], None]
    with pytest.raises(ValueError, match="Invalid type"):
        Old.merge([sound, odd])


@both
def test_merge(cls: Any) -> None:
    merged = cls.merge([full(cls, 1, padding=[5]), cls(2), full(cls, 2)])
    assert (slots(merged), merged.left_padding) == ([[1, 0, 2]] * 2, None)
    assert ints(cls.merge([cls(2), cls(2)]).left_padding) == [0, 0]
    sparse = cls(2)
    sparse[1] = array(1)
    assert cls.merge([sparse]).cache == [None, None]
    sparse = cls(2)
    sparse[0] = array(1)
    with pytest.raises(StopIteration):
        cls.merge([sparse])
