"""Tensors of the suite's side: bits in, the same bits out, and nothing that is not exact."""

from __future__ import annotations

import math
import re
import struct

import pytest

from conformance import tensor
from conformance.tensor import DTYPES, Tensor

# dtype, value, little-endian bits
PACKED = [
    ("bool", 0, "00"), ("bool", 1, "01"), ("bool", True, "01"), ("bool", False, "00"),
    ("uint8", 255, "ff"), ("uint16", 1, "0100"), ("uint32", 2**32 - 1, "ffffffff"),
    ("uint64", 2**64 - 1, "f" * 16), ("int8", -128, "80"), ("int16", -2, "feff"),
    ("int32", -(2**31), "00000080"), ("int64", -(2**63), "0000000000000080"),
    ("float16", 65504, "ff7b"), ("float16", 2**-24, "0100"), ("float16", -0.0, "0080"),
    ("bfloat16", -3.5, "60c0"), ("bfloat16", math.inf, "807f"), ("bfloat16", -0.0, "0080"),
    ("float32", 0.5, "0000003f"), ("float32", -0.0, "00000080"), ("float32", -math.inf, "000080ff"),
    ("float64", 0.1, "9a9999999999b93f"), ("float64", 2**53, "0000000000004043"),
]  # fmt: skip

REFUSED = [
    ("bool", 2, "2 is not a bool"), ("bool", "x", "'x' is not a bool"),
    ("uint8", 256, "256 does not fit uint8"), ("uint8", -1, "does not fit"),
    ("uint8", True, "True is not a number"), ("int32", 1.0, "1.0 does not fit int32"),
    ("int32", 2**31, "does not fit int32"), ("int64", 2**63, "does not fit int64"),
    ("float16", 65520, "does not fit float16"), ("float16", 2049, "no exact float16 value"),
    ("bfloat16", 1.01, "no exact bfloat16 value"), ("bfloat16", 257, "no exact bfloat16"),
    ("bfloat16", 1e39, "does not fit bfloat16"),
    ("float32", 0.1, r"0.1 has no exact float32 value (nearest is 0.1000000014"),
    ("float32", 2**24 + 1, "no exact float32"), ("float32", 1e39, "does not fit float32"),
    ("float64", 2**53 + 1, "no exact float64"), ("float64", 10**400, "does not fit float64"),
    ("float32", "1", "'1' is not a number"), ("float32", None, "None is not a number"),
]  # fmt: skip


def test_every_dtype_is_packed_in_these_tables():
    assert {row[0] for row in PACKED} == set(DTYPES)


@pytest.mark.parametrize(("dtype", "value", "bits"), PACKED)
def test_packing_is_exact_both_ways(dtype, value, bits):
    made = tensor.tensor(dtype, [1], [value])
    assert made.data.hex() == bits
    (back,) = made.elements()
    assert (back, math.copysign(1, back)) == (value, math.copysign(1, value))
    assert tensor.from_wire(made.to_wire()) == made


