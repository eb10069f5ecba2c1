"""Versions of mlx: what a case says of those before one.

An implementation answers with the words of the mlx underneath: its errors, what its files can hold.
A table `{"<0.32.3": ...}` says what holds before a version; without an entry that fits, what stands
beside the table holds, which is what the newest does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
PATTERN = r"^<\d+(\.\d+)+$"
_NUMBER = re.compile(r"\d+")


def ordered(older: Iterable[tuple[str, T]]) -> tuple[tuple[str, T], ...]:
    """Entries of a table, the oldest versions first."""
    return tuple(sorted(older, key=lambda entry: _numbers(entry[0].removeprefix("<"))))


def holding(older: Iterable[tuple[str, T]], mlx: str) -> T | None:
    """The entry that holds with a version, of entries in order; None where none does.

    An empty version is that of an implementation that does not say it, and counts as the newest.
    """
    return next((what for before, what in older if _is_older(mlx, before)), None)


def said(older: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """In words: `with mlx before 0.32.3`, and what holds there."""
    yield from ((f"with mlx before {before.removeprefix('<')}", what) for before, what in older)


def _is_older(mlx: str, before: str) -> bool:
    numbers = _numbers(mlx)
    return bool(numbers) and numbers < _numbers(before.removeprefix("<"))


def _numbers(version: str) -> tuple[int, ...]:
    """`0.32.4.dev2026+abc` as (0, 32, 4), and `0.32` as (0, 32, 0)."""
    found = []
    for part in version.split("."):
        number = _NUMBER.match(part)
        if number is None:
            break
        found.append(int(number[0]))
    return tuple(found + [0] * (3 - len(found))) if found else ()
