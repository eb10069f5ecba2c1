"""What the way to a backend costs: messages and tensors, timed on this side of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conformance.benchmarks.timing import NotTimed
from conformance.calls import Call, Refused
from conformance.tensor import Tensor
from conformance.transport.backend import Backend

SECONDS = 60.0
_TENSOR_BYTES = (1 << 10, 1 << 16, 1 << 20)


@dataclass(frozen=True)
class Transport:
    """One kind of message. `calls` are sent in one message, which is what is timed."""

    id: str
    setup: tuple[Call, ...]
    calls: tuple[Call, ...]


def transports() -> list[Transport]:
    """The smallest message, many calls in one, and tensors both ways."""
    new = Call("new", {"cache": "c", "size": 1})
    look, get = Call("class_name", {"cache": "c"}), Call("get", {"cache": "c", "slot": 0})
    found = [
        Transport("one-call", (new,), (look,)),
        Transport("100-calls-in-one-message", (new,), (look,) * 100),
    ]
    for size in _TENSOR_BYTES:
        tensor = Tensor("uint8", (1, size), bytes(size))
        put = Call("set", {"cache": "c", "slot": 0, "value": tensor})
        found += [
            Transport(f"tensor-there-{size >> 10}-kib", (new,), (put,)),
            Transport(f"tensor-back-{size >> 10}-kib", (new, put), (get,)),
        ]
    return found


def prepare(backend: Backend, transport: Transport) -> Callable[[], None]:
    """What sends the message once; NotTimed when the backend refuses it."""
    calls = (Call("reset"), *transport.setup)
    missing = {call.op for call in (*transport.setup, *transport.calls)} - set(
        backend.handshake.capabilities
    )
    if missing:
        raise NotTimed(f"declares no {', '.join(sorted(missing))}")

    def send(calls: tuple[Call, ...] = transport.calls) -> None:
        for reply in backend.call_all(calls, SECONDS):
            if isinstance(reply, Refused):
                raise NotTimed(f"refuses it: {reply.kind} {reply.message}")

    send(calls)
    send()
    return send