@pytest.mark.parametrize(("dtype", "value", "text"), REFUSED)
def test_what_has_no_exact_bits_is_refused(dtype, value, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        tensor.tensor(dtype, [1], [value])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_nan_can_be_packed(dtype):
    assert math.isnan(tensor.tensor(dtype, [1], [math.nan]).elements()[0])


def test_the_number_of_elements_is_that_of_the_shape():
    with pytest.raises(ValueError, match=r"shape \[2, 2\] holds 4 elements, got 3"):
        tensor.tensor("int32", [2, 2], [1, 2, 3])
    assert tensor.tensor("int32", [], [7]).size == 1
    assert tensor.tensor("int32", [0, 3], []).elements() == []


@pytest.mark.parametrize("dtype", DTYPES)
def test_bfloat16_is_float32_without_its_lower_half_and_the_rest_is_struct(dtype):
    data = bytes(range(1, 1 + tensor.ITEM_SIZE[dtype]))
    (element,) = Tensor(dtype, (1,), data).elements()
    if dtype == "bfloat16":
        assert struct.pack("<f", element) == b"\0\0" + data
    assert Tensor(dtype, (1,), data).to_wire()["data"] == data.hex()


# --------------------------------------------------------------------------- wire

WIRE = {"dtype": "int16", "shape": [2], "data": "01000200"}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"dtype": "complex64"}, "unknown dtype 'complex64'; MLX's names are bool, uint8"),
        ({"dtype": []}, "unknown dtype []"),
        ({"dtype": "bool_"}, "unknown dtype 'bool_'"),
        ({"shape": 2}, "shape 2 is not a list of whole numbers"),
        ({"shape": [-2]}, "shape [-2] is not"),
        ({"shape": [True]}, "shape [True] is not"),
        ({"shape": [2.0]}, "shape [2.0] is not"),
        ({"shape": [3]}, "int16[3] needs 6 bytes, which is 12 hex digits of data; got 8 digits"),
        ({"shape": [10**30]}, "hex digits of data; got 8 digits"),
        ({"data": "0100020"}, "got 7 digits"),
        ({"data": "0100 200"}, "data is not a string of lower-case hex digits"),
        ({"data": "0100020A"}, "data is not a string of lower-case hex digits"),
        ({"data": "0100020g"}, "data is not a string of lower-case hex digits"),
        ({"data": None}, "data is not a string of lower-case hex digits"),
        ({"data": [1, 0, 2, 0]}, "data is not a string of lower-case hex digits"),
    ],
)
def test_a_malformed_wire_tensor_says_what_is_wrong(change, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        tensor.from_wire(WIRE | change)


def test_further_keys_are_free():
    assert tensor.from_wire(WIRE | {"strides": [1]}) == tensor.from_wire(WIRE)


@pytest.mark.parametrize("key", ["dtype", "shape", "data"])
def test_a_tensor_that_lacks_a_key_is_a_malformed_tensor_and_no_other_object(key):
    lacking = {k: v for k, v in WIRE.items() if k != key}
    assert tensor.is_wire_tensor(lacking)
    with pytest.raises(ValueError, match="a tensor is"):
        tensor.from_wire(lacking)


@pytest.mark.parametrize("value", [{"slots": {}}, {}, [], "dtype", None, 3])
def test_other_values_are_no_tensors(value):
    assert not tensor.is_wire_tensor(value)


# --------------------------------------------------------------------------- comparing


def bits(dtype, *elements, shape=None):
    return Tensor(
        dtype, (len(elements),) if shape is None else shape, b"".join(map(bytes.fromhex, elements))
    )


DIFFERENT = [
    (bits("int32", "01000000"), bits("uint32", "01000000"), "dtype uint32 instead of int32"),
    (bits("int8", "01", "02"), bits("int8", "01", "02", shape=(1, 2)),
     "shape [1, 2] instead of [2]"),
    (bits("int8", "00", "01", "02", "03", shape=(2, 2)),
     bits("int8", "00", "01", "07", "08", shape=(2, 2)), "[1,0] is 7 instead of 2"),
    (bits("int8", *(f"{i:02x}" for i in range(24)), shape=(2, 3, 4)),
     bits("int8", *(f"{i:02x}" for i in range(23)), "7f", shape=(2, 3, 4)),
     "[1,2,3] is 127 instead of 23"),
    (bits("int8", "01", shape=()), bits("int8", "02", shape=()), "[] is 2 instead of 1"),
    (bits("float32", "00000000"), bits("float32", "00000080"),
     "[0] is -0.0 instead of 0.0 (bits 00000080 instead of 00000000)"),
    (bits("float32", "0000c07f"), bits("float32", "0100c07f"),
     "[0] is nan instead of nan (bits 0100c07f instead of 0000c07f)"),
    (bits("bool", "01"), bits("bool", "02"),
     "[0] is True instead of True (bits 02 instead of 01)"),
    (bits("bfloat16", "c07f"), bits("bfloat16", "c17f"),
     "[0] is nan instead of nan (bits c17f instead of c07f)"),
    (bits("float16", "0000", "0100"), bits("float16", "0000", "0200"), "[1] is 1.19"),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "got", "text"), DIFFERENT)
def test_the_first_differing_index_is_named(expected, got, text):
    assert tensor.deviation(expected, got).words().startswith(text)
    assert tensor.deviation(got, expected) is not None


@pytest.mark.parametrize("one", [row[0] for row in DIFFERENT])
def test_equal_bits_do_not_differ_not_even_nan(one):
    assert tensor.deviation(one, Tensor(one.dtype, one.shape, one.data)) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (tensor.tensor("float32", [1, 3], [10, -0.0, 2.5]), "float32[1,3] 10 -0 2.5"),
        (tensor.tensor("bool", [2], [1, 0]), "bool[2] T F"),
        (tensor.tensor("int32", [], [5]), "int32[] 5"),
        (tensor.tensor("int32", [0], []), "int32[0]"),
        (tensor.tensor("uint8", [17], range(17)),
         "uint8[17] 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 ..."),
    ],
)  # fmt: skip
def test_description(value, text):
    assert tensor.describe(value) == text
