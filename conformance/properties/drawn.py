"""Drawn calls, and what a backend answers to one."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.calls import Call, Refused, Reply, Returned
from conformance.outcomes.trap import is_trap
from conformance.transport.backend import Backend, OperationRefused


@dataclass
class Drawn:
    """Calls, and what the reference answered to each."""

    calls: list[Call] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    def until(self, index: int) -> Drawn:
        """Everything up to a call, it included."""
        return Drawn(self.calls[: index + 1], self.replies[: index + 1])

    @property
    def traps(self) -> bool:
        """Whether the dialect lets the process die at the last call."""
        return bool(self.replies) and is_trap(self.replies[-1])


def answer(backend: Backend, call: Call) -> Reply:
    """The reply to one call."""
    try:
        return Returned(backend.call(call.op, **call.arguments))
    except OperationRefused as refusal:
        return Refused(refusal.kind, refusal.message, refusal.payload)
