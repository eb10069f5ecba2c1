"""Dotted keys: the lists and lists of lists that a file spells as `0.1.2`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from reference_impl.files.errors import BadCache, TooLarge, shown
from reference_impl.files.limits import MAX_ROWS

T = TypeVar("T")
Items = dict[str, T]  # what is left of the keys below some place -> value; "" is the place itself

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_SIGNED = re.compile(r"0|-?[1-9][0-9]{0,18}")


def index(text: str, key: str) -> int:
    """A list index as every writer spells it, without sign or leading zero; else BadCache."""
    if not _INDEX.fullmatch(text):
        raise BadCache(key, f"{shown(text)} is not a list index")
    return int(text)


def below(items: Mapping[str, T], prefix: str) -> dict[int, Items[T]]:
    """The items under `prefix` by their next index; the indices may have gaps."""
    found: dict[int, Items[T]] = {}
    for path, value in items.items():
        head, _, rest = path.partition(".")
        found.setdefault(index(head, join(prefix, path)), {})[rest] = value
    return found


def dense(items: Mapping[str, T], prefix: str) -> list[Items[T]]:
    """The items under `prefix` as a list; a gap in the indices is BadCache."""
    found = below(items, prefix)
    for expected, (got, inner) in enumerate(sorted(found.items())):
        if got != expected:
            key = join(prefix, str(got), next(iter(inner)))
            raise BadCache(key, f"index {got} where {expected} must come next")
    return [found[position] for position in range(len(found))]


def by_cache(items: Mapping[str, T], prefix: str, count: int) -> list[Items[T]]:
    """The items under `prefix`, one entry a cache; BadCache for an index of no cache."""
    found = below(items, prefix)
    for position, inner in found.items():
        if position >= count:
            key = join(prefix, str(position), next(iter(inner)))
            raise BadCache(key, f"there are only {count} caches")
    return [found.get(position, {}) for position in range(count)]


def leaf(items: Mapping[str, T], key: str) -> T:
    """The single value of a place; BadCache if there is none, or more below it."""
    if "" not in items:
        raise BadCache(
            key, "is missing" if not items else f"goes deeper: {shown(next(iter(items)))}"
        )
    if len(items) > 1:
        more = next(path for path in items if path)
        raise BadCache(key, f"is a value and also goes on with {shown(more)}")
    return items[""]


def leaves(items: Mapping[str, T], prefix: str) -> list[T]:
    """The values of a dense list of values."""
    return [leaf(inner, join(prefix, str(i))) for i, inner in enumerate(dense(items, prefix))]


def join(*parts: str) -> str:
    """A dotted key; empty parts fall away."""
    return ".".join(part for part in parts if part)


def number(text: str, key: str, *, negative: bool = False) -> int:
    """A decimal as every writer spells it; BadCache for anything else, also for above 2^63."""
    pattern = _SIGNED if negative else _NUMBER
    if not pattern.fullmatch(text) or int(text) >= 2**63:
        raise BadCache(key, f"{shown(text)} is not a whole number that a cache could have")
    return int(text)


def numbers(text: str, key: str, *, negative: bool = False) -> list[int]:
    """A comma-separated list of decimals; no values for the empty text. TooLarge for too many."""
    count = count_of(text)
    if count > MAX_ROWS:
        raise TooLarge(key, "MAX_ROWS", MAX_ROWS, count)
    return [number(item, key, negative=negative) for item in text.split(",")] if text else []


def count_of(text: str) -> int:
    """How many values a comma-separated list has; counting allocates nothing."""
    return text.count(",") + 1 if text else 0


def sections(metadata: Mapping[str, str], names: Iterable[str]) -> dict[str, Items[str]]:
    """The metadata table by the first part of its keys; BadCache for a part not in `names`."""
    parts: dict[str, Items[str]] = {name: {} for name in names}
    for key, value in metadata.items():
        head, _, rest = key.partition(".")
        if head not in parts or "." not in key:
            raise BadCache(key, f"is not one of {', '.join(f'{name}.*' for name in parts)}")
        parts[head][rest] = value
    return parts
