"""A backend in a process of its own, over stdin and stdout: any language, any environment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from conformance import __version__
from conformance.calls import Call, Refused, Reply
from conformance.patience import START_SECONDS
from conformance.transport.backend import (
    Backend,
    OperationRefused,
    ProtocolViolation,
    ResultProblem,
    any_shape,
    to_wire,
)
from conformance.transport.causes import Violation
from conformance.transport.channel import Channel
from conformance.transport.lines import decode, encode, handshake_of, message, reply, shown
from conformance.transport.messages import PROTOCOL_VERSION, Handshake, Request

CALL_SECONDS = 30.0
# How a program is started: where nothing is given, anew each time.
Start = Callable[[Sequence[str]], Channel]


class ProcessBackend(Backend):
    """Starts `command` and shakes hands; `close` ends all that it started.

    `problem` judges the shape of results. Any BackendTrouble ends the process too: what it says
    after that answers nothing.
    """

    def __init__(
        self,
        command: Sequence[str],
        start_seconds: float = START_SECONDS,
        problem: ResultProblem = any_shape,
        start: Start | None = None,
    ) -> None:
        self._problem = problem
        self._next_id = 1
        self.channel = (start or Channel)(command)
        self.pid = self.channel.pid
        try:
            self.handshake = self._shake_hands(start_seconds)
            self.channel.limit_memory()
        except BaseException:
            self.close()
            raise

    def call(self, op: str, **arguments: Any) -> Any:
        (answer,) = self._exchange([Call(op, arguments)], CALL_SECONDS, self.channel.read_line)
        if isinstance(answer, Refused):
            raise OperationRefused(answer.kind, answer.message, answer.payload)
        return answer.value

    def call_all(self, calls: Sequence[Call], seconds: float) -> Iterable[Reply]:
        return self._exchange(calls, seconds, self.channel.read_line) if calls else []

    def close(self) -> None:
        self.channel.close(last_line=encode([Request(0, "shutdown")]))

    def _shake_hands(self, seconds: float) -> Handshake:
        client = {"name": "mlx-cache-conformance", "version": __version__}
        call = Call("initialize", {"protocol": PROTOCOL_VERSION, "client": client})
        (answer,) = self._exchange([call], seconds, self.channel.read_first_line)
        if isinstance(answer, Refused):
            raise ProtocolViolation(
                Violation.INITIALIZE_REFUSED,
                f"initialize was refused: {answer.kind} {answer.message}",
            )
        return handshake_of(answer.value)

    def _exchange(
        self, calls: Sequence[Call], seconds: float, read: Callable[[float], bytes]
    ) -> list[Reply]:
        requests = [
            Request(self._next_id + index, call.op, to_wire(call.arguments, whole=False))
            for index, call in enumerate(calls)
        ]
        self._next_id += len(calls)
        with self.channel.ended_by_trouble():
            if said := self.channel.listen():
                raise ProtocolViolation(
                    Violation.UNASKED,
                    f"stdout must carry answers and nothing else; it wrote unasked: {shown(said)}",
                )
            self.channel.send(message(requests))
            responses = decode(read(seconds), requests)
            if more := self.channel.unread:
                raise ProtocolViolation(
                    Violation.MORE_LINES,
                    "one message was answered with more than one line; what follows the answer: "
                    f"{shown(more)}",
                )
            return [reply(*pair, self._problem) for pair in zip(requests, responses, strict=True)]
