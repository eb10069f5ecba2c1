"""Whether two sides answered alike: values bit for bit, refusals by their kind."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.engine.judge import TRAP, TRAP_SIGNALS, same
from conformance.engine.plan import Call
from conformance.properties.author import Drawn
from conformance.reporting import words
from conformance.transport.backend import BackendCrashed, BackendTrouble, Refused, Reply, Returned


def agree(ours: Reply, theirs: Reply) -> bool:
    """The same value of the same types, or a refusal of the same kind."""
    if isinstance(ours, Refused) and isinstance(theirs, Refused):
        return ours.kind == theirs.kind
    return (
        isinstance(ours, Returned)
        and isinstance(theirs, Returned)
        and same(ours.value, theirs.value)
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
            isinstance(ours, Refused)
            and ours.kind == TRAP
            and isinstance(trouble, BackendCrashed)
            and trouble.signal in TRAP_SIGNALS
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
            said = words.reply(theirs) if theirs else "no answer"
            found.append(f"call {index}: {spelled(call)}: {words.reply(ours)} <> {said}")
    return found


def spelled(call: Call) -> str:
    """A call in words."""
    shown = ", ".join(f"{key}={words.value(item)}" for key, item in call.arguments.items())
    return f"{call.op}({shown})"
