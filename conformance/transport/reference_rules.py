"""Which rule of the reference carries out an operation in a dialect. Importing this imports mlx."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conformance.transport.tokencaches import KINDS
from reference_impl import cache_classes, dialect_class

_METHODS = {
    "new": "__init__", "get": "__getitem__", "set": "__setitem__", "update": "update_and_fetch",
    "set_state": "state", "snapshot": "state", "held": "state", "round_trip": "from_state",
    "set_meta_state": "meta_state", "restore": "from_state",
}  # fmt: skip


def rules(dialect: str, operations: Iterable[str]) -> dict[str, str]:
    """Operation -> the function of the reference, where there is one to be named."""
    found = {}
    for wire in operations:
        kind, _, name = wire.rpartition(".")
        classes = cache_classes(dialect)
        cls = classes.get(KINDS.get(kind, "")) if kind else dialect_class(dialect)
        rule: Any = getattr(cls, _METHODS.get(name, name), None)
        if isinstance(rule, property):
            rule = rule.fset if name.startswith("set_") else rule.fget
        rule = getattr(rule, "__wrapped__", rule)
        if rule is not None and hasattr(rule, "__qualname__"):
            found[wire] = f"{rule.__module__}.{rule.__qualname__}"
    return found
