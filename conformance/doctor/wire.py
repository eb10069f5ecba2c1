"""Asking an adapter one thing at a time, and saying precisely what is wrong with its answer.

The suite's own transport stops at the first thing that it cannot read. Here the same line is taken
apart in stages, so that each way to get it wrong has a name, and a text that says what to change.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec
import psutil

from conformance import __version__
from conformance.engine.plan import Call
from conformance.transport import lines
from conformance.transport.backend import (
    ProtocolViolation,
    from_wire,
    to_wire,
)
from conformance.transport.channel import Channel
from conformance.transport.in_process import InProcessBackend
from conformance.transport.messages import (
    ADAPTER_BUG,
    INVALID_ARGUMENTS,
    OPERATION_REFUSED,
    PROTOCOL_VERSION,
    UNKNOWN_CACHE,
    UNKNOWN_OPERATION,
    ErrorData,
    ErrorObject,
    Handshake,
    Request,
    Response,
)

CODES = {OPERATION_REFUSED, UNKNOWN_CACHE, UNKNOWN_OPERATION, INVALID_ARGUMENTS, ADAPTER_BUG}
AFTER = "after its answer"
_SHOWN = 120


@dataclass(frozen=True)
class Limits:
    """Seconds for starting, answering, ending and keeping quiet; bytes of the large tensor."""

    start: float = 60.0
    answer: float = 10.0
    shutdown: float = 5.0
    quiet: float = 0.2
    large: int = 4 << 20


class Fault(ProtocolViolation):
    """An answer that the protocol does not allow; `cause` names the way in which it is wrong."""

    def __init__(self, cause: str, text: str) -> None:
        super().__init__(text)
        self.cause = cause


@dataclass(frozen=True)
class Ending:
    """How a process ended after it was told to: None if it had to be ended by force."""

    code: int | None
    fault: Fault | None  # of what it said about it
    left: tuple[str, ...]  # command lines of what it left running


class Probe:
    """A process under examination. Whatever is wrong with an answer ends it, as in a real run."""

    def __init__(self, command: Sequence[str], limits: Limits) -> None:
        self.limits = limits
        self.doing = "initialize"  # the question, for words about its answer
        self._next_id = 1
        self._channel = Channel(command)
        try:
            self.handshake = self._shake_hands()
            self._channel.limit_memory()
        except BaseException:
            self.close()
            raise

    def ask(self, method: str, params: dict[str, Any], plain_ascii: bool = False) -> Response:
        """One request in one line. With `plain_ascii`, text travels as JSON's backslash escapes."""
        request = Request(self._number(), method, to_wire(params))
        line = json.dumps(msgspec.to_builtins(request)).encode() + b"\n" if plain_ascii else None
        return self._asked([request], self.limits.answer, line)[0]

    def ask_as(self, number: int, method: str) -> Response:
        """One request without parameters under a given id."""
        return self._asked([Request(number, method)], self.limits.answer)[0]

    def ask_together(self, calls: Sequence[Call]) -> list[Response]:
        """Several requests as a list in one line."""
        requests = [Request(self._number(), c.op, to_wire(c.arguments)) for c in calls]
        return self._asked(requests, self.limits.answer)

    def ask_ahead(self, calls: Sequence[Call]) -> list[Response]:
        """Several requests, each in a line of its own, sent before the first answer is read."""
        requests = [Request(self._number(), c.op, to_wire(c.arguments)) for c in calls]
        message = b"".join(msgspec.json.encode(request) + b"\n" for request in requests)
        self.doing = f"{len(requests)} requests in as many lines"
        with self._channel.ended_by_trouble():
            self._channel.send(message)
            lines = [self._read_line(self.limits.answer) for _ in requests]
            _check_order(requests, [_parsed(line) for line in lines])
            responses = [_decoded(*pair) for pair in zip(lines, requests, strict=True)]
        return responses

    def keep_quiet(self, seconds: float) -> None:
        """Fault if it writes without being asked, crash if it ends; waits `seconds` for that."""
        self.doing = AFTER
        with self._channel.ended_by_trouble():
            if said := self._channel.listen(seconds):
                raise Fault("unasked", f"it wrote to stdout without being asked: {_shown(said)}")

    def end(self, tell: bool) -> Ending:
        """Tell it to shut down, or close its input, and see how it ends and what it leaves."""
        request = Request(self._number(), "shutdown")
        if tell:
            self._channel.send_last(lines.encode([request]))
        else:
            self._channel.close_input()
        code = self._channel.wait(self.limits.shutdown)
        said = self._channel.last_words()
        # What it started may be ending at this moment, as it should.
        deadline = time.monotonic() + self.limits.quiet
        while (left := self._channel.started()) and time.monotonic() < deadline:
            time.sleep(0.01)
        names = tuple(sorted(_command_line(one) for one in left))
        for one in left:
            with contextlib.suppress(psutil.Error):
                one.kill()
        self._channel.close()
        return Ending(code, _last_words(said, request), names)

    def close(self) -> None:
        """End the process and all that it started, the way a run does."""
        self._channel.close(last_line=lines.encode([Request(0, "shutdown")]))

    # ------------------------------------------------------------------ one exchange

    def _number(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _asked(
        self, requests: Sequence[Request], seconds: float, line: bytes | None = None
    ) -> list[Response]:
        with self._channel.ended_by_trouble():
            self.keep_quiet(0)
            batch = f"a list of {len(requests)} requests"
            self.doing = requests[0].method if len(requests) == 1 else batch
            self._channel.send(line or lines.encode(requests))
            answer = self._read_line(seconds)
            if len(requests) == 1:
                responses = [_decoded(answer, requests[0])]
            elif self._channel.unread and isinstance(_parsed(answer), dict):
                raise Fault("batch", f"{batch} was answered in more than one line")
            else:
                responses = _decoded_list(answer, requests)
            if more := self._channel.unread:
                said = _shown(more)
                raise Fault("lines", f"one line was answered with more; what follows: {said}")
            return responses

    def _shake_hands(self) -> Handshake:
        client = {"name": "mlx-cache-conformance", "version": __version__}
        params = {"protocol": PROTOCOL_VERSION, "client": client}
        request = Request(self._number(), "initialize", params)
        (response,) = self._asked([request], self.limits.start)
        if isinstance(response.error, ErrorObject):
            error = response.error
            raise Fault("handshake", f"initialize: error {error.code}: {error.message}")
        return lines.handshake_of(response.result)

    def _read_line(self, seconds: float) -> bytes:
        try:
            return self._channel.read_line(seconds)
        except ProtocolViolation as error:
            raise Fault("length", str(error)) from None


class Local:
    """A backend in this process, asked as a process would be: errors by the codes of the wire."""

    def __init__(self, backend: InProcessBackend) -> None:
        self._backend = backend
        self.doing = "initialize"
        self.handshake: Handshake = backend.handshake

    def ask(self, method: str, params: dict[str, Any], plain_ascii: bool = False) -> Response:
        """One operation; what it raises is an error response."""
        from conformance.transport import adapter

        self.doing = method
        try:
            result = self._backend.perform(method, to_wire(params))
        except tuple(adapter.CODES) as error:
            return _failed(adapter.CODES[type(error)], error)
        except Exception as error:
            said = adapter.refusal(error)
            return _failed(OPERATION_REFUSED, error, ErrorData(said["kind"], said["payload"]))
        _check_result(method, result)
        return Response("2.0", 0, result)

    def close(self) -> None:
        """Forget its caches."""
        self._backend.close()


# ---------------------------------------------------------------------- reading an answer


def _failed(code: int, error: Exception, data: ErrorData | None = None) -> Response:
    return Response("2.0", 0, error=ErrorObject(code, str(error), data))


def _decoded(line: bytes, request: Request) -> Response:
    message = _parsed(line)
    if isinstance(message, list):
        raise Fault("batch", f"one request was answered with a list; got: {_shown(line)}")
    _check_envelope(message, request)
    _check_id(message, request)
    return _strictly(line, [request])[0]


def _last_words(said: bytes, request: Request) -> Fault | None:
    """What is wrong with the answer to a shutdown; there need not be any."""
    line, _, more = said.partition(b"\n")
    try:
        if line:
            _decoded(line, request)
        if more:
            raise Fault("lines", f"shutdown was answered with more than a line: {_shown(more)}")
    except Fault as fault:
        return fault
    return None


def _decoded_list(line: bytes, requests: Sequence[Request]) -> list[Response]:
    messages = _parsed(line)
    got = f"got: {_shown(line)}"
    if not isinstance(messages, list):
        raise Fault("batch", f"a list of {len(requests)} requests was not answered by one; {got}")
    if len(messages) != len(requests):
        said = f"{len(requests)} requests in a list, {len(messages)} responses; {got}"
        raise Fault("batch", said)
    for message, request in zip(messages, requests, strict=True):
        _check_envelope(message, request)
    _check_order(requests, messages)
    for message, request in zip(messages, requests, strict=True):
        _check_id(message, request)
    return _strictly(line, requests)


def _strictly(line: bytes, requests: Sequence[Request]) -> list[Response]:
    """The suite's own reading, so that nothing passes here that a run would not take."""
    try:
        responses = lines.decode(line, requests)
        for response, request in zip(responses, requests, strict=True):
            if not isinstance(response.error, ErrorObject):
                _check_result(request.method, response.result)
    except Fault:
        raise
    except ProtocolViolation as error:
        raise Fault("kind" if "$.error" in str(error) else "envelope", str(error)) from None
    for response, request in zip(responses, requests, strict=True):
        if isinstance(response.error, ErrorObject):
            _check_error(response.error, request)
    return responses


def _parsed(line: bytes) -> Any:
    got = f"got: {_shown(line)}"
    if line.strip() in (b"{", b"["):
        raise Fault("lines", "a response is broken over several lines")
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError as error:
        raise Fault("utf-8", f"byte {error.start} of a line is not UTF-8; {got}") from None
    except RecursionError:
        raise Fault("depth", f"a message is nested too deep to be read; {got}") from None
    except _NoNumber as error:
        raise Fault("number", f"JSON has no {error}; {got}") from None
    except ValueError as error:
        raise Fault("stdout", f"a line on stdout is no JSON ({error}); {got}") from None


class _NoNumber(Exception):
    """NaN, Infinity or -Infinity as a literal."""


def _no_number(literal: str) -> NoReturn:
    raise _NoNumber(literal)


def _check_envelope(message: Any, request: Request) -> None:
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or "id" not in message:
        shown = _shown(json.dumps(message).encode())
        raise Fault("envelope", f"{request.method}: not a JSON-RPC 2.0 response: {shown}")
    if "result" not in message and "error" not in message:
        raise Fault("envelope", f"{request.method}: neither result nor error in the response")
    if "error" in message and message.get("result") is not None:
        raise Fault("envelope", f"{request.method}: both result and error in the response")


def _check_order(requests: Sequence[Request], messages: Sequence[Any]) -> None:
    asked = [request.id for request in requests]
    given = [message.get("id") if isinstance(message, dict) else None for message in messages]
    if given != asked and sorted(map(str, given)) == sorted(map(str, asked)):
        raise Fault("order", f"requests {asked} were answered in the order {given}")


def _check_id(message: dict[str, Any], request: Request) -> None:
    if type(message["id"]) is int and message["id"] == request.id:
        return
    shown = json.dumps(message["id"])
    error = message.get("error")
    said = f"; its error: {error.get('message')}" if isinstance(error, dict) else ""
    text = f"the response to request {request.id} ({request.method}) carries id {shown}{said}"
    raise Fault("id", text)


def _check_error(error: ErrorObject, request: Request) -> None:
    said = f"{request.method}: error {error.code}"
    if error.code not in CODES:
        raise Fault("code", f"{said} is not one of the protocol's: {error.message}")
    if error.code == OPERATION_REFUSED and (error.data is None or not error.data.kind):
        raise Fault("kind", f"{said} without data.kind: {error.message}")


def _check_result(method: str, result: Any) -> None:
    """What the suite makes of a result; Fault where it can make nothing of it."""
    try:
        if method == "snapshot":
            lines.check_snapshot(result)
    except ProtocolViolation as error:
        raise Fault("snapshot", str(error)) from None
    try:
        from_wire(result)
    except ProtocolViolation as error:
        cause = "depth" if "nested" in str(error) else "tensor"
        raise Fault(cause, f"{method}: {error}") from None


def _shown(raw: bytes) -> str:
    return " ".join(raw[:_SHOWN].decode("utf-8", "replace").split())


def _command_line(one: psutil.Process) -> str:
    try:
        words = one.cmdline() or [one.name()]
    except psutil.Error:
        words = []
    return f"{' '.join(words)[:_SHOWN]} (process {one.pid})"
