"""Checks of what travels: tensors bit for bit, handles, messages of any length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance import tensor, values
from conformance.doctor import fixes
from conformance.doctor.examine import Check, Problem
from conformance.doctor.fixes import FIXES
from conformance.doctor.patient import NotHere, Patient
from conformance.tensor import Tensor
from conformance.transport.backend import BackendHung, from_wire
from conformance.transport.causes import Violation
from conformance.transport.messages import INVALID_ARGUMENTS, OPERATION_REFUSED, ErrorObject

# Elements, big-endian as one reads them: zeros of both signs, infinities, the least and the
# largest, quiet and signalling NaNs with payloads.
_BITS = {
    "bool": "00 01 01 00",
    "float16": "0000 8000 3c00 7c00 fc00 0001 7bff 7e01 fe55 7c01",
    "bfloat16": "0000 8000 3f80 7f80 ff80 0001 7f7f 7fc1 ffd5 7f81",
    "float32": "00000000 80000000 3f800000 7f800000 ff800000 00000001 7f7fffff 7fc01234 ffc00001 "
    "7f800001",
    "float64": "0000000000000000 8000000000000000 3ff0000000000000 7ff0000000000000 "
    "0000000000000001 7fefffffffffffff 7ff8000000001234 fff8000000000001 7ff0000000000001",
}
_SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (2, 0, 3), (1, 1, 1, 1, 1), (2, 3))
_HANDLE = "\u7f13\u5b58 \U0001f9ca \u00e9 \u2028 \"\\/\t'"
_MALFORMED: tuple[tuple[str, Any], ...] = (
    ("too few bytes for its shape", {"dtype": "float32", "shape": [2, 3], "data": "0000803f" * 5}),
    ("too many bytes for its shape", {"dtype": "int32", "shape": [1], "data": "01000000" * 2}),
    ("no bytes at all", {"dtype": "uint8", "shape": [1], "data": ""}),
    ("half a byte", {"dtype": "uint8", "shape": [1], "data": "0"}),
    ("data that is not hex", {"dtype": "uint8", "shape": [1], "data": "zz"}),
    ("an unknown dtype", {"dtype": "f32", "shape": [1], "data": "0000803f"}),
    ("no data", {"dtype": "float32", "shape": [1]}),
)


def _elements(dtype: str) -> Tensor:
    width = tensor.ITEM_SIZE[dtype]
    words = _BITS.get(
        dtype,
        f"{'00' * width} {'ff' * width} 80{'00' * (width - 1)} "
        f"7f{'ff' * (width - 1)} {bytes(range(1, width + 1)).hex()}",
    ).split()
    data = b"".join(bytes.fromhex(word)[::-1] for word in words)
    return Tensor(dtype, (len(words),), data)


def slots(patient: Patient) -> Iterator[Problem]:
    """The least that a case needs: a cache, a tensor put into it and read back."""
    patient.need("new", "get", "set")
    error = patient.error("new", cache="c", size=2)
    if error is not None:
        yield Problem(
            f"new(cache, size=2): error {error.code}: {error.message}",
            "new makes a cache of `size` unset slots under a handle; give null",
        )
        return
    put = Tensor("float32", (1, 2), bytes.fromhex("0000803f00000040"))
    yield from _kept(patient, put)
    answer = patient.ask("get", cache="c", slot=0)
    if answer.result is not None:
        got = _said(answer.error if isinstance(answer.error, ErrorObject) else answer.result)
        yield Problem(f"get of an unset slot gave {got}", "an unset slot is null")


def dtypes(patient: Patient) -> Iterator[Problem]:
    """Every dtype, in patterns that only exact bits survive."""
    patient.ask("new", cache="c", size=2)
    for dtype in tensor.DTYPES:
        yield from _kept(patient, _elements(dtype))


def shapes(patient: Patient) -> Iterator[Problem]:
    """No axes, axes without elements, many axes."""
    patient.ask("new", cache="c", size=2)
    for shape in _SHAPES:
        whole = Tensor("float32", shape, b"")
        yield from _kept(patient, Tensor("float32", shape, bytes(range(24))[: 4 * whole.size]))


def malformed(patient: Patient) -> Iterator[Problem]:
    """What is no tensor never reaches the implementation."""
    patient.ask("new", cache="c", size=1)
    for what, value in _MALFORMED:
        error = patient.error("set", cache="c", slot=0, value=value)
        if error is None:
            yield Problem(f"a tensor with {what} was accepted", "refuse it with error -32602")
        elif error.code != INVALID_ARGUMENTS:
            text = f"a tensor with {what} was refused with code {error.code} ({error.message})"
            yield Problem(text, "refuse it with -32602, before the implementation sees it")


def snapshot(patient: Patient) -> Iterator[Problem]:
    """A snapshot shows the slots that are set, under their index, and says what is unset."""
    patient.need("snapshot")
    patient.ask("new", cache="c", size=3)
    put = _elements("int32")
    patient.ask("set", cache="c", slot=1, value=put)
    answer = patient.ask("snapshot", cache="c")
    if isinstance(answer.error, ErrorObject):
        yield Problem(f"snapshot: {_said(answer.error)}", FIXES[Violation.MALFORMED_RESULT])
        return
    seen = from_wire(answer.result)
    wanted = {"slot_count": 3, "slots": {"1": put}, "left_padding": None, "lengths": None}
    for key, value in wanted.items():
        if seen[key] != value:
            text = f"{key} is {values.words(seen[key])} instead of {values.words(value)}"
            yield Problem(
                f"three slots, the second one set: {text}", FIXES[Violation.MALFORMED_RESULT]
            )
    if not isinstance(seen["class_name"], str) or not seen["class_name"]:
        yield Problem(
            f"class_name is {seen['class_name']!r}",
            "give the label under which a file keeps this cache, such as ArraysCache",
        )


def text(patient: Patient) -> Iterator[Problem]:
    """The same text, as UTF-8 and as JSON's escapes, names the same handle."""
    patient.need("snapshot")
    if patient.in_process:
        raise NotHere("text is not encoded in this process")
    patient.ask("new", cache=_HANDLE, size=1)
    for way, escaped in (("UTF-8", False), ("backslash escapes", True)):
        error = patient.endpoint.ask("snapshot", {"cache": _HANDLE}, escaped).error
        if isinstance(error, ErrorObject):
            said = f"a handle of many kinds of characters is not found again as {way}"
            yield Problem(
                f"{said}: {_said(error)}",
                "read stdin as UTF-8 and JSON's \\u escapes, surrogate pairs included",
            )


