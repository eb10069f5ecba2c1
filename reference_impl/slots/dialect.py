"""What a dialect is: one named rule for every decision that real implementations take differently.

A rule is a plain function. Rules that belong to an operation take the cache first; `dialects/`
chooses them, `rules/` defines them, `cache.py` calls them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import mlx.core as mx

if TYPE_CHECKING:
    from reference_impl.slots.cache import SlotCache

Slots: TypeAlias = "list[mx.array | None]"

# Operations that implementations have or lack together.
CLASS_LABEL = frozenset({"mamba", "is_mamba", "reference_class_name"})
KEY_VALUE_SURFACE = frozenset({"offset", "max_size", "trim", "update"})
LENGTHS = frozenset({"prepare", "finalize", "advance"})


def no_rule(*_: Any, **__: Any) -> NoReturn:
    """Stands for the rule of an operation that the dialect lacks."""
    raise NotImplementedError("the dialect has no rule for this operation")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The rules of one real implementation; `lacks` names the operations that it does not have."""

    id: str
    lacks: frozenset[str]

    # Construction: attributes that exist before __init__; size -> slots; ints -> left_padding.
    before_init: Mapping[str, None]
    slots: Callable[[Any], Slots]
    padding: Callable[[Any], mx.array | None]

    # Slots.
    get: Callable[[SlotCache, Any], Any]
    set: Callable[[SlotCache, Any, Any], None]
    batch_size: Callable[[SlotCache], int] = no_rule
    empty: Callable[[SlotCache], bool] = no_rule

    # Sequence lengths and the mask made of them.
    prepare: Callable[..., None] = no_rule
    advance: Callable[[SlotCache, Any], None] = no_rule
    make_mask: Callable[[SlotCache, Any], mx.array | None]

    # Serialized form.
    read_state: Callable[[SlotCache], Any]
    write_state: Callable[[SlotCache, Any], None]
    read_meta: Callable[[SlotCache], Any] = no_rule
    write_meta: Callable[[SlotCache, Any], None] = no_rule
    from_state: Callable[..., Any]
    unknown_label: Callable[[str], NoReturn]

    # Batch.
    filter: Callable[[SlotCache, Any], None] = no_rule
    extend: Callable[[SlotCache, Any], None] = no_rule

    # The rest of the key/value cache surface.
    copy: Callable[[SlotCache], Any] = no_rule
    update: Callable[[], NoReturn] = no_rule
    size: Callable[[SlotCache], int]
