"""Which requirement a difference is about: a start for whoever reads it, chosen by operation."""

from __future__ import annotations

from conformance.calls import Call
from conformance.engine.dialect import Dialect
from conformance.properties.sequences import Drawn

REQUIREMENTS = {
    "new": "CONSTRUCT-001", "new_mamba": "CONSTRUCT-008", "get": "INDEX-002", "set": "INDEX-003",
    "batch_size": "BATCH-001", "state": "STATE-001", "set_state": "STATE-004",
    "meta_state": "META-001", "set_meta_state": "RESTORE-002", "from_state": "RESTORE-002",
    "from_serialized": "RESTORE-024", "round_trip": "RESTORE-029", "prepare": "SEQ-001",
    "finalize": "SEQ-004", "advance": "SEQ-005", "make_mask": "MASK-004", "nbytes": "IDENT-007",
    "empty": "IDENT-008", "size": "IDENT-002", "max_size": "IDENT-003",
    "is_trimmable": "IDENT-004", "trim": "IDENT-005", "update": "IDENT-006", "copy": "COPY-001",
    "materialize": "IDENT-010", "class_name": "IDENT-001", "filter": "BATCHOP-001",
    "extend": "BATCHOP-009", "extract": "BATCHOP-020", "merge": "BATCHOP-025",
    "write_in_place": "COPY-009", "hold": "COPY-006", "held": "COPY-006",
    "snapshot": "CONSTRUCT-001",
}  # fmt: skip
# Where a shape of state has its own sentence.
OF_STATE = {
    "slots": {"set_state": "STATE-008", "from_state": "RESTORE-027",
              "set_meta_state": "RESTORE-003"},
    "slots and rows": {"set_state": "STATE-006", "from_state": "RESTORE-028"},
    "compacted": {},
}  # fmt: skip
# The operation changed a cache that it does not name: the two share something.
APART = {
    "copy": "COPY-003", "merge": "BATCHOP-034", "extract": "BATCHOP-024", "extend": "BATCHOP-019",
    "new": "CONSTRUCT-009", "round_trip": "STATE-007", "from_state": "STATE-007",
}  # fmt: skip


def requirement(drawn: Drawn, dialect: Dialect) -> str:
    """The requirement of the last operation, or of the one that made two caches share."""
    acting = [call for call in drawn.calls if call.op not in ("snapshot", "reset")]
    last = drawn.calls[-1]
    if not acting:
        return REQUIREMENTS.get(last.op, "CONSTRUCT-001")  # even `reset` was not answered
    if last.op == "snapshot" and last.arguments["cache"] not in changed(acting[-1]):
        for call in reversed(acting):
            if call.op in APART:
                return APART[call.op]
        return "CONSTRUCT-009"
    op = last.op if last.op != "snapshot" else acting[-1].op
    return OF_STATE[dialect.state_shape].get(op) or REQUIREMENTS[op]


def changed(call: Call) -> set[str]:
    """The handles of the caches that a call makes or changes."""
    if "into" in call.arguments:
        return {call.arguments["into"]}
    return {call.arguments["cache"]} if "cache" in call.arguments else set()
