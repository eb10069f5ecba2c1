"""Lines of the wire protocol: requests as they are sent, responses as they may come back.

Every ProtocolViolation is for the adapter's author: what was wrong, and what the line began with.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from conformance.calls import Refused, Reply, Returned
from conformance.transport.backend import (
    ProtocolViolation,
    ResultProblem,
    from_wire,
)
from conformance.transport.causes import Violation
from conformance.transport.messages import (
    ADAPTER_BUG,
    INVALID_ARGUMENTS,
    OPERATION_REFUSED,
    PROTOCOL_VERSION,
    UNKNOWN_CACHE,
    UNKNOWN_OPERATION,
    ErrorObject,
    Handshake,
    Request,
    Response,
)
from conformance.transport.tolerance import as_meant, handshake_as_meant, without_mark
from conformance.values import RepeatedText

# Errors that speak of the adapter, where its handshake promised otherwise.
FAILURES = {
    UNKNOWN_OPERATION: Violation.DECLARED_BUT_UNKNOWN,
    INVALID_ARGUMENTS: Violation.ARGUMENTS_NOT_TAKEN,
    ADAPTER_BUG: Violation.ADAPTER_FAILED,
}
_MEANINGS = {
    Violation.DECLARED_BUT_UNKNOWN: "it denies an operation that its handshake declares",
    Violation.ARGUMENTS_NOT_TAKEN: "it does not take these arguments",
    Violation.ADAPTER_FAILED: "it could not put the implementation's result on the wire",
}


def shown(raw: bytes) -> str:
    """The beginning of what was written, for a reader."""
    return raw[:120].decode("utf-8", "replace").rstrip()


def encode(requests: Sequence[Request]) -> bytes:
    """One line: a request, or the list of several."""
    return msgspec.json.encode(requests[0] if len(requests) == 1 else requests) + b"\n"


@dataclass(frozen=True)
class Message:
    """A line to be sent: its bytes, in as many pieces as it takes to hold only one at a time."""

    size: int
    pieces: Iterable[bytes]


def message(requests: Sequence[Request]) -> Message:
    """As `encode`; repeated texts among the arguments are made when they are written."""
    marks: dict[bytes, RepeatedText] = {}

    def mark(value: Any) -> str:
        if not isinstance(value, RepeatedText):
            raise NotImplementedError(f"{type(value).__name__} has no form on the wire")
        name = uuid.uuid4().hex  # cannot stand anywhere else in the line
        marks[name.encode()] = value
        return name

    value = requests[0] if len(requests) == 1 else requests
    line = msgspec.json.encode(value, enc_hook=mark) + b"\n"
    if not marks:
        return Message(len(line), (line,))
    parts = re.split(b"(" + b"|".join(marks) + b")", line)
    size = sum(_size(marks[part]) if part in marks else len(part) for part in parts)
    return Message(size, _pieces(parts, marks))


def _pieces(parts: Sequence[bytes], marks: Mapping[bytes, RepeatedText]) -> Iterator[bytes]:
    for part in parts:
        if part in marks:
            yield from map(_inside, marks[part].pieces())
        else:
            yield part


def _inside(text: str) -> bytes:
    """A text as it stands between the quotes of a JSON string."""
    return msgspec.json.encode(text)[1:-1]


def _size(text: RepeatedText) -> int:
    return len(_inside(text.unit)) * text.times + len(_inside(text.end))


def handshake_of(value: Any) -> Handshake:
    """The result of `initialize`, checked; ProtocolViolation says what is wrong with it."""
    try:
        handshake = msgspec.convert(handshake_as_meant(value)[0], Handshake)
    except msgspec.ValidationError as error:
        raise ProtocolViolation(
            Violation.MALFORMED_HANDSHAKE, f"the result of initialize is not a handshake: {error}"
        ) from None
    if handshake.protocol != PROTOCOL_VERSION:
        raise ProtocolViolation(
            Violation.OTHER_PROTOCOL,
            f"the backend speaks protocol {handshake.protocol}, this suite {PROTOCOL_VERSION}",
        )
    return handshake


def decode(line: bytes, requests: Sequence[Request]) -> list[Response]:
    """The responses to `requests` in a line; ProtocolViolation says why it holds none."""
    batch = len(requests) > 1
    line, _ = without_mark(line)
    got = f"got: {shown(line)}"
    responses: list[Response]
    try:
        responses = _responses(line, batch)
    except RecursionError:
        raise _too_deep(line) from None
    except msgspec.ValidationError as error:
        # Of a line that begins with a bracket no more than that was looked at.
        cause = _why_no_response(_parsed(line), len(requests))
        if cause is Violation.NO_LIST:
            text = f"{len(requests)} requests came as a list in one line; answer likewise"
        else:
            text = f"not a JSON-RPC 2.0 response: {error}"
        raise ProtocolViolation(cause, f"{text}; {got}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _no_json(line, error) from None
    if len(responses) != len(requests):
        raise ProtocolViolation(
            Violation.WRONG_COUNT, f"{len(requests)} requests, {len(responses)} responses; {got}"
        )
    for request, response in zip(requests, responses, strict=True):
        if response.id != request.id:
            what = f"the response to request {request.id} ({request.method}) carries id"
            said = "" if isinstance(response.error, msgspec.UnsetType) else response.error.message
            raise ProtocolViolation(
                Violation.WRONG_ID,
                f"{what} {response.id}; answer in order, with the request's id"
                + (f"; its error: {said}" if said else ""),
            )
    return responses


def _responses(line: bytes, batch: bool) -> list[Response]:
    """The responses in a line, as they are meant. msgspec's errors are of what the line says."""
    try:
        if batch:
            return msgspec.json.decode(line, type=list[Response])
        return [msgspec.json.decode(line, type=Response)]
    except msgspec.ValidationError:
        message, odd = as_meant(_parsed(line))
        if not odd:
            raise
        return msgspec.convert(message if batch else [message], list[Response])


