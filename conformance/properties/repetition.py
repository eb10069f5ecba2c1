"""Asking again: whether calls are answered alike, and what the caches look like at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from conformance import values
from conformance.calls import Call, Reply, Returned
from conformance.engine.operation import RECEIVER, Gives, Space
from conformance.properties.agreement import agree
from conformance.properties.comparison import Answers, Comparison, Disagreement, answers
from conformance.properties.shorten import redrawn

TRIES = 5
_LOST = "the backend was lost"


@dataclass(frozen=True)
class TwoAnswers:
    """A call that a backend answered in two ways, both in words."""

    at: int
    call: Call
    first: str
    then: str

    def lines(self) -> list[str]:
        """For a reader."""
        return [f"  call {self.at}: {values.call(self.call.op, self.call.arguments)}",
                f"    first: {self.first}", f"    then:  {self.then}"]  # fmt: skip


def other_answer(
    comparison: Comparison, calls: Sequence[Call], first: Answers
) -> TwoAnswers | None:
    """Where a backend answers calls otherwise than it did, if it does so within a few tries."""
    for _ in range(TRIES if calls else 0):
        then = answers(comparison.backend, calls)
        for index, call in enumerate(calls):
            one, other = (_at(index, side) for side in (first, then))
            if one is None and other is None:
                break
            if one is None or other is None or not agree(one, other):
                told = [_said(reply, side) for reply, side in ((one, first), (other, then))]
                return TwoAnswers(index, call, *told)
    return None


def _at(index: int, side: Answers) -> Reply | None:
    return side.replies[index] if index < len(side.replies) else None


def _said(reply: Reply | None, side: Answers) -> str:
    return values.reply(reply) if reply is not None else f"no answer: {side.trouble or _LOST}"


def with_looks(comparison: Comparison, found: Disagreement) -> tuple[Disagreement, Answers]:
    """A disagreement with a look at every cache behind it, as reference and backend answer them.

    Where one of the two is gone by then, it stays as it is.
    """
    drawn, got = found.drawn, found.answers
    looks = [call for call in _looks(comparison, found) if call not in drawn.calls[-1:]]
    if drawn.traps or got.trouble is not None or not looks:
        return found, got
    whole = redrawn(comparison, [*drawn.calls, *looks])
    if whole is None:
        return found, got
    behind = answers(comparison.backend, whole.calls).replies[len(drawn.calls) :]
    return Disagreement(whole, got), Answers((*got.replies, *behind))


def _looks(comparison: Comparison, found: Disagreement) -> list[Call]:
    """A look at each cache that the calls have made."""
    kinds, looks = comparison.kinds, {}
    for call, reply in zip(found.drawn.calls, found.drawn.replies, strict=True):
        operation = kinds.operations.get(call.op)
        if operation is None or operation.makes is None or not isinstance(reply, Returned):
            continue
        for (space, handle), kind in operation.makes.made(call.arguments, operation.kind).items():
            if space is Space.CACHE and operation.gives is not Gives.SNAPSHOT:
                looks[handle] = Call(kinds[kind].look.wire, {RECEIVER.field: handle})
    return [looks[handle] for handle in sorted(looks)]
