"""mlx-swift-lm: traps, conversion to groups that fit, copies."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from reference_impl.errors import KVCacheError, Trap
from reference_impl.kinds import cache_classes
from reference_impl.kv.rules import fitting_group

from .helpers import cache, numbers, tokens

OLD, NEW = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
both = pytest.mark.parametrize("dialect", [OLD, NEW])


def kv(dialect: str) -> Any:
    return cache(dialect, "KVCache", fed=(1, 2, 3))


def ring(dialect: str, *fed: int, keep: int = 0) -> Any:
    return cache(dialect, "RotatingKVCache", 4, keep, fed=fed)


def listed(dialect: str, *children: Any) -> Any:
    return cache_classes(dialect)["CacheList"](*children)


@both
@pytest.mark.parametrize(
    "call",
    [
        lambda d: kv(d).update_and_fetch(*(mx.zeros((1, 1, 1, 9)),) * 2),
        lambda d: kv(d).update_and_fetch(*(mx.zeros((1, 1)),) * 2),
        lambda d: setattr(kv(d), "state", []),
        lambda d: setattr(kv(d), "meta_state", []),
        lambda d: kv(d).make_mask(-1, window_size=None, return_array=True),
        lambda d: kv(d).make_mask(2**31, window_size=None, return_array=True),
        lambda d: setattr(ring(d), "state", [mx.zeros((1, 1, 1, 1))]),
        lambda d: setattr(ring(d), "meta_state", ["0", "4", "256", "0"]),
        lambda d: setattr(ring(d), "meta_state", ["0", "4", "256", "0", "x"]),
        lambda d: ring(d, 1, 2).to_quantized(),
        lambda d: listed(d)[0],
        lambda d: listed(d).update_and_fetch(*tokens(1)),
        lambda d: setattr(listed(d), "meta_state", ["0"]),
        lambda d: setattr(listed(d, kv(d)), "state", [mx.zeros((1, 1, 1, 1))]),
        lambda d: type(listed(d)).from_state([], ["-1"]),
        lambda d: type(listed(d)).from_state([], ["1", "KVCache", "-1", "0"]),
        lambda d: type(listed(d)).from_state([], ["1", "KVCache", "2", "0"]),
        lambda d: cache(d, "QuantizedKVCache").plain_update(*tokens(1)),
        lambda d: setattr(cache(d, "QuantizedKVCache"), "state", []),
        lambda d: setattr(cache(d, "QuantizedKVCache"), "meta_state", ["0"]),
        lambda d: setattr(cache(d, "ChunkedKVCache", 4), "meta_state", ["0"]),
    ],
)
def test_traps(dialect: str, call: Any) -> None:
    with pytest.raises(Trap) as caught:
        call(dialect)
    assert caught.value.payload["reason"]


@both
def test_a_range_that_runs_backwards_traps(dialect: str) -> None:
    made = ring(dialect, 1, 2, 3, 4, 5)
    made.update_and_fetch(*tokens(6))
    made.trim(3)
    assert made.index == -2
    with pytest.raises(Trap):
        made.update_and_fetch(*tokens(7, 8))


@both
def test_an_offset_beyond_int_traps(dialect: str) -> None:
    made = ring(dialect, 1, 2, 3)
    made.offset = 2**63 - 1
    with pytest.raises(Trap):
        made.update_and_fetch(*tokens(7))


@both
@pytest.mark.parametrize(
    ("state", "texts"),
    [
        ([], []),
        ([], ["x"]),
        ([], ["1"]),
        ([], ["1", "KVCache", "x", "0"]),
        ([], ["1", "BatchKVCache", "0", "0"]),
        ([], ["1", "RotatingKVCache", "0", "4", "0", "4", "0", "0"]),
        ([], ["1", "RotatingKVCache", "0", "5", "0", "None", "256", "0", "0"]),
    ],
)
def test_what_a_list_throws(dialect: str, state: Any, texts: Any) -> None:
    with pytest.raises(KVCacheError):
        type(listed(dialect)).from_state(state, texts)


@both
def test_what_a_list_leaves_unread(dialect: str) -> None:
    pair = list(tokens(1, 2))
    texts = ["2", "KVCacheSimple", "2", "1", "", "MambaCache", "9", "2", "2", "0"]
    made = type(listed(dialect)).from_state([*pair, mx.ones((1, 2)), pair[0]], [*texts, "more"])
    assert [child.reference_class_name for child in made.caches] == ["KVCache", "MambaCache"]
    assert (made.offset, made[0].offset, made[1].cache[1]) == (0, 2, None)
    made.state = [*tokens(3, 4, 5), mx.zeros((1, 2))]
    assert (made[0].offset, numbers(made[0].keys)) == (3, [3, 4, 5])


@pytest.mark.parametrize(
    ("wanted", "dimensions", "size"),
    [
        (64, (64, 64), 64),
        (64, (32, 64), 32),
        (96, (128, 128), 64),
        (999, (128, 128), 128),
        (0, (128, 64), 32),
    ],
)
def test_the_nearest_group_that_fits(wanted: int, dimensions: tuple[int, int], size: int) -> None:
    assert fitting_group(wanted, *dimensions) == size


def test_groups_that_fit_are_new() -> None:
    arrays = [mx.ones((1, 1, 3, 32))] * 2
    old, new = (cache_classes(dialect)["KVCache"]() for dialect in (OLD, NEW))
    for made in (old, new):
        made.update_and_fetch(*arrays)
    with pytest.raises(Trap):
        old.to_quantized(64, 4)
    quantized = new.to_quantized(64, 4)
    assert (quantized.group_size, quantized.offset, quantized.keys[0].shape) == (
        32,
        3,
        (1, 1, 3, 4),
    )
    assert len(quantized.state) == 6
    assert type(quantized).__name__ == "QuantizedKVCache"
    with pytest.raises(Trap):
        cache(NEW, "KVCache", fed=(1, 2)).to_quantized()
    assert cache(NEW, "KVCache").to_quantized(64, 4).group_size == 64
    chunked = cache_classes(NEW)["ChunkedKVCache"](4)
    chunked.update_and_fetch(*arrays)
    assert chunked.to_quantized().offset == 3


def test_metadata_of_quantized_caches_is_read_since_3_31_4() -> None:
    for dialect, expected in ((OLD, (3, 64, 8)), (NEW, (3, 32, 4))):
        parts = [mx.zeros((1, 1, 3, 4))] * 6
        restored = cache_classes(dialect)["QuantizedKVCache"].from_state(
            parts, ["1", "3", "32", "4"]
        )
        assert (restored.offset, restored.group_size, restored.bits) == expected
    for dialect in (OLD, NEW):
        made = cache_classes(dialect)["QuantizedKVCache"](32, 4)
        if dialect == OLD:
            made.meta_state = ["256", "x", "32", "4"]
            assert made.offset == 0
        else:
            with pytest.raises(Trap):
                made.meta_state = ["256", "x", "32", "4"]


@both
def test_copies_have_no_free_room(dialect: str) -> None:
    made = kv(dialect)
    twin = made.copy()
    assert [array.shape[2] for array in twin.inner_state()] == [3, 3]
    twin.update_and_fetch(*tokens(9))
    assert numbers(made.keys)[:4] == [1, 2, 3, 0]
    assert cache(dialect, "KVCache").copy().inner_state() == []
    lists = listed(dialect, made).copy()
    assert lists[0] is not made
    assert lists[0].offset == 3


def test_lengths_are_for_slots_alone() -> None:
    made = cache(NEW, "KVCache")
    made.prepare([1])
    made.finalize()
    assert not hasattr(cache(OLD, "KVCache"), "prepare")
    slots = cache_classes(NEW)["ArraysCache"](1)
    both_kinds = listed(NEW, made, slots)
    both_kinds.prepare(lengths=[3])
    assert slots.lengths.tolist() == [3]
    both_kinds.finalize()
    assert slots.lengths is None
