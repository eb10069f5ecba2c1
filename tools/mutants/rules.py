"""Rules of the reference that mutants take wrongly, found by their dialect."""

from __future__ import annotations

from typing import Any

from conformance.mutants.alter import Rule, altered
from reference_impl import dialect_class
from reference_impl.slots.rules import restoring


def rule_of(dialect: str, name: str) -> Rule:
    """The function behind a class method of the reference in a dialect."""
    bound: Any = getattr(dialect_class(dialect), name)
    rule: Rule = bound.__func__
    return rule


def restored_leniently(dialect: str, **names: Any) -> dict[str, Rule]:
    """from_state of mlx-swift-lm with something else behind names of its restoring of slots."""
    changed = altered(restoring.restored_leniently, **names)
    return {"from_state": altered(rule_of(dialect, "from_state"), restored_leniently=changed)}
