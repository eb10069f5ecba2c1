"""Literals of fixtures: each form, its refusals, and the bounds of what a few words may ask."""

from __future__ import annotations

import re

import msgspec
import pytest

from conformance.engine import literals
from conformance.engine.literals import TensorLiteral, Tensors, TextPattern
from conformance.tensor import DTYPES, Tensor, tensor


def literal(**fields):
    return msgspec.convert(fields, TensorLiteral)


def test_a_count_may_begin_again():
    found = literals.decode(literal(dtype="uint8", shape=[5], iota=1, modulo=3))
    assert found.elements() == [1, 2, 0, 1, 2]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_in_every_form(dtype):
    one = tensor(dtype, [2], [1, 1])
    assert literals.decode(literal(**{dtype: [1, 1]})) == one
    assert literals.decode(literal(dtype=dtype, shape=[2], hex=one.data.hex())) == one
    assert literals.decode(literal(dtype=dtype, shape=[2], fill=1)) == one
    assert literals.decode(literal(dtype=dtype, shape=[2], iota=0)) == tensor(dtype, [2], [0, 1])


@pytest.mark.parametrize(
    ("fields", "shape"),
    [
        ({"float32": 5}, ()),
        ({"float32": []}, (0,)),
        ({"float32": [[], []]}, (2, 0)),
        ({"int8": [[[1], [2]], [[3], [4]]]}, (2, 2, 1)),
        ({"bool": [[True, False]]}, (1, 2)),
        ({"dtype": "int8", "shape": [], "fill": 3}, ()),
        ({"dtype": "int8", "shape": [2, 0], "iota": 3}, (2, 0)),
        ({"dtype": "uint8", "shape": [300], "iota": 7, "modulo": 251}, (300,)),
        ({"dtype": "int8", "shape": [0], "hex": ""}, (0,)),
    ],
)
def test_shapes(fields, shape):
    assert literals.decode(literal(**fields)).shape == shape


