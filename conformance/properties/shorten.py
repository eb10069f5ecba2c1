"""Leaving out of a sequence what its difference does not need."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence, Set
from itertools import chain

from conformance.calls import Call, Refused, Returned
from conformance.engine.operation import RECEIVER
from conformance.outcomes.trap import is_trap
from conformance.properties.comparison import Comparison, Disagreement
from conformance.properties.drawn import Drawn, answer
from conformance.properties.kind_properties import properties_of

SECONDS = 20.0


def dropping(comparison: Comparison, found: Disagreement) -> Disagreement:
    """The same kind of difference in as few calls as can be; bounded in time.

    What was drawn is already simple; here single calls go that drawing cannot go without, most of
    all the looks in between.
    """
    until = time.monotonic() + SECONDS
    looks = {kind.look.wire for kind in comparison.kinds if properties_of(kind).drawing is not None}
    shrunk = True
    while shrunk:
        shrunk = False
        # Without a look, what is mended would show later, at an operation that is blamed for it.
        together = bool(comparison.mended.operations)
        for calls in _candidates(found.drawn.calls, looks, together):
            if time.monotonic() > until:
                return found
            shorter = _compare(comparison, calls)
            if shorter is not None and shorter.kind == found.kind:
                found, shrunk = shorter, True
                break
    return found


def _candidates(
    calls: Sequence[Call], looks: Set[str], together: bool = False
) -> Iterator[list[Call]]:
    """Fewer calls: without looks, then without ever smaller blocks, from the end on.

    `together` leaves the looks behind each operation that stays.
    """
    first, last = list(calls[:1]), list(calls[-1:])
    middle: list[list[Call]] = []
    for call in calls[1:-1]:
        if together and middle and call.op in looks:
            middle[-1].append(call)
        else:
            middle.append([call])
    acting = [block for block in middle if block[0].op not in looks]
    if len(acting) < len(middle):
        yield [*first, *chain(*acting), *last]
    size = max(len(middle) // 2, 1)
    while middle and size:
        for start in range(len(middle) - size, -1, -size):
            yield [*first, *chain(*middle[:start], *middle[start + size :]), *last]
        size //= 2


def _compare(comparison: Comparison, calls: Sequence[Call]) -> Disagreement | None:
    drawn = redrawn(comparison, calls)
    return None if drawn is None else comparison.compare(drawn)


def redrawn(comparison: Comparison, calls: Sequence[Call]) -> Drawn | None:
    """The calls with the reference's answers; None where they mean nothing any more.

    That is a handle that no call has made, and a call whose result is undefined.
    """
    drawn = Drawn()
    for call in calls:
        if not _is_defined(comparison, call):
            return None
        reply = answer(comparison.reference, call)
        drawn.calls.append(call)
        drawn.replies.append(reply)
        if isinstance(reply, Refused):
            if reply.kind == "UnknownCache":
                return None
            if is_trap(reply):
                return drawn
    return drawn


def _is_defined(comparison: Comparison, call: Call) -> bool:
    operation = comparison.kinds.operations.get(call.op)
    if operation is None or not operation.kind:
        return True
    kind = comparison.kinds[operation.kind]
    drawing = properties_of(kind).drawing
    if drawing is None or not drawing.judges(operation.name):
        return True
    look = Call(kind.look.wire, {RECEIVER.field: call.arguments[RECEIVER.field]})
    shown = answer(comparison.reference, look)
    return isinstance(shown, Returned) and drawing.is_defined(call, shown.value)
