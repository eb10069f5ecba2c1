"""Which requirement a difference is about: a start for whoever reads it, chosen by operation."""

from __future__ import annotations

from conformance.calls import Call
from conformance.engine.dialect import Dialect
from conformance.engine.kinds import Kinds
from conformance.engine.operation import RECEIVER, Gives, Operation, Space, Use
from conformance.properties.drawn import Drawn


def requirement(drawn: Drawn, dialect: Dialect, kinds: Kinds) -> str:
    """The requirement of the last operation, or of the one that made two caches share."""
    rows = [(call, kinds.operations[call.op]) for call in drawn.calls]
    rows = [row for row in rows if row[1].use is not Use.SESSION]
    acting = [row for row in rows if row[1].gives is not Gives.SNAPSHOT]
    if not acting:
        return rows[-1][1].about if rows else _first(kinds).about  # even a reset was not answered
    last, operation = rows[-1]
    if operation.gives is not Gives.SNAPSHOT:
        return _about(operation, dialect)
    if last.arguments[RECEIVER.field] not in changed(*acting[-1]):
        apart = (each.apart for _, each in reversed(acting) if each.apart)
        return next(apart, _first(kinds).apart)
    return _about(acting[-1][1], dialect)


def changed(call: Call, operation: Operation) -> set[str]:
    """The handles of the caches that a call makes or changes."""
    made = operation.makes
    if made is not None and made.space is Space.CACHE:
        return set(made.names(call.arguments))
    return set(RECEIVER.names(call.arguments))


def _about(operation: Operation, dialect: Dialect) -> str:
    shape = dialect.state_shape.get(operation.kind, "")
    return operation.about_in.get(shape, operation.about)


def _first(kinds: Kinds) -> Operation:
    """What stands for all when there is nothing to go by."""
    return next(iter(next(iter(kinds)).operations.values()))
