"""Wrong lists of caches: children, what a list says of them, taking back, batches."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.attention import CAUSAL
from tools.mutants.plain import LM31, LM32, RS, SWIFT3, SWIFT4, UPDATE

lists = partial(Mutant, kind="list", label="CacheList")


def own(dialect: str) -> Any:
    return cache_classes(dialect)["CacheList"]


# Children


def _copies(c: Any, *caches: Any) -> None:
    c.caches = tuple(_copied(child) for child in caches)


def _copied(child: Any) -> Any:
    return child.copy() if hasattr(child, "copy") else copy.deepcopy(child)


def _turned(c: Any, *caches: Any) -> None:
    c.caches = caches[::-1]


def _two_at_most(c: Any, *caches: Any) -> None:
    c.caches = caches[:2]


def _flattened(c: Any, *caches: Any) -> None:
    c.caches = tuple(
        inner for child in caches for inner in (getattr(child, "caches", None) or (child,))
    )


def _needs_one(c: Any, *caches: Any) -> None:
    if not caches:
        raise ValueError("a list has at least one child")
    c.caches = caches


def _clamped(c: Any, index: Any) -> Any:
    return c.caches[min(index, len(c.caches) - 1)]


def _none_beyond(c: Any, index: Any) -> Any:
    return c.caches[index] if index < len(c.caches) else None


def _first_for_negative(c: Any, index: Any) -> Any:
    return c.caches[max(index, 0)]


def _last_for_negative(dialect: str) -> Any:
    def get(c: Any, index: Any) -> Any:
        return (
            c.caches[index] if -len(c.caches) <= index < 0 else own(dialect).__getitem__(c, index)
        )

    return get


# What it says


def _sum_of_offsets(c: Any) -> int:
    return sum(child.offset for child in c.caches)


def _trimmable_without_look(c: Any) -> bool:
    return bool(c.caches) and bool(c.caches[0].is_trimmable())


def _any_trimmable(c: Any) -> bool:
    return any(child.is_trimmable() for child in c.caches)


def _trimmable_last(c: Any) -> bool:
    return not c.caches or bool(c.caches[-1].is_trimmable())


def _empty_if_last_is(c: Any) -> bool:
    return bool(c.caches[-1].empty())


def _bytes_of_some(c: Any) -> int:
    if not c.caches:
        raise ValueError("a list without children has no bytes")
    return sum(child.nbytes for child in c.caches)


# Taking back


def _first_says(dialect: str) -> Any:
    def trim(c: Any, n: Any) -> Any:
        said = [child.trim(n) for child in c.caches]
        return said[0] if said else own(dialect).trim(c, n)

    return trim


def _as_many_as_all_have(c: Any, n: Any) -> Any:
    least = min((child.offset for child in c.caches), default=0)
    return own(SWIFT3).trim(c, min(n, least))


def _what_can(c: Any, n: Any) -> Any:
    removed = 0
    for child in c.caches:
        if child.is_trimmable():
            removed = child.trim(n)
    return removed


def _all_the_same(c: Any, n: Any) -> Any:
    for child in c.caches:
        child.trim(n)
    return n if c.caches else own(LM32).trim(c, n)


def _once_more(c: Any, n: Any) -> Any:
    """A list within a list takes twice as many."""
    inner = any(hasattr(child, "caches") for child in c.caches)
    return own(LM31).trim(c, 2 * n if inner else n)


# Batches


def _to_first(name: str) -> Any:
    """An operation that reaches the first child alone."""

    def passed(c: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(c.caches[0], name)(*args, **kwargs)

    return passed


def _but_slots(name: str) -> Any:
    """An operation that passes over slots."""

    def passed(c: Any, *args: Any, **kwargs: Any) -> None:
        for child in c.caches:
            if not hasattr(child, "cache"):
                getattr(child, name)(*args, **kwargs)

    return passed


def _sorted_rows(c: Any, batch_indices: Any) -> None:
    own(LM32).filter(c, sorted(batch_indices))


def _in_front(c: Any, other: Any) -> None:
    for child, others in zip(c.caches, other.caches, strict=False):
        first = child.offset.size
        child.extend(others)
        child.filter([*range(first, child.offset.size), *range(first)])


def _draining(c: Any, other: Any) -> None:
    own(LM32).extend(c, other)
    other.caches = ()


def _first_of_each(c: Any, idx: Any) -> Any:
    return own(LM31).extract(c, 0)


def _taking_out(c: Any, idx: Any) -> Any:
    found = own(LM32).extract(c, idx)
    c.filter([row for row in range(2) if row != idx])
    return found


def _as_tuple(c: Any, idx: Any) -> Any:
    return c.classes["CacheList"](*(child.extract(idx) for child in c.caches[:1]))


def _first_of_the_lists(cls: Any, caches: Any) -> Any:
    return own(LM31).merge.__func__(cls, caches[:1] * len(caches))


def _as_many_as_all(cls: Any, caches: Any) -> Any:
    merged = cls()
    merged.caches = tuple(
        children[0].merge(list(children))
        for children in zip(*(other.caches for other in caches), strict=False)
    )
    return merged


def _one_is_itself(cls: Any, caches: Any) -> Any:
    return caches[0] if len(caches) == 1 else own(LM32).merge.__func__(cls, caches)


def _emptying(cls: Any, caches: Any) -> Any:
    merged = own(LM31).merge.__func__(cls, caches)
    for each in caches:
        each.caches = ()
    return merged


def _lengths_alone(c: Any, **kwargs: Any) -> None:
    for child in c.caches:
        child.prepare(lengths=kwargs.get("lengths"))


def _no_prepare(c: Any, **kwargs: Any) -> None:
    return None


def _no_finalize(c: Any) -> None:
    return None


MUTANTS = (
    lists("list-of-copies", LM31, ("LIST-001",), "Children are copies.",
          members={"__init__": _copies}),
    lists("list-backwards", RS, ("LIST-001",), "Children stand in the opposite order.",
          members={"__init__": _turned}),
    lists("list-of-two", LM31, ("LIST-013", "LIST-008"), "There are at most two children.",
          members={"__init__": _two_at_most}),
    lists("list-flattened", LM32, ("LIST-023",),
          "Children of an inner list stand in the outer one.",
          members={"__init__": _flattened}),
    lists("list-needs-children", SWIFT4, ("LIST-018",), "A list without children is refused.",
          members={"__init__": _needs_one}),
    lists("list-child-clamped", LM31, ("LIST-002",), "Beyond the last child is the last child.",
          members={"__getitem__": _clamped}),
    lists("list-child-or-none", LM32, ("LIST-002",), "Beyond the last child is none.", "mlxrs",
          members={"__getitem__": _none_beyond}),
    lists("list-negative-child-is-the-first", LM31, ("LIST-002",),
          "A negative index is the first child's.", members={"__getitem__": _first_for_negative}),
    lists("list-negative-child-from-the-end", RS, ("LIST-002",),
          "A negative index counts from the end.", "mlx-lm",
          members={"__getitem__": _last_for_negative(RS)}),
    lists("list-negative-child-in-swift", SWIFT3, ("LIST-002",),
          "A negative index counts from the end.", "mlx-lm",
          members={"__getitem__": _last_for_negative(SWIFT3)}),
    lists("list-offset-of-the-first", RS, ("LIST-003",), "The offset is the first child's.",
          members={"offset": property(lambda c: c.caches[0].offset if c.caches else 0)}),
    lists("list-offset-of-all", RS, ("LIST-003", "LIST-023"), "The offset is that of all children.",
          members={"offset": property(_sum_of_offsets)}),
    lists("list-offset-from-one", RS, ("LIST-003",), "A new list is at offset 1.",
          members={"offset": property(lambda c: own(RS).offset.fget(c) or 1)}),
    lists("list-offset-counted", SWIFT4, ("LIST-003",), "The offset is that of the children.",
          "mlxrs", members={"offset": property(own(RS).offset.fget)}),
    lists("list-size-of-the-first", LM31, ("LIST-004", "LIST-023"),
          "The size is the first child's.",
          members={"size": lambda c: c.caches[0].size()}),
    lists("list-size-of-all", LM32, ("LIST-004",), "The size is that of all children.",
          members={"size": lambda c: sum(child.size() for child in c.caches)}),
    lists("list-size-is-offset", LM31, ("LIST-004",), "The size is the greatest offset.",
          members={"size": lambda c: max(
              getattr(child, "offset", None) or child.size() for child in c.caches)}),
    lists("list-size-of-none-is-one", LM32, ("LIST-018",), "A list without children has size 1.",
          members={"size": lambda c: max((child.size() for child in c.caches), default=1)}),
    lists("list-trimmable-as-the-first", LM31, ("LIST-005",),
          "A list is trimmable where its first child is.",
          members={"is_trimmable": lambda c: not c.caches or c.caches[0].is_trimmable()}),
    lists("list-trimmable-as-the-last", RS, ("LIST-005", "LIST-009"),
          "A list is trimmable where its last child is.",
          members={"is_trimmable": _trimmable_last}),
    lists("list-trimmable-in-part", SWIFT3, ("LIST-005",),
          "A list is trimmable where any child is.",
          members={"is_trimmable": lambda c: not c.caches or _any_trimmable(c)}),
    lists("list-with-window-not-trimmable", LM32, ("LIST-005",),
          "A list with a window is never trimmable.",
          members={"is_trimmable": lambda c: own(LM32).is_trimmable(c) and not any(
              hasattr(child, "max_size") for child in c.caches)}),
    lists("list-of-none-not-trimmable", LM32, ("LIST-018",),
          "A list without children is not trimmable.",
          members={"is_trimmable": _trimmable_without_look}),
    lists("list-empty-as-the-last", LM31, ("LIST-006",), "A list is empty where its last child is.",
          members={"empty": _empty_if_last_is}),
    lists("list-never-empty", RS, ("LIST-006", "LIST-018"), "A list is never empty.",
          members={"empty": lambda c: False}),
    lists("list-bytes-of-the-first", LM31, ("LIST-007",), "Bytes are those of the first child.",
          members={"nbytes": property(lambda c: sum(child.nbytes for child in c.caches[:1]))}),
    lists("list-bytes-of-the-state", RS, ("LIST-007",), "Bytes of slots are not counted.",
          members={"nbytes": property(lambda c: sum(
              child.nbytes for child in c.caches if hasattr(child, "keys")))}),
    lists("list-bytes-need-tokens", LM31, ("LIST-007",), "A child without tokens has no bytes.",
          members={"nbytes": property(lambda c: sum(
              child.keys.nbytes + child.values.nbytes for child in c.caches))}),
    lists("list-bytes-need-children", LM32, ("LIST-018",), "Without children there are no bytes.",
          members={"nbytes": property(_bytes_of_some)}),
    lists("list-trim-as-the-first-says", LM31, ("LIST-008",), "The answer is the first child's.",
          members={"trim": _first_says(LM31)}),
    lists("list-trims-one-at-least", LM31, ("LIST-008",), "Taking nothing back takes one.",
          members={"trim": lambda c, n: own(LM31).trim(c, n or 1)}),
    lists("list-trims-what-all-have", SWIFT3, ("LIST-008",),
          "No more is taken back than the shortest child has.",
          members={"trim": _as_many_as_all_have}),
    lists("list-trims-the-first", RS, ("LIST-008", "LIST-009"),
          "Tokens are taken back from the first child.",
          members={"trim": lambda c, n: c.caches[0].trim(n) if c.caches else 0}),
    lists("list-trim-says-what-was-asked", LM32, ("LIST-008",), "All that was asked is said.",
          members={"trim": _all_the_same}),
    lists("list-trims-inner-twice", LM31, ("LIST-023",), "Of an inner list twice as much goes.",
          members={"trim": _once_more}),
    lists("list-trims-what-can", RS, ("LIST-009",), "What can be trimmed is.", "mlx-swift-lm",
          members={"trim": _what_can}),
    lists("list-passes-over-what-cannot", SWIFT4, ("LIST-009",),
          "A child that cannot be trimmed is passed over.", members={"trim": _what_can}),
    lists("list-updates-the-first", RS, ("LIST-010",), "Tokens go to the first child.",
          members={UPDATE: _to_first(UPDATE)}),
    lists("list-updates-the-first-in-swift", SWIFT3, ("LIST-010",), "Tokens go to the first child.",
          members={UPDATE: _to_first(UPDATE)}),
    lists("list-has-a-mask", RS, ("LIST-010",), "A list has a causal mask.", "mlx-swift-lm",
          members={"make_mask": lambda c, N, **_: CAUSAL}),
    lists("list-without-mask", SWIFT4, ("LIST-010",), "A list has no mask.",
          members={"make_mask": lambda c, N, **_: None}),
    lists("list-filters-the-first", LM31, ("LIST-024",), "The first child is filtered.",
          members={"filter": _to_first("filter")}),
    lists("list-filters-no-slots", LM32, ("LIST-024",), "Slots keep all rows.",
          members={"filter": _but_slots("filter")}),
    lists("list-filter-sorts", LM32, ("LIST-024",), "Rows come in their old order.",
          members={"filter": _sorted_rows}),
    lists("list-extends-in-front", LM31, ("LIST-025",), "Rows that join come first.",
          members={"extend": _in_front}),
    lists("list-extend-drains", LM32, ("LIST-025",), "What joins is emptied.",
          members={"extend": _draining}),
    lists("list-extends-the-first", LM31, ("LIST-025",), "The first child is extended.",
          members={"extend": lambda c, other: c.caches[0].extend(other.caches[0])}),
    lists("list-extracts-the-first-row", LM31, ("LIST-026",), "The first row is extracted.",
          members={"extract": _first_of_each}),
    lists("list-extract-takes-out", LM32, ("LIST-026",), "The row leaves the batch.",
          members={"extract": _taking_out}),
    lists("list-extracts-of-the-first", LM31, ("LIST-026",),
          "The row of the first child is extracted.", members={"extract": _as_tuple}),
    lists("list-merges-the-first", LM31, ("LIST-027",), "Rows are copies of the first list.",
          members={"merge": classmethod(_first_of_the_lists)}),
    lists("list-merges-what-all-have", LM32, ("LIST-027",),
          "Children that not all have are left out.",
          members={"merge": classmethod(_as_many_as_all)}),
    lists("list-merge-of-one", LM32, ("LIST-027",), "A list alone is not a batch.",
          members={"merge": classmethod(_one_is_itself)}),
    lists("list-merge-drains", LM31, ("LIST-027",), "Lists that were merged are emptied.",
          members={"merge": classmethod(_emptying)}),
    lists("list-prepares-the-first", LM31, ("LIST-028",), "The first child is prepared.",
          members={"prepare": _to_first("prepare")}),
    lists("list-prepares-lengths", LM32, ("LIST-028",), "Right padding is not passed on.",
          members={"prepare": _lengths_alone}),
    lists("list-is-not-prepared", SWIFT4, ("LIST-028",), "Nothing is prepared.",
          members={"prepare": _no_prepare}),
    lists("list-is-not-finalized", LM31, ("LIST-028",), "Padding stays on the right.",
          members={"finalize": _no_finalize}, sequence=True),
    lists("list-finalizes-no-slots", LM32, ("LIST-028",), "Slots keep their lengths.",
          members={"finalize": _but_slots("finalize")}, sequence=True),
)  # fmt: skip