def large(patient: Patient) -> Iterator[Problem]:
    """Far more than a pipe holds, in both directions."""
    patient.ask("new", cache="c", size=2)
    data = bytes(range(256)) * (patient.limits.large // 256)
    try:
        yield from _kept(patient, Tensor("uint8", (1, len(data)), data))
    except BackendHung as trouble:
        doing = patient.doing
        patient.drop()
        yield Problem(f"{doing} of {len(data)} bytes: {trouble}", fixes.LARGE, "hang")


def _kept(patient: Patient, put: Tensor) -> Iterator[Problem]:
    """Put a tensor into slot 1 of c and compare what comes back."""
    name = f"{put.dtype}{list(put.shape)}"
    error = patient.error("set", cache="c", slot=1, value=put)
    if error is not None:
        whose = "the implementation" if error.code == OPERATION_REFUSED else "the adapter"
        yield Problem(
            f"set of {name}: {whose} refused it: {_said(error)}",
            "take every dtype and shape of MLX; slots hold whatever is put into them",
        )
        return
    answer = patient.ask("get", cache="c", slot=1)
    if isinstance(answer.error, ErrorObject):
        yield Problem(f"get of {name}: {_said(answer.error)}", FIXES[Violation.MALFORMED_TENSOR])
        return
    got = from_wire(answer.result)
    if not isinstance(got, Tensor):
        yield Problem(f"get of {name} gave {_said(got)}", FIXES[Violation.MALFORMED_TENSOR])
        return
    if got.shape != put.shape:
        yield Problem(
            f"{name} came back with the shape {list(got.shape)}",
            "keep the shape: [] is a single number, and an axis may have no elements",
        )
        return
    why = tensor.deviation(put, got)
    if why:
        yield Problem(
            f"{name} did not come back as it was put: {why.words()}",
            "move the bytes as they are, never through floats or decimal text",
        )


def _said(value: Any) -> str:
    if isinstance(value, ErrorObject):
        return f"error {value.code}: {value.message}"
    return values.words(value)


_KEPT = ("start", "quiet", "restart", "slots")

SLOTS = Check("slots", "a tensor put into a slot comes back", slots, _KEPT[:-1])
VALUE_CHECKS = (
    Check("malformed-tensors", "what is no tensor is error -32602", malformed, _KEPT),
    Check("dtypes", "every dtype comes back bit for bit", dtypes, _KEPT),
    Check("shapes", "every shape comes back, rank 0 and empty axes included", shapes, _KEPT),
    Check("snapshot", "a snapshot shows all of a cache", snapshot, _KEPT),
    Check("text", "text of any kind arrives as it was sent", text, (*_KEPT, "snapshot")),
    Check("large", "messages of megabytes go both ways", large, _KEPT),
)
