"""Whether two sides answered alike: values bit for bit, refusals by their kind."""

from __future__ import annotations

from collections.abc import Sequence

from conformance import values
from conformance.calls import Refused, Reply, Returned
from conformance.outcomes.trap import TRAP_SIGNALS, is_trap
from conformance.properties.drawn import Drawn
from conformance.transport.backend import BackendCrashed, BackendTrouble


def agree(ours: Reply, theirs: Reply) -> bool:
    """The same value of the same types, or a refusal of the same kind."""
    if isinstance(ours, Refused) and isinstance(theirs, Refused):
        return ours.kind == theirs.kind
    return (
        isinstance(ours, Returned)
        and isinstance(theirs, Returned)
        and values.same(ours.value, theirs.value)
    )


def first_difference(
    drawn: Drawn, replies: Sequence[Reply], trouble: BackendTrouble | None = None
) -> int | None:
    """The first call that the other side answered differently or not at all; None if it agrees.

    A process may die at the call where the dialect traps, by a signal of a runtime check.
    """
    for index, ours in enumerate(drawn.replies):
        if index < len(replies):
            if not agree(ours, replies[index]):
                return index
        elif not (
            is_trap(ours) and isinstance(trouble, BackendCrashed) and trouble.signal in TRAP_SIGNALS
        ):
            return index
        else:
            return None
    return None


def differences(drawn: Drawn, replies: Sequence[Reply]) -> list[str]:
    """Every call that the two sides answered differently, in words."""
    found = []
    for index, (call, ours) in enumerate(zip(drawn.calls, drawn.replies, strict=True)):
        theirs = replies[index] if index < len(replies) else None
        if theirs is None or not agree(ours, theirs):
            said = values.reply(theirs) if theirs else "no answer"
            asked = values.call(call.op, call.arguments)
            found.append(f"call {index}: {asked}: {values.reply(ours)} <> {said}")
    return found
