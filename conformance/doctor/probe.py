"""Asking an adapter one thing at a time: in a process of its own, or in this one."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import psutil

from conformance import __version__
from conformance.calls import Call
from conformance.doctor.reading import AnswerReader, oddities_in, shown
from conformance.patience import START_SECONDS
from conformance.transport.backend import ProtocolViolation, to_wire
from conformance.transport.causes import Oddity, Violation
from conformance.transport.channel import Channel
from conformance.transport.in_process import InProcessBackend
from conformance.transport.lines import encode, handshake_of
from conformance.transport.messages import (
    OPERATION_REFUSED,
    PROTOCOL_VERSION,
    ErrorData,
    ErrorObject,
    Handshake,
    Request,
    Response,
)

AFTER = "after its answer"
_SHOWN = 120


@dataclass(frozen=True)
class Limits:
    """Seconds for starting, answering, ending and keeping quiet; bytes of the large tensor."""

    start: float = START_SECONDS
    answer: float = 10.0
    shutdown: float = 5.0
    quiet: float = 0.2
    large: int = 4 << 20


@dataclass(frozen=True)
class ProcessEnd:
    """How a process ended after it was told to: no code if it had to be ended by force."""

    code: int | None
    violation: ProtocolViolation | None  # of what it said about it
    left: tuple[str, ...]  # command lines of what it left running


class ProcessProbe:
    """A process under examination. Whatever is wrong with an answer ends it, as in a real run."""

    def __init__(
        self,
        command: Sequence[str],
        limits: Limits,
        reader: AnswerReader,
        notice: Callable[[Oddity, str], object],
    ) -> None:
        self.limits = limits
        self._reader = reader
        self._notice = notice  # is told of each oddity, and of the question
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
        return self._asked([request], line)[0]

    def ask_as(self, number: int, method: str) -> Response:
        """One request without parameters under a given id."""
        return self._asked([Request(number, method)])[0]

    def ask_together(self, calls: Sequence[Call]) -> list[Response]:
        """Several requests as a list in one line."""
        return self._asked(self._requests(calls))

    def ask_ahead(self, calls: Sequence[Call]) -> list[Response]:
        """Several requests, each in a line of its own, sent before the first answer is read."""
        requests = self._requests(calls)
        self.doing = f"{len(requests)} requests in as many lines"
        with self._channel.ended_by_trouble():
            self._channel.send(b"".join(encode([request]) for request in requests))
            answers = [self._channel.read_line(self.limits.answer) for _ in requests]
            responses = self._reader.responses_in_order(answers, requests)
            self._note_oddities(answers)
            return responses

    def keep_quiet(self, seconds: float) -> None:
        """Wait. ProtocolViolation if it writes without being asked, BackendCrashed if it ends."""
        self.doing = AFTER
        with self._channel.ended_by_trouble():
            if said := self._channel.listen(seconds):
                text = f"it wrote to stdout without being asked: {shown(said)}"
                raise ProtocolViolation(Violation.UNASKED, text)

    def end(self, tell: bool) -> ProcessEnd:
        """Tell it to shut down, or close its input, and see how it ends and what it leaves."""
        request = Request(self._number(), "shutdown")
        if tell:
            self._channel.send_last(encode([request]))
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
        return ProcessEnd(code, self._last_violation(said, request), names)

    def close(self) -> None:
        """End the process and all that it started, the way a run does."""
        self._channel.close(last_line=encode([Request(0, "shutdown")]))

    # ------------------------------------------------------------------ one exchange

    def _number(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _requests(self, calls: Sequence[Call]) -> list[Request]:
        return [Request(self._number(), call.op, to_wire(call.arguments)) for call in calls]

    def _asked(self, requests: Sequence[Request], line: bytes | None = None) -> list[Response]:
        with self._channel.ended_by_trouble():
            self.keep_quiet(0)
            starting = requests[0].method == "initialize"
            alone = len(requests) == 1
            self.doing = requests[0].method if alone else f"a list of {len(requests)} requests"
            self._channel.send(line or encode(requests))
            if starting:
                answer = self._channel.read_first_line(self.limits.start)
            else:
                answer = self._channel.read_line(self.limits.answer)
            more = self._channel.unread
            if alone:
                responses = [self._reader.response_in(answer, requests[0])]
            else:
                responses = self._reader.responses_in(answer, requests, more)
            if more:
                text = f"one line was answered with more; what follows: {shown(more)}"
                raise ProtocolViolation(Violation.MORE_LINES, text)
            self._note_oddities([answer], starting)
            return responses

    def _note_oddities(self, answers: Sequence[bytes], starting: bool = False) -> None:
        for answer in answers:
            for oddity in oddities_in(answer, starting):
                self._notice(oddity, self.doing)

    def _last_violation(self, said: bytes, request: Request) -> ProtocolViolation | None:
        """What is wrong with the answer to a shutdown; there need not be any."""
        line, _, more = said.partition(b"\n")
        try:
            if line:
                self._reader.response_in(line, request)
            if more:
                text = f"shutdown was answered with more than a line: {shown(more)}"
                raise ProtocolViolation(Violation.MORE_LINES, text)
        except ProtocolViolation as violation:
            return violation
        return None

    def _shake_hands(self) -> Handshake:
        client = {"name": "mlx-cache-conformance", "version": __version__}
        params = {"protocol": PROTOCOL_VERSION, "client": client}
        request = Request(self._number(), "initialize", params)
        (response,) = self._asked([request])
        if isinstance(response.error, ErrorObject):
            error = response.error
            text = f"initialize: error {error.code}: {error.message}"
            raise ProtocolViolation(Violation.INITIALIZE_REFUSED, text)
        return handshake_of(response.result)


class InProcessProbe:
    """A backend in this process, asked as a process would be: errors by the codes of the wire."""

    def __init__(self, backend: InProcessBackend, reader: AnswerReader) -> None:
        self._backend = backend
        self._reader = reader
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
        self._reader.check_result(method, result)
        return Response("2.0", 0, result)

    def close(self) -> None:
        """Forget its caches."""
        self._backend.close()


def _failed(code: int, error: Exception, data: ErrorData | None = None) -> Response:
    return Response("2.0", 0, error=ErrorObject(code, str(error), data))


def _command_line(one: psutil.Process) -> str:
    try:
        words = one.cmdline() or [one.name()]
    except psutil.Error:
        words = []
    return f"{' '.join(words)[:_SHOWN]} (process {one.pid})"