def test_bits_are_kept_as_they_are():
    odd = literal(dtype="float32", shape=[3], hex="000000800100c07fef00c0ff")
    assert literals.decode(odd).data.hex() == "000000800100c07fef00c0ff"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "a tensor is written in one form"),
        ({"dtype": "int8", "shape": [1]}, "a tensor is written in one form"),
        ({"int8": [1], "int16": [1]}, "a tensor is written in one form"),
        ({"int8": [1], "fill": 1}, "a tensor is written in one form"),
        ({"dtype": "int8", "shape": [1], "fill": 1, "iota": 1}, "a tensor is written in one form"),
        ({"int8": [1], "shape": [1]}, "`int8: [...]` already says dtype and shape"),
        ({"int8": [1], "dtype": "int8"}, "`int8: [...]` already says dtype and shape"),
        ({"shape": [1], "hex": "00"}, "`hex` needs dtype and shape beside it"),
        ({"dtype": "int8", "fill": 1}, "`fill` needs dtype and shape beside it"),
        ({"dtype": "f32", "shape": [1], "fill": 1}, "unknown dtype 'f32'; MLX's names are bool"),
        ({"dtype": "int8", "shape": [-1], "fill": 1}, "shape [-1] has a negative size"),
        ({"dtype": "int8", "shape": [2], "hex": "00"}, "int8[2] needs 2 bytes"),
        ({"dtype": "int8", "shape": [1], "hex": "0x"}, "hex: '0x' is not a string of hex digits"),
        ({"dtype": "int8", "shape": [1], "hex": "0"}, "hex: '0' is not a string of hex digits"),
        ({"dtype": "int64", "shape": [2**30], "fill": 1}, "is over 268435456 bytes"),
        ({"dtype": "int8", "shape": [2**40, 2**40], "iota": 1}, "is over 268435456 bytes"),
        ({"dtype": "int8", "shape": [3], "iota": 126}, "128 does not fit int8"),
        ({"dtype": "int8", "shape": [3], "fill": 1, "modulo": 2}, "`modulo` goes with `iota`"),
        ({"dtype": "int8", "shape": [3], "iota": 1, "modulo": 0}, "is at least 1"),
        ({"dtype": "float32", "shape": [1], "fill": 0.1}, "0.1 has no exact float32 value"),
        ({"float32": [[1, 2], [3]]}, "rows have different lengths"),
        ({"float32": [1, [2]]}, "rows have different lengths"),
        ({"float32": ["a"]}, "'a' is not a number"),
        ({"float32": [None]}, "None is not a number"),
        ({"int8": [True]}, "True is not a number"),
        ({"bool": [2]}, "2 is not a bool"),
    ],
)
def test_refusals(fields, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        literals.decode(literal(**fields))


def test_the_bound_of_a_pattern_is_allowed(monkeypatch):
    monkeypatch.setattr(literals, "MAX_BYTES", 8)
    assert len(literals.decode(literal(dtype="int32", shape=[2], fill=0)).data) == 8
    assert len(literals.text(TextPattern(repeat="ab", times=4))) == 8
    for spell, value in (
        (literals.decode, literal(dtype="int32", shape=[3], fill=0)),
        (literals.text, TextPattern(repeat="abc", times=3)),
        (literals.text, TextPattern(count_to=2)),
    ):
        with pytest.raises(ValueError, match=r"over 8 bytes|out of bounds"):
            spell(value)


# --------------------------------------------------------------------------- names

OWN, SHARED = literal(int8=[1]), literal(int8=[2])
NAMED = Tensors({"a": OWN}, {"a": SHARED, "b": SHARED})


def test_the_first_layer_wins():
    assert NAMED("a") == literals.decode(OWN)
    assert NAMED("b") == literals.decode(SHARED)


def test_an_unknown_name_is_refused():
    for spell in (NAMED, NAMED.slot, NAMED.tree, NAMED.ints):
        with pytest.raises(ValueError, match="no tensor is named 'z'"):
            spell("z")


def test_slots_trees_and_ints():
    one = Tensor("int8", (1,), b"\1")
    assert NAMED.slot(None) is None
    assert NAMED.slot("a") == one
    assert NAMED.tree([None, "a", [OWN, None]]) == [None, one, [one, None]]
    assert NAMED.ints([-1, 2]) == tensor("int32", [2], [-1, 2])
    assert NAMED.ints([]) == tensor("int32", [0], [])
    assert NAMED.ints(None) is None
    assert NAMED.ints("a") == one
    with pytest.raises(ValueError, match="does not fit int32"):
        NAMED.ints([2**31])


# --------------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (TextPattern(repeat="ab", times=3), "ababab"),
        (TextPattern(repeat="9", times=2, end="x"), "99x"),
        (TextPattern(repeat="9", times=0, end="x"), "x"),
        (TextPattern(count_to=4), "0,1,2,3"),
        (TextPattern(count_to=1), "0"),
        (TextPattern(count_to=0), ""),
    ],
)
def test_text(value, text):
    assert literals.text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (TextPattern(), "either `repeat` or `count_to`"),
        (TextPattern(repeat="a", count_to=1), "either `repeat` or `count_to`"),
        (TextPattern(repeat="a", times=2**40), "times: 1099511627776 is out of bounds"),
        (TextPattern(repeat="a", times=-1), "times: -1 is out of bounds"),
        (TextPattern(repeat="", times=-1), "times: -1 is out of bounds"),
        (TextPattern(count_to=2**40), "count_to: 1099511627776 is out of bounds"),
        (TextPattern(count_to=-1), "count_to: -1 is out of bounds"),
        (TextPattern(count_to=3, end="x"), "`times` and `end` go with `repeat`"),
        (TextPattern(count_to=3, times=2), "`times` and `end` go with `repeat`"),
    ],
)
def test_text_refusals(value, text):
    with pytest.raises(ValueError, match=text):
        literals.text(value)


def test_elements_of_metadata_are_spelled_out_and_bounded(monkeypatch):
    many = TextPattern(repeat="ab", times=2, elements=3)
    assert literals.texts(["x", many, ""]) == ["x", "abab", "abab", "abab", ""]
    with pytest.raises(ValueError, match="elements: 0 is out of bounds"):
        literals.texts([TextPattern(repeat="a", elements=0)])
    monkeypatch.setattr(literals, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match="elements: 9 is out of bounds"):
        literals.texts([TextPattern(repeat="abcd", elements=9)])
    with pytest.raises(ValueError, match="elements: 1 is out of bounds"):
        literals.texts(["x"] * 12)


def test_tensors_are_named_after_their_tokens():
    named = Tensors({"k1": TensorLiteral(float32=[9])})
    assert named("k0-2,7") == tensor("float32", [1, 1, 4, 1], [0, 1, 2, 7])
    assert named("v3") == tensor("float32", [1, 1, 1, 1], [-3])
    assert named("v0-1/10-11") == tensor("float32", [2, 1, 2, 1], [0, -1, -10, -11])
    assert named("k1") == tensor("float32", [1], [9])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("k0-1/2", "k0-1/2: the rows have different lengths"),
        ("k2-1", "2-1 is not 1 to 100000 tokens"),
        ("k0-100000", "0-100000 is not 1 to 100000 tokens"),
        ("k", "no tensor is named 'k'"),
        ("w1", "no tensor is named 'w1'"),
        ("k1,", "no tensor is named 'k1,'"),
    ],
)
def test_names_of_tokens_that_are_refused(name, text):
    with pytest.raises(ValueError, match=text):
        Tensors({})(name)
