"""Reading an answer in stages, so that each way to get it wrong has a cause and a precise text.

The suite's own transport stops at the first thing that it cannot read. Here the same line is taken
apart, and read as the suite does at the end: nothing passes that a run would not take.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from conformance.transport import lines
from conformance.transport.backend import ProtocolViolation, ResultProblem, from_wire
from conformance.transport.causes import Oddity, Violation
from conformance.transport.messages import (
    ADAPTER_BUG,
    INVALID_ARGUMENTS,
    OPERATION_REFUSED,
    UNKNOWN_CACHE,
    UNKNOWN_OPERATION,
    ErrorObject,
    Request,
    Response,
)
from conformance.transport.tolerance import as_meant, handshake_as_meant, without_mark

CODES = {OPERATION_REFUSED, UNKNOWN_CACHE, UNKNOWN_OPERATION, INVALID_ARGUMENTS, ADAPTER_BUG}
_SHOWN = 120


def shown(raw: bytes) -> str:
    """The beginning of what was written, on one line."""
    return " ".join(raw[:_SHOWN].decode("utf-8", "replace").split())


def oddities_in(line: bytes, handshake: bool) -> frozenset[Oddity]:
    """What a line that could be read has otherwise than the protocol."""
    bare, found = without_mark(line)
    message = json.loads(bare)
    found |= as_meant(message)[1]
    if handshake:
        found |= handshake_as_meant(message.get("result"))[1]
    return found


class AnswerReader:
    """Reads answers, and judges the shape of results by `problem`."""

    def __init__(self, problem: ResultProblem) -> None:
        self._problem = problem

    def response_in(self, line: bytes, request: Request) -> Response:
        """The response to one request. ProtocolViolation says what is wrong with the line."""
        message = _parsed(line)
        if isinstance(message, list):
            text = f"one request was answered with a list; got: {shown(line)}"
            raise ProtocolViolation(Violation.LIST_FOR_ONE, text)
        _check_envelope(message, request)
        _check_id(message, request)
        return self._strictly(line, [request])[0]

    def responses_in(
        self, line: bytes, requests: Sequence[Request], more: bytes = b""
    ) -> list[Response]:
        """The responses to a list of several requests; `more` is what follows the line."""
        messages = _parsed(line)
        many, got = f"a list of {len(requests)} requests", f"got: {shown(line)}"
        if not isinstance(messages, list):
            text = f"{many} was not answered by one; {got}"
            if more and isinstance(messages, dict):
                text = f"{many} was answered in more than one line"
            raise ProtocolViolation(Violation.NO_LIST, text)
        if len(messages) != len(requests):
            text = f"{len(requests)} requests in a list, {len(messages)} responses; {got}"
            raise ProtocolViolation(Violation.WRONG_COUNT, text)
        for message, request in zip(messages, requests, strict=True):
            _check_envelope(message, request)
        _check_order(requests, messages)
        for message, request in zip(messages, requests, strict=True):
            _check_id(message, request)
        return self._strictly(line, requests)

    def responses_in_order(
        self, answers: Sequence[bytes], requests: Sequence[Request]
    ) -> list[Response]:
        """The responses to as many requests, each in a line of its own."""
        _check_order(requests, [_parsed(line) for line in answers])
        return [self.response_in(*pair) for pair in zip(answers, requests, strict=True)]

    def check_result(self, method: str, result: Any) -> None:
        """What the suite makes of a result; ProtocolViolation where it can make nothing of it."""
        lines.check_result(method, result, self._problem)
        try:
            from_wire(result)
        except ProtocolViolation as error:
            raise ProtocolViolation(error.cause, f"{method}: {error}") from None

    def _strictly(self, line: bytes, requests: Sequence[Request]) -> list[Response]:
        responses = lines.decode(line, requests)
        for response, request in zip(responses, requests, strict=True):
            if isinstance(response.error, ErrorObject):
                _check_error(response.error, request)
            else:
                self.check_result(request.method, response.result)
        return responses


class _NoNumber(Exception):
    """NaN, Infinity or -Infinity as a literal."""


def _no_number(literal: str) -> NoReturn:
    raise _NoNumber(literal)


def _parsed(line: bytes) -> Any:
    got = f"got: {shown(line)}"
    line, _ = without_mark(line)
    if line.strip() in (b"{", b"["):
        text = "a response is broken over several lines"
        raise ProtocolViolation(Violation.BROKEN_LINE, text)
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        cause, text = Violation.NOT_UTF8, f"byte {error.start} of a line is not UTF-8; {got}"
    except RecursionError:
        cause = Violation.NESTED_TOO_DEEP
        text = f"a message is nested too deep to be read; {got}"
    except _NoNumber as error:
        cause, text = Violation.NAN_OR_INFINITY, f"JSON has no {error}; {got}"
    except ValueError as error:
        cause, text = Violation.NOT_JSON, f"a line on stdout is not JSON ({error}); {got}"
    raise ProtocolViolation(cause, text)


def _check_envelope(message: Any, request: Request) -> None:
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or "id" not in message:
        text = f"not a JSON-RPC 2.0 response: {shown(json.dumps(message).encode())}"
        cause = Violation.NOT_A_RESPONSE
    elif "result" not in message and message.get("error") is None:
        cause, text = Violation.MISSING_RESULT, "neither result nor error in the response"
    elif message.get("error") is not None and message.get("result") is not None:
        cause, text = Violation.RESULT_AND_ERROR, "both result and error in the response"
    else:
        return
    raise ProtocolViolation(cause, f"{request.method}: {text}")


def _check_order(requests: Sequence[Request], messages: Sequence[Any]) -> None:
    asked = [request.id for request in requests]
    given = [message.get("id") if isinstance(message, dict) else None for message in messages]
    if given != asked and sorted(map(str, given)) == sorted(map(str, asked)):
        text = f"requests {asked} were answered in the order {given}"
        raise ProtocolViolation(Violation.WRONG_ORDER, text)


def _check_id(message: dict[str, Any], request: Request) -> None:
    if type(message["id"]) is int and message["id"] == request.id:
        return
    error = message.get("error")
    said = f"; its error: {error.get('message')}" if isinstance(error, dict) else ""
    text = f"the response to request {request.id} ({request.method}) carries id"
    raise ProtocolViolation(Violation.WRONG_ID, f"{text} {json.dumps(message['id'])}{said}")


def _check_error(error: ErrorObject, request: Request) -> None:
    said = f"{request.method}: error {error.code}"
    if error.code not in CODES:
        text = f"{said} is not one of the protocol's: {error.message}"
        raise ProtocolViolation(Violation.UNKNOWN_CODE, text)
    if error.code == OPERATION_REFUSED and (error.data is None or not error.data.kind):
        text = f"{said} without data.kind: {error.message}"
        raise ProtocolViolation(Violation.MISSING_KIND, text)
