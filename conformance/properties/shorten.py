"""Leaving out of a sequence what its difference does not need."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from conformance.calls import Call, Refused, Returned
from conformance.kinds.slots.arguments import fewest_rows
from conformance.outcomes.trap import is_trap
from conformance.properties.comparison import Difference, Sides
from conformance.properties.sequences import Drawn, answer

SECONDS = 20.0


def dropping(sides: Sides, found: Difference) -> Difference:
    """The same kind of difference in as few calls as can be; bounded in time.

    What was drawn is already simple; here single calls go that drawing cannot go without, most of
    all the looks in between.
    """
    until = time.monotonic() + SECONDS
    shrunk = True
    while shrunk:
        shrunk = False
        for calls in _candidates(found.drawn.calls):
            if time.monotonic() > until:
                return found
            shorter = _compare(sides, calls)
            if shorter is not None and shorter.kind == found.kind:
                found, shrunk = shorter, True
                break
    return found


def _candidates(calls: Sequence[Call]) -> Iterator[list[Call]]:
    """Fewer calls: without looks, then without ever smaller blocks, from the end on."""
    first, last = list(calls[:1]), list(calls[-1:])
    middle = list(calls[1:-1])
    acting = [call for call in middle if call.op != "snapshot"]
    if len(acting) < len(middle):
        yield [*first, *acting, *last]
    size = max(len(middle) // 2, 1)
    while middle and size:
        for start in range(len(middle) - size, -1, -size):
            yield [*first, *middle[:start], *middle[start + size :], *last]
        size //= 2


def _compare(sides: Sides, calls: Sequence[Call]) -> Difference | None:
    drawn = redrawn(sides, calls)
    return None if drawn is None else sides.compare(drawn)


def redrawn(sides: Sides, calls: Sequence[Call]) -> Drawn | None:
    """The calls with the reference's answers; None where they mean nothing any more.

    That is a handle that no call has made, a filter beyond the rows, whose result is undefined, and
    writing through a slot that holds nothing of that shape.
    """
    drawn = Drawn()
    for call in calls:
        if call.op in ("filter", "write_in_place"):
            shown = answer(sides.model, Call("snapshot", {"cache": call.arguments["cache"]}))
            if not (isinstance(shown, Returned) and _defined(call, shown.value)):
                return None
        reply = answer(sides.model, call)
        drawn.calls.append(call)
        drawn.replies.append(reply)
        if isinstance(reply, Refused):
            if reply.kind == "UnknownCache":
                return None
            if is_trap(reply):
                return drawn
    return drawn


def _defined(call: Call, shown: dict[str, Any]) -> bool:
    if call.op == "filter":
        rows = fewest_rows(shown)
        return all(-rows <= index < rows for index in call.arguments["batch_indices"])
    held, new = shown["slots"].get(str(call.arguments["slot"])), call.arguments["value"]
    return held is not None and (held.dtype, held.shape) == (new.dtype, new.shape)
