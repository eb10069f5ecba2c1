"""Checks of what travels in a kind: tensors bit for bit, handles, messages of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from conformance import tensor, values
from conformance.calls import Call
from conformance.doctor import fixes
from conformance.doctor.coding import wrong_code
from conformance.doctor.examine import Check, Problem
from conformance.doctor.fixes import FIXES
from conformance.doctor.patient import NotHere, Patient
from conformance.engine.doctoring import Doctoring, Named, TensorAccess
from conformance.engine.kind import DEFAULT_CACHE, Kind
from conformance.engine.operation import RECEIVER, Space
from conformance.engine.session import RESET
from conformance.tensor import Tensor
from conformance.transport.backend import BackendHung, from_wire
from conformance.transport.causes import Violation
from conformance.transport.messages import (
    INVALID_ARGUMENTS,
    OPERATION_REFUSED,
    UNKNOWN_CACHE,
    ErrorObject,
)

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


class KindChecks:
    """Asks one kind."""

    def __init__(self, kind: Kind) -> None:
        assert kind.doctoring is not None
        self._kind = kind
        self._doctoring: Doctoring = kind.doctoring

    def basics(self, patient: Patient) -> Iterator[Problem]:
        """The least that a case needs: a cache, and a tensor put into it and read back."""
        access = self._doctoring.access
        needed = [self._made[0]] if access is None else [self._made[0], access.get[0]]
        needed += [] if access is None else [access.put(_elements("uint8"))[0]]
        patient.need(*(self._kind.operations[name].wire for name in needed))
        error = patient.error_of(self._kind, self._made)
        if error is not None:
            name = self._made[0]
            yield Problem(
                f"{_spelled(self._made)}: error {error.code}: {error.message}",
                f"{name} makes a cache under a handle; {self._kind.operations[name].result}",
            )
            return
        if access is None:
            return
        put = Tensor("float32", (1, 2), bytes.fromhex("0000803f00000040"))
        yield from self._kept(patient, access, put)
        answer = patient.ask_of(self._kind, access.unset)
        if answer.result is not None:
            got = _said(answer.error if isinstance(answer.error, ErrorObject) else answer.result)
            what = access.unset_words
            yield Problem(f"{access.unset[0]} of {what} gave {got}", f"{what} is null")

    def unknown_handle(self, patient: Patient) -> Iterator[Problem]:
        """A handle that nothing made is not the implementation's affair."""
        asked: list[Named] = [(self._kind.look.name, {})]
        if self._doctoring.access is not None:
            asked.append(self._doctoring.access.unset)
        declared = [one for one in asked if self._wire(one) in patient.capabilities]
        if not declared:
            either = " nor ".join(self._wire(one) for one in asked)
            raise NotHere(f"the handshake declares neither {either}")
        for name, arguments in declared:
            what = f"{name} of a cache that was never made"
            request = {**arguments, RECEIVER.field: "nobody"}
            wire = self._wire((name, {}))
            yield from wrong_code(patient, UNKNOWN_CACHE, what, wire, **request)

    def missing_argument(self, patient: Patient) -> Iterator[Problem]:
        """A request that lacks what it needs never reaches the implementation."""
        patient.need(*(self._wire(one) for one in self._doctoring.lacking))
        patient.ask_of(self._kind, self._made)
        for one in self._doctoring.lacking:
            what = f"{one[0]} with only {', '.join(one[1])}"
            yield from wrong_code(patient, INVALID_ARGUMENTS, what, self._wire(one), **one[1])

    def malformed(self, patient: Patient) -> Iterator[Problem]:
        """What is not a tensor never reaches the implementation."""
        access = self._access(patient)
        for what, value in _MALFORMED:
            error = patient.error_of(self._kind, access.put(value))
            if error is None:
                yield Problem(f"a tensor with {what} was accepted", "refuse it with error -32602")
            elif error.code != INVALID_ARGUMENTS:
                text = f"a tensor with {what} was refused with code {error.code} ({error.message})"
                yield Problem(text, "refuse it with -32602, before the implementation sees it")

    def dtypes(self, patient: Patient) -> Iterator[Problem]:
        """Every dtype, in patterns that only exact bits survive."""
        access = self._access(patient)
        for dtype in tensor.DTYPES:
            yield from self._kept(patient, access, _elements(dtype))

    def shapes(self, patient: Patient) -> Iterator[Problem]:
        """No axes, axes without elements, many axes."""
        access = self._access(patient)
        for shape in _SHAPES:
            whole = Tensor("float32", shape, b"")
            put = Tensor("float32", shape, bytes(range(24))[: 4 * whole.size])
            yield from self._kept(patient, access, put)

    def example(self, patient: Patient) -> Iterator[Problem]:
        """A snapshot shows what is set, and says what is unset."""
        look, example = self._kind.look, self._doctoring.example
        patient.need(look.wire)
        for one in example.calls:
            patient.ask_of(self._kind, one)
        answer = patient.ask(look.wire, cache=DEFAULT_CACHE)
        if isinstance(answer.error, ErrorObject):
            fix = FIXES[Violation.MALFORMED_RESULT]
            yield Problem(f"{look.name}: {_said(answer.error)}", fix)
            return
        seen = from_wire(answer.result)
        for key, value in example.shown.items():
            if seen[key] != value:
                text = f"{key} is {values.words(seen[key])} instead of {values.words(value)}"
                yield Problem(f"{example.words}: {text}", FIXES[Violation.MALFORMED_RESULT])
        label = example.label
        if label is not None and not (isinstance(seen[label], str) and seen[label]):
            yield Problem(
                f"{label} is {seen[label]!r}",
                "give the label under which a file keeps this cache, such as ArraysCache",
            )

    def in_lists(self, patient: Patient) -> Iterator[Problem]:
        """In a list, an answer shows what was true when its request was carried out."""
        looks: list[Named] = [(self._kind.look.name, {RECEIVER.field: DEFAULT_CACHE})]
        asked = list(self._doctoring.example.calls)
        changes: list[Named] = [self._doctoring.overwrite] if self._doctoring.overwrite else []
        if self._doctoring.access is not None:
            looks.append(self._doctoring.access.get)
            changes.append(self._doctoring.access.put(_elements("uint8")))
        for change in changes:
            if self._wire(change) in patient.capabilities:
                asked += [*looks, change]
        asked = [one for one in (*asked, *looks) if self._wire(one) in patient.capabilities]
        alone = [patient.ask_of(self._kind, one) for one in asked]
        patient.ask(RESET.wire)
        calls = [Call(self._wire(one), one[1]) for one in asked]
        for one, apart, listed in zip(asked, alone, patient.probe.ask_together(calls), strict=True):
            if apart.result != listed.result:
                name = one[0]
                yield Problem(
                    f"in a list, {name} answers otherwise than alone: it shows what a later "
                    f"request of the list did",
                    "encode each answer of a list when its request is carried out, not at the end",
                )
                return

    def held(self, patient: Patient) -> Iterator[Problem]:
        """Names of held objects are as handles are; what is not there is held as null."""
        hold = self._doctoring.hold_unset
        assert hold is not None
        held = next(
            operation.wire for operation in self._kind.operations.values()
            if any(handle.space is Space.HELD for handle in operation.reads)
        )  # fmt: skip
        patient.need(self._wire(hold), held)
        what = "held of a name that nothing holds"
        yield from wrong_code(patient, UNKNOWN_CACHE, what, held, name="nobody")
        patient.ask_of(self._kind, self._made)
        error = patient.error_of(self._kind, hold)
        answer = patient.ask(held, name=hold[1]["name"])
        if error is not None or isinstance(answer.error, ErrorObject) or answer.result is not None:
            got = _said(error or answer.error or answer.result)
            text = f"{hold[0]} of {hold[1]['what']} that are not there, then held: {got}"
            yield Problem(text, "hold what is there, also if that is nothing: held gives null")

    def null_in_list(self, patient: Patient) -> Iterator[Problem]:
        """It is stored at its place, or refused; a list that is shorter is another state."""
        asked, look = self._doctoring.null, self._kind.look.wire
        assert asked is not None
        patient.need(self._wire(asked.call), look)
        for one in self._doctoring.example.calls:
            patient.ask_of(self._kind, one)
        before = from_wire(patient.ask(look, cache=DEFAULT_CACHE).result)
        error = patient.error_of(self._kind, asked.call)
        after = from_wire(patient.ask(look, cache=DEFAULT_CACHE).result)
        name = f"{asked.call[0]} of a list with a null"
        fix = "store the null at its place, or refuse the whole list with error 1 or -32602"
        if error is None:
            for key, value in asked.shown.items():
                if after[key] != value:
                    text = f"{key} is {values.words(after[key])} instead of {values.words(value)}"
                    yield Problem(f"{name} was accepted, and then {text}", fix)
                    return
        elif error.code not in (OPERATION_REFUSED, INVALID_ARGUMENTS):
            yield Problem(f"{name} was answered with {_said(error)}", fix)
        elif after != before:
            yield Problem(f"{name} was refused, and changed the cache", fix)

    def text(self, patient: Patient) -> Iterator[Problem]:
        """The same text, as UTF-8 and as JSON's escapes, names the same handle."""
        look = self._kind.look.wire
        patient.need(look)
        if patient.in_process:
            raise NotHere("text is not encoded in this process")
        patient.ask_of(self._kind, self._doctoring.make(_HANDLE))
        for way, escaped in (("UTF-8", False), ("backslash escapes", True)):
            error = patient.endpoint.ask(look, {RECEIVER.field: _HANDLE}, escaped).error
            if isinstance(error, ErrorObject):
                said = f"a handle of many kinds of characters is not found again as {way}"
                yield Problem(
                    f"{said}: {_said(error)}",
                    "read stdin as UTF-8 and JSON's \\u escapes, surrogate pairs included",
                )

    def large(self, patient: Patient) -> Iterator[Problem]:
        """Far more than a pipe holds, in both directions."""
        access = self._access(patient)
        data = bytes(range(256)) * (patient.limits.large // 256)
        try:
            yield from self._kept(patient, access, Tensor("uint8", (1, len(data)), data))
        except BackendHung as trouble:
            doing = patient.doing
            patient.drop()
            yield Problem(f"{doing} of {len(data)} bytes: {trouble}", fixes.LARGE, "hang")

    # ------------------------------------------------------------------ parts

    @property
    def _made(self) -> Named:
        return self._doctoring.make(DEFAULT_CACHE)

    def _wire(self, named: Named) -> str:
        return self._kind.operations[named[0]].wire

    def _access(self, patient: Patient) -> TensorAccess:
        """The way of a tensor, with a cache made for it."""
        if self._doctoring.access is None:
            raise NotHere(f"a cache of {self._kind.name} gives back no tensor as it was put")
        patient.ask_of(self._kind, self._made)
        return self._doctoring.access

    def _kept(self, patient: Patient, access: TensorAccess, put: Tensor) -> Iterator[Problem]:
        """Put a tensor into the cache and compare what comes back."""
        name = f"{put.dtype}{list(put.shape)}"
        asked = access.put(put)
        error = patient.error_of(self._kind, asked)
        if error is not None:
            whose = "the implementation" if error.code == OPERATION_REFUSED else "the adapter"
            yield Problem(
                f"{asked[0]} of {name}: {whose} refused it: {_said(error)}",
                "take every dtype and shape of MLX; a cache holds whatever is put into it",
            )
            return
        answer = patient.ask_of(self._kind, access.get)
        doing, fix = access.get[0], FIXES[Violation.MALFORMED_TENSOR]
        if isinstance(answer.error, ErrorObject):
            yield Problem(f"{doing} of {name}: {_said(answer.error)}", fix)
            return
        got = from_wire(answer.result)
        if not isinstance(got, Tensor):
            yield Problem(f"{doing} of {name} gave {_said(got)}", fix)
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


def _spelled(named: Named) -> str:
    """An operation as a reader writes it; which handle it has does not matter."""
    name, arguments = named
    shown = (k if k == RECEIVER.field else f"{k}={values.words(v)}" for k, v in arguments.items())
    return f"{name}({', '.join(shown)})"


def _said(value: Any) -> str:
    if isinstance(value, ErrorObject):
        return f"error {value.code}: {value.message}"
    return values.words(value)


_ALIVE = ("start", "quiet", "restart")


def checks_of_kind(kind: Kind, prefix: str = "") -> tuple[Check, ...]:
    """The checks of one kind. The first is called as the kind, the others have a prefix."""
    asked, look = KindChecks(kind), kind.look.name

    def check(
        name: str, says: str, ask: Callable[[Patient], Iterable[Problem]], *more: str
    ) -> Check:
        return Check(prefix + name, says, ask, (*_ALIVE, kind.name, *more))

    general = (
        Check(kind.name, "a tensor put into a cache comes back", asked.basics, _ALIVE),
        check("unknown-handle", "an unknown handle is error 2", asked.unknown_handle),
        check("missing-argument", "a missing argument is error -32602", asked.missing_argument),
        check(look, f"a {look} shows all of a cache", asked.example),
        check("text", "text of any kind arrives as it was sent", asked.text, prefix + look),
    )
    if prefix and not (kind.doctoring and kind.doctoring.access):
        return general  # the first kind says so, the others need not repeat it
    says = "an answer in a list shows what was true at its place in the list"
    needs = (*_ALIVE, "lists", kind.name, prefix + look)
    found = "what is held by a name is found by it, or is error 2"
    holding = (
        (check("held-objects", found, asked.held, f"{prefix}unknown-handle"),)
        if kind.doctoring and kind.doctoring.hold_unset
        else ()
    )
    listing = (
        (check("null-in-a-list", "a null in a list of tensors is stored or refused",
               asked.null_in_list, prefix + look),)
        if kind.doctoring and kind.doctoring.null
        else ()
    )  # fmt: skip
    return (
        *general,
        *holding,
        *listing,
        Check(f"{prefix}answers-in-lists", says, asked.in_lists, needs, process=True),
        check("malformed-tensors", "what is not a tensor is error -32602", asked.malformed),
        check("dtypes", "every dtype comes back bit for bit", asked.dtypes),
        check("shapes", "every shape comes back, rank 0 and empty axes included", asked.shapes),
        check("large", "messages of megabytes go both ways", asked.large),
    )