def _parsed(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except RecursionError:
        raise _too_deep(line) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _no_json(line, error) from None


def _too_deep(line: bytes) -> ProtocolViolation:
    text = f"a message is nested too deep; got: {shown(line)}"
    return ProtocolViolation(Violation.NESTED_TOO_DEEP, text)


def _why_no_response(message: Any, count: int) -> Violation:
    """What keeps a line of JSON from being the response to so many requests."""
    if isinstance(message, dict) and count > 1:
        return Violation.NO_LIST
    if isinstance(message, list) and count == 1:
        return Violation.LIST_FOR_ONE
    for one in message if isinstance(message, list) else [message]:
        if isinstance(one, dict) and "error" in one:
            try:
                msgspec.convert(one["error"], ErrorObject)
            except msgspec.ValidationError:
                return Violation.MALFORMED_ERROR
    return Violation.NOT_A_RESPONSE


def _no_json(line: bytes, error: Exception) -> ProtocolViolation:
    cause = _why_no_json(line)
    hint = " (JSON has no NaN and no Infinity)" if cause is Violation.NAN_OR_INFINITY else ""
    return ProtocolViolation(
        cause,
        f"stdout must carry one JSON-RPC response a line and nothing else: {error}{hint}; "
        f"got: {shown(line)}",
    )


def _why_no_json(line: bytes) -> Violation:
    literals: list[str] = []
    try:
        json.loads(line.decode("utf-8"), parse_constant=literals.append)
    except UnicodeDecodeError:
        return Violation.NOT_UTF8
    except (ValueError, RecursionError):
        return Violation.NOT_JSON
    return Violation.NAN_OR_INFINITY if literals else Violation.NOT_JSON


def reply(request: Request, response: Response, problem: ResultProblem) -> Reply:
    """What a response says of the implementation; ProtocolViolation if it speaks of the adapter."""
    error = response.error
    if isinstance(error, msgspec.UnsetType):
        if response.result is msgspec.UNSET:
            raise ProtocolViolation(
                Violation.MISSING_RESULT,
                f"{request.method}: neither result nor error in the response",
            )
        check_result(request.method, response.result, problem)
        return Returned(from_wire(response.result))
    if response.result is not msgspec.UNSET and response.result is not None:
        raise ProtocolViolation(
            Violation.RESULT_AND_ERROR,
            f"{request.method}: both result and error in the response",
        )
    if error.code == OPERATION_REFUSED:
        if error.data is None:
            text = f"error {error.code} without data.kind: {error.message}"
            raise ProtocolViolation(Violation.MISSING_KIND, f"{request.method}: {text}")
        return Refused(error.data.kind, error.message, error.data.payload)
    if error.code == UNKNOWN_CACHE:
        return Refused("UnknownCache", error.message)
    cause = FAILURES.get(error.code, Violation.UNKNOWN_CODE)
    meaning = _MEANINGS.get(cause, f"error code {error.code} is not one of the protocol's")
    raise ProtocolViolation(cause, f"{request.method}: {meaning}: {error.message}")


def check_result(method: str, result: Any, problem: ResultProblem) -> None:
    """ProtocolViolation where a result is not of the form that its operation has."""
    found = problem(method, result)
    if found is not None:
        raise ProtocolViolation(Violation.MALFORMED_RESULT, f"{method}: {found}")
