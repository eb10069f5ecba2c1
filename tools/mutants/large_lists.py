"""Lists and quantized caches that are right while children, rows, tokens and calls are few."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from conformance.mutants.mutant import Mutant
from tools.mutants.large_tokens import KindOfCache, copied_once_in_50, counts, merged, often
from tools.mutants.many import by_text
from tools.mutants.shared import alias, copied

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3 = "mlx-swift-lm-3.31.3"

_LIST = KindOfCache(
    "list", "CacheList", (_LM31, _LM32), child="LIST-001", size="LIST-004",
    trimmable="LIST-005", trim="LIST-008", restore="LIST-013", copy="LIST-021",
    filter="LIST-024", extend="LIST-025", extract="LIST-026", merge="LIST-027",
)  # fmt: skip
_QUANTIZED = KindOfCache(
    "quantized", "QuantizedKVCache", (_LM31, _RS, _LM32, _SWIFT3), update="QUANTIZED-001",
    trim="QUANTIZED-002", copy="QUANTIZED-020", look="QUANTIZED-013",
)  # fmt: skip

_Members = Callable[[Any], dict[str, Any]]
_TEN = 10


def _made_of(change: Callable[[list[Any]], list[Any]]) -> _Members:
    """A list that is made of its children taken wrongly."""
    return lambda own: {"__init__": lambda c, *caches: own.__init__(c, *change(list(caches)))}


def _with_ten(name: str) -> _Members:
    """An operation that reaches the first ten children; the others stay as they are."""

    def members(own: Any) -> dict[str, Any]:
        def reached(c: Any, *args: Any) -> Any:
            caches = list(c.caches)
            c.caches = caches[:_TEN]
            try:
                return getattr(own, name)(c, *args)
            finally:
                c.caches = [*c.caches, *caches[_TEN:]]

        return {name: reached}

    return members


def _extracts_ten(own: Any) -> dict[str, Any]:
    def extract(c: Any, idx: Any) -> Any:
        single = own.extract(c, idx)
        single.caches = list(single.caches)[:_TEN]
        return single

    return {"extract": extract}


def _merges_ten(own: Any) -> dict[str, Any]:
    def merge(cls: Any, caches: Any) -> Any:
        found = own.merge.__func__(cls, caches)
        found.caches = list(found.caches)[:_TEN]
        return found

    return {"merge": classmethod(merge)}


def _restored(change: Callable[[list[Any]], list[Any]]) -> _Members:
    def members(own: Any) -> dict[str, Any]:
        def from_state(cls: Any, *args: Any) -> Any:
            found = own.from_state.__func__(cls, *args)
            found.caches = change(list(found.caches))
            return found

        return {"from_state": classmethod(from_state)}

    return members


def _copy_shares_from_the_ninth(own: Any) -> dict[str, Any]:
    def make(c: Any) -> Any:
        twin = alias(c)
        twin.caches = [*map(deepcopy, list(c.caches)[:8]), *list(c.caches)[8:]]
        return twin

    return {"__reduce_ex__": copied(make)}


def _size_in_a_byte(own: Any) -> dict[str, Any]:
    return {"size": lambda c: own.size(c) % 256}


def _list(name: str, about: str, wrong: str, members: _Members, dialect: str = "") -> Mutant:
    return _LIST.mutant(name, about, wrong, members, dialect)


def _quantized(name: str, about: str, wrong: str, members: _Members) -> Mutant:
    return _QUANTIZED.mutant(name, about, wrong, members)


MUTANTS = (
    _list("children-by-text", "child", "Child 10 stands before child 2.", _made_of(by_text)),
    _list("of-ten-children", "child", "A list has ten children at most.",
          _made_of(lambda caches: caches[:_TEN])),
    _list("of-eight-children", "child", "A list has eight children at most.",
          _made_of(lambda caches: caches[:8])),
    _list("trims-ten-children", "trim", "Ten children at most are trimmed.", _with_ten("trim")),
    _list("trim-in-32-bits", "trim", "Tokens to trim are counted in 32 bits.",
          counts(lambda n: n % 2**32 if n > 0 else n)),
    _list("asks-ten-children", "trimmable", "Ten children are asked whether they can be trimmed.",
          _with_ten("is_trimmable")),
    _list("size-in-a-byte", "size", "The size is a byte.", _size_in_a_byte),
    _list("restores-by-text", "restore", "Child 10 comes back before child 2.",
          _restored(by_text)),
    _list("restores-ten-children", "restore", "Ten children at most come back.",
          _restored(lambda caches: caches[:_TEN])),
    _list("copy-shares-from-the-ninth-child", "copy", "Children from the ninth on are shared.",
          _copy_shares_from_the_ninth),
    _list("filters-ten-children", "filter", "Rows leave ten children at most.",
          _with_ten("filter")),
    _list("extends-ten-children", "extend", "Rows join ten children at most.",
          _with_ten("extend")),
    _list("extracts-ten-children", "extract", "A row has ten children at most.", _extracts_ten),
    _list("merges-ten-children", "merge", "A merged list has ten children at most.",
          _merges_ten),
    _list("merge-of-128-lists", "merge", "Lists beyond the 128th are the first one.",
          merged(lambda lists: [*lists[:128], *lists[:1] * len(lists[128:])])),
    _quantized("trim-in-a-byte", "trim", "Tokens to trim are counted in a byte.",
               counts(lambda n: n % 256 if n > 255 else n)),
    _quantized("trim-in-32-bits", "trim", "Tokens to trim are counted in 32 bits.",
               counts(lambda n: n % 2**32 if n > 0 else n)),
    _quantized("trims-255-at-most", "trim", "No more than 255 tokens are taken back.",
               counts(lambda n: min(n, 255))),
    _quantized("token-lost-once-in-50", "update", "Every 50th token is lost.",
               often("update_and_fetch", lambda own: lambda c, keys, values: [])),
    _quantized("copy-wrong-once-in-50", "copy", "Every 50th copy has the offset 0.",
               copied_once_in_50),
    _quantized("mask-none-once-in-50", "look", "Every 50th mask is none.",
               often("make_mask", lambda own: lambda c, N, *args, **kwargs: None)),
)  # fmt: skip
