"""The judge's own view of a safetensors file, and what it makes of differences."""

from __future__ import annotations

import json

import pytest

from conformance.calls import Call, Returned
from conformance.engine.literals import Tensors
from conformance.filetools import written
from conformance.filetools.goldens import goldens
from conformance.filetools.library import FileRef, Library
from conformance.filetools.model import folder
from conformance.filetools.safetensors import Flat, parse
from conformance.outcomes.outcome import Answer
from conformance.outcomes.reading import ReadingOutcome
from conformance.tensor import tensor
from reference_impl.files import container
from reference_impl.files.content import raw


def file(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: object = "U8", shape: object = (1,), offsets: object = (0, 1)) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize("path", [path for _, _, path in goldens()][::7], ids=str)
def test_it_sees_what_the_reference_sees(path):
    flat, other = parse(path.read_bytes()), container.read(path)
    assert flat.metadata == dict(other.metadata)
    assert flat.tensors.keys() == other.tensors.keys()
    for key, value in flat.tensors.items():
        assert value.shape == other.tensors[key].shape
        assert value.data == raw(other.tensors[key])
        assert str(other.tensors[key].dtype).rstrip("_") == f"mlx.core.{value.dtype}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 bytes"),
        (b"1234567", "7 bytes"),
        ((100).to_bytes(8, "little") + b"{}", "a header of 100 bytes in a file of 10"),
        ((1 << 63).to_bytes(8, "little"), "a header of"),
        (file(b"{"), "not a JSON object"),
        (file(b"\xff"), "not a JSON object"),
        (file(b"[" * 100_000), "not a JSON object"),
        (file([]), "not a JSON object"),
        (file(b'{"a":1,"a":2}'), "'a' stands twice"),
        (file({"__metadata__": []}), "not a table of texts"),
        (file({"__metadata__": {"a": 1}}), "not a table of texts"),
        (file({"a": 1}), "a: "),
        (file({"a": {"dtype": "U8"}}), "a: no 'shape' that is known"),
        (file({"a": entry("F4")}, b"1"), "a: no 'F4' that is known"),
        (file({"a": entry(shape=[-1], offsets=[0, 1])}, b"1"), "numbers that cannot be"),
        (file({"a": entry(shape=[True], offsets=[0, 1])}, b"1"), "numbers that cannot be"),
        (file({"a": entry(offsets=[0, 2], shape=[2])}, b"1"), "numbers that cannot be"),
        (file({"a": entry(offsets=[0, 1, 2])}, b"1"), "a: "),
        (file({"a": entry(shape=[2])}, b"1"), "not as many as its shape needs"),
        (file({"a": entry()}, b"12"), "which the tensors do not cover"),
    ],
)
def test_what_is_no_file_is_said(data, said):
    with pytest.raises(ValueError, match=said):
        parse(data)


U8 = tensor("uint8", [1], [7])


@pytest.mark.parametrize(
    ("got", "row"),
    [
        ((Flat({"0.0": U8}, {"1.0": "A"})), None),
        (Flat({}, {"1.0": "A"}), ("tensor 0.0", "uint8[1] 7", "no tensor")),
        (Flat({"0.0": U8, "0.1": U8}, {"1.0": "A"}), ("tensor 0.1", "no tensor", "uint8[1] 7")),
        (Flat({"0.0": U8}, {}), ("metadata 1.0", "'A'", "nothing")),
        (Flat({"0.0": U8}, {"1.0": "B"}), ("metadata 1.0", "'A'", "'B'")),
        (Flat({"0.0": U8}, {"1.0": "A", "x": ""}), ("metadata x", "nothing", "''")),
        (Flat({"0.0": tensor("int8", [1], [7])}, {"1.0": "A"}),
         ("tensor 0.0", "uint8[1] 7", "int8[1] 7: dtype int8 instead of uint8")),
    ],
)  # fmt: skip
def test_a_written_file_is_compared_key_by_key(got, row):
    header = {"__metadata__": dict(got.metadata)} if got.metadata else {}
    data = b""
    for key, value in got.tensors.items():
        dtype = {"uint8": "U8", "int8": "I8"}[value.dtype]
        header[key] = entry(dtype, list(value.shape), [len(data), len(data) + len(value.data)])
        data += value.data
    rows = said(written.differences(Flat({"0.0": U8}, {"1.0": "A"}), file(header, data)))
    assert rows == ([] if row is None else [row])


def said(found) -> list[tuple[str, str, str]]:
    return [(each.place, *each.words()) for each in found]


def room(length: int, offset: int, *values: int) -> Flat:
    padded = [*values, *[9] * (length - len(values))]
    keys = tensor("uint8", [1, 1, length, 1], padded)
    return Flat({"0.0": keys, "0.1": keys, "0.2": tensor("int32", [], [offset])}, {})


@pytest.mark.parametrize(
    ("got", "places"),
    [
        (room(2, 2, 1, 2), []),
        (room(5, 2, 1, 2), []),
        (room(2, 2, 1, 3), ["tensor 0.0", "tensor 0.1"]),
        (room(1, 2, 1), ["tensor 0.0", "tensor 0.1"]),
        (room(2, 1, 1, 2), ["tensor 0.0", "tensor 0.1", "tensor 0.2"]),
    ],
)
def test_spare_room_is_free_and_nothing_else(got, places):
    header, data, dtypes = {}, b"", {"uint8": "U8", "int32": "I32"}
    for key, value in got.tensors.items():
        span = [len(data), len(data) + len(value.data)]
        header[key] = entry(dtypes[value.dtype], list(value.shape), span)
        data += value.data
    found = written.differences(room(4, 2, 1, 2), file(header, data))
    assert [each.place for each in found] == places


def read(outcome: ReadingOutcome, content, got) -> list[tuple[str, str, str]]:
    class File(FileRef):
        """What is in it is given here."""

    File.content = content
    path = File("w/c", Library(folder()))
    return said(outcome.differences(Answer(Call("load", {"path": path}), Returned(got), Tensors())))


def test_a_reading_is_told_in_full_or_in_a_word():
    content = Library(folder()).content("hole-0")
    closed = {**content, "caches": [{**content["caches"][0], "slots": [content["caches"][0][
        "slots"][1], None]}]}  # fmt: skip
    same, other = ReadingOutcome("same"), "slots [tensor, unset] for [unset, tensor]"
    assert read(same, content, content) == []
    ((place, expected, got),) = read(same, content, closed)
    assert place == "cache 0, slots"
    assert (expected[:6], got[-6:]) == ("[null,", " null]")
    assert read(ReadingOutcome("wrong", other), content, closed) == []
    assert read(ReadingOutcome("lossy", other), content, closed) == [
        ("", f"lossy: {other}", f"wrong: {other}")
    ]
    wrong = read(ReadingOutcome("wrong", "0 of 1 caches"), content, content)
    assert wrong == [("", "wrong: 0 of 1 caches", "same")]
    assert read(ReadingOutcome("wrong", "1 caches"), None, content) == []
    assert read(ReadingOutcome("wrong", "0 caches"), None, content) == [
        ("", "wrong: 0 caches", "wrong: 1 caches")
    ]
