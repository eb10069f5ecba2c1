"""Lines on the way to a backend: a text that is sent piece by piece arrives as if it were whole."""

from __future__ import annotations

import pytest

from conformance.tensor import tensor
from conformance.transport.backend import ProtocolViolation, from_wire, to_wire
from conformance.transport.lines import encode, message
from conformance.transport.messages import Request
from conformance.values import PIECE, RepeatedText, whole

TEXTS = [
    RepeatedText(",", 3 * PIECE + 7),
    RepeatedText("0,1,", PIECE, "end"),
    RepeatedText('é"\\\n\u2028', PIECE),
    RepeatedText("x" * (PIECE + 1), 2, '"'),
    RepeatedText("", 5, "only the end"),
]


def requests(*texts, whole):
    arguments = {"meta_state": ["2", *texts], "state": [None]}
    return [Request(1, "reset", {}), Request(2, "from_state", to_wire(arguments, whole=whole))]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_repeated_text_is_sent_as_if_it_were_whole(text, count):
    sent = message(requests(*[text] * count, whole=False))
    line = b"".join(sent.pieces)
    assert (line, sent.size) == (encode(requests(*[text] * count, whole=True)), len(line))


@pytest.mark.parametrize("text", [*TEXTS, RepeatedText("0,", 9, "0")])
def test_a_repeated_text_is_shown_as_if_it_were_whole(text):
    assert whole([text]) == whole([str(text)])


def test_no_piece_is_large():
    sizes = map(len, message(requests(RepeatedText(",", 40 * PIECE), whole=False)).pieces)
    assert max(sizes) <= PIECE


def test_what_has_no_form_on_the_wire_is_named():
    with pytest.raises(NotImplementedError, match="object has no form on the wire"):
        message([Request(1, "size", {"cache": object()})])


def test_keys_of_the_user_make_no_tensor():
    texts = {"dtype": "float16", "shape": "[1]", "deeper": {"data": ["00", {"shape": "2"}]}}
    one = tensor("int8", [1], [1])
    loaded = {"caches": [{"class_name": "ArraysCache", "slots": [one]}], "user_metadata": texts}
    assert from_wire(to_wire(loaded)) == loaded


def test_beside_the_texts_of_the_user_a_malformed_tensor_is_named():
    loaded = {"caches": [{"dtype": "float16"}], "user_metadata": {"dtype": "float16"}}
    with pytest.raises(ProtocolViolation, match="malformed tensor"):
        from_wire(loaded)
