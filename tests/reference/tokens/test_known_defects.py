"""Known defects of mlx-lm: the reference has them where the real release has them.

Each is what `right` says in an implementation without it.
"""

from __future__ import annotations

import math
from typing import Any

import mlx.core as mx
import pytest

from .helpers import cache, numbers, tokens

OLD, NEW = "mlx-lm-0.31", "mlx-lm-0.32"
both = pytest.mark.parametrize("dialect", [OLD, NEW])


@pytest.mark.parametrize(
    ("dialect", "last", "start"), [(OLD, [], 248), (NEW, [3, 4, 5, 6, 7, 8, 9, 10, 11], 3)]
)
def test_chunks_count_free_room_as_tokens(dialect: str, last: list[int], start: int) -> None:
    made = cache(dialect, "ChunkedKVCache", 8, fed=range(6))
    for token in range(6, 12):
        made.maybe_trim_front()
        keys, _ = made.update_and_fetch(*tokens(token))
    assert (numbers(keys), made.start_position) == (last, start)


@both
def test_what_a_concatenating_cache_takes_back_comes_again(dialect: str) -> None:
    made = cache(dialect, "ConcatenateKVCache", fed=range(5))
    assert made.trim(2) == 2
    keys, _ = made.update_and_fetch(*tokens(3, 4))
    assert (numbers(keys), made.offset) == ([0, 1, 2, 3, 4, 3, 4], 7)  # right: 0..4, 5


@both
@pytest.mark.parametrize(
    ("label", "arguments"),
    [
        ("KVCache", []),
        ("RotatingKVCache", [8]),
        ("ChunkedKVCache", [8]),
        ("ConcatenateKVCache", []),
    ],
)
def test_a_negative_trim_adds(dialect: str, label: str, arguments: Any) -> None:
    made = cache(dialect, label, *arguments, fed=range(5))
    assert (made.trim(-3), made.offset) == (-3, 8)  # right: 0, 5


@both
def test_filter_forgets_nothing_of_right_padding(dialect: str) -> None:
    made = cache(dialect, "BatchKVCache", [0, 0])
    made.prepare(lengths=[4, 2], right_padding=[0, 2])
    made.update_and_fetch(*tokens(0, 1, 2, 3, rows=2))
    made.filter([1])
    made.finalize()  # turns the one row by two paddings, and so makes two of it
    assert made.keys.shape[0] == 2  # right: 1
    assert (made.offset.tolist(), made.left_padding.tolist()) == ([4, 2], [0, 2])  # right: [2], [2]
    ring = cache(dialect, "BatchRotatingKVCache", 8, [0, 0])
    ring.prepare(lengths=[6, 3], right_padding=[0, 3])
    ring.update_and_fetch(*tokens(0, 1, 2, rows=2))
    ring.filter([1])
    with pytest.raises(ValueError, match="concatenate"):  # right: one row of 6
        ring.update_and_fetch(*tokens(3, 4, 5))


@both
def test_extract_takes_right_padding_for_tokens(dialect: str) -> None:
    made = cache(dialect, "BatchKVCache", [0, 0])
    made.prepare(lengths=[4, 2], right_padding=[0, 2])
    made.update_and_fetch(*tokens(0, 1, 2, 3, rows=2))
    single = made.extract(1)
    assert (single.offset, numbers(single.keys)) == (4, [100, 101, 102, 103])  # right: 2


@both
def test_filter_of_an_empty_batch_makes_the_index_negative(dialect: str) -> None:
    made = cache(dialect, "BatchKVCache", [3, 5])
    made.filter([1])
    assert made.index == -5  # right: 0
    assert made.make_mask(2).shape == (1, 1, 2, 0)  # right: (1, 1, 2, 2)


@both
def test_a_refused_update_counts(dialect: str) -> None:
    plain = cache(dialect, "KVCache", fed=(1, 2))
    with pytest.raises(ValueError, match="broadcast"):
        plain.update_and_fetch(tokens(3)[0], mx.zeros((1, 1, 1, 2)))
    assert plain.offset == 3  # right: 2
    quantized = cache(dialect, "QuantizedKVCache", 64, 8)
    with pytest.raises(ValueError, match="quantiz"):
        quantized.update_and_fetch(*(mx.zeros((1, 1, 1, 32)),) * 2)
    assert quantized.offset == 1  # right: 0


@both
@pytest.mark.parametrize(("bits", "dimension"), [(5, 128), (6, 128), (3, 160)])
def test_widths_that_do_not_fill_words(dialect: str, bits: int, dimension: int) -> None:
    made = cache(dialect, "QuantizedKVCache", 32, bits)
    packed = math.ceil(dimension * bits / 32)
    assert mx.quantize(mx.zeros((1, dimension)), group_size=32, bits=bits)[0].shape[1] == packed
    with pytest.raises(ValueError, match="broadcast"):  # right: packed words for each token
        made.update_and_fetch(*(mx.zeros((1, 1, 2, dimension)),) * 2)


@both
def test_an_empty_quantized_cache_has_no_bytes_to_ask_for(dialect: str) -> None:
    with pytest.raises(AttributeError):  # right: 0
        _ = cache(dialect, "QuantizedKVCache").nbytes


@both
def test_a_token_is_lost_where_everything_is_kept(dialect: str) -> None:
    made = cache(dialect, "RotatingKVCache", 2, 2, fed=(1, 2))
    keys, _ = made.update_and_fetch(*tokens(3))
    assert (numbers(keys), made.offset) == ([1, 2], 3)  # right: 3 is there, or an error


@both
def test_a_restored_batch_lacks_what_prepare_makes(dialect: str) -> None:
    for label, arguments in (("BatchKVCache", [[0, 2]]), ("BatchRotatingKVCache", [8, [0, 2]])):
        made = cache(dialect, label, *arguments, fed=(1, 2))
        texts = [made.meta_state] if dialect == OLD else []
        restored = type(made).from_state(made.state, *texts)
        with pytest.raises(AttributeError):  # right: nothing happens
            restored.finalize()


def test_offsets_that_were_read_change_in_0_31() -> None:
    for dialect, seen in ((OLD, [2, 0]), (NEW, [1, -1])):
        made = cache(dialect, "BatchKVCache", [0, 2], fed=(1,))
        offset = made.offset
        made.update_and_fetch(*tokens(2, rows=2))
        assert offset.tolist() == seen  # right: [1, -1]


def test_a_side_without_tokens_makes_float32_in_0_31() -> None:
    for dialect, dtype in ((OLD, mx.float32), (NEW, mx.float16)):
        empty = cache(dialect, "BatchKVCache", [0])
        other = cache(dialect, "BatchKVCache", [0])
        other.update_and_fetch(*tokens(1, dtype=mx.float16))
        empty.extend(other)
        assert empty.keys.dtype == dtype  # right: float16


def test_rotated_false_is_true_in_0_31() -> None:
    made = cache(OLD, "BatchRotatingKVCache", 8, [0], fed=(1, 2))
    assert made.meta_state[3] == "False"
    restored = type(made).from_state(made.state, made.meta_state)
    assert restored.rotated is True  # right: False


@both
def test_values_take_the_dtype_of_keys_in_a_merge(dialect: str) -> None:
    made = cache(dialect, "KVCache")
    made.update_and_fetch(tokens(1, dtype=mx.float16)[0], tokens(1.0001)[1])
    batch = type(made).merge([made, made])
    assert batch.values.dtype == mx.float16  # right: float32
