"""What the reference must not hold on to, and the fast ways that must stay exact."""

from __future__ import annotations

import io

import mlx.core as mx
import pytest

from reference_impl import dialect_class, errors
from reference_impl.integers import USIZE
from reference_impl.slots.rules import metadata
from tests.support.dialects import MAIN

MEGABYTE = 1 << 20
ADVANCING = [d for d in MAIN if hasattr(dialect_class(d), "advance")]
BATCHES = [d for d in MAIN if hasattr(dialect_class(d), "extract")]


def pending(array: mx.array) -> int:
    """How many operations are still to be carried out for an array."""
    drawn = io.StringIO()
    mx.export_to_dot(drawn, array)
    return drawn.getvalue().count("shape=rectangle")


def test_pending_counts_operations():
    array = mx.array([1])
    assert 0 < pending(array - 1) < pending(array - 1 - 1)
    mx.eval(array)
    assert pending(array) == 0


@pytest.mark.parametrize("dialect", BATCHES)
@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.bool_])
def test_an_extracted_row_does_not_keep_the_batch(dialect, dtype):
    cache = dialect_class(dialect)(1)
    cache[0] = mx.ones((16, MEGABYTE // dtype.size), dtype)
    mx.eval(cache[0])
    before = mx.get_active_memory()
    row = cache.extract(3)
    del cache
    mx.synchronize()
    assert row[0].shape == (1, MEGABYTE // dtype.size)
    assert before - mx.get_active_memory() >= 14.9 * MEGABYTE


@pytest.mark.parametrize("dialect", ADVANCING)
def test_advancing_leaves_no_graph_behind(dialect):
    cache = dialect_class(dialect)(1, [9, 9])
    cache.prepare(lengths=[5, 6])
    for _ in range(50):
        cache.advance(1)
        assert pending(cache.lengths) == pending(cache.left_padding) == 0
    assert cache.lengths.tolist() == [-45, -44]


@pytest.mark.parametrize("dialect", BATCHES)
def test_merging_refuses_in_the_order_of_the_caches(dialect):
    # A cache with too many rows stands before one without the slot: the first is what is refused.
    cls = dialect_class(dialect)
    wide, bare = cls(1), cls(0)
    wide[0] = mx.ones((2, 1))
    with pytest.raises(ValueError, match="Cannot broadcast"):
        cls.merge([wide, bare])


@pytest.mark.parametrize(
    "items",
    ["0", "0,1,2", "9" * 9, "007,8", "9" * 10, "+5,1", "0" * 5000 + "1", "18446744073709551615"],
)
def test_strict_parsing_reads_what_rust_reads(items):
    found = metadata.strict_csv(items, USIZE, "x", 10)
    assert found == [int(item.lstrip("0") or "0") for item in items.split(",")]


@pytest.mark.parametrize(
    ("items", "cause"),
    [
        ("1,,2", "Empty"),
        ("1,2,", "Empty"),
        ("1, 2", "InvalidDigit"),
        ("1,\u0661", "InvalidDigit"),
        ("1,\u00b2", "InvalidDigit"),
        ("-1", "InvalidDigit"),
        ("1_0", "InvalidDigit"),
        ("18446744073709551616", "PosOverflow"),
    ],
)
def test_strict_parsing_refuses_what_rust_refuses(items, cause):
    with pytest.raises(errors.Parse) as refused:
        metadata.strict_csv(items, USIZE, "x", 10)
    assert refused.value.payload["cause"] == cause


def test_metadata_of_many_slots_lists_the_written_ones():
    cache = dialect_class("mlxrs-0.1")(5)
    cache[1] = cache[4] = mx.ones((1,))
    assert cache.meta_state == ["5", "1,4"]
