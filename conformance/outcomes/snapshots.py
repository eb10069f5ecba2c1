"""Whole caches as `snapshot` shows them: class, slots by index, left padding and lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.outcomes.difference import Difference, Marker, tree
from conformance.values import Data, same

ROWS = ("left_padding", "lengths")


class SnapshotOf(Data, frozen=True):
    """The snapshot of a cache, which is not there or is none."""

    handle: str

    def words(self) -> str:
        return f"the snapshot of {self.handle}"


def differences(handle: str, expected: Any, got: Any) -> Iterator[Difference]:
    """Where a snapshot is not the same as another one, which is of the cache `handle`."""
    if not isinstance(expected, dict) or not isinstance(got, dict):
        yield Difference("", SnapshotOf(handle), got)
        return
    for key in ("class_name", "slot_count"):
        if not same(expected.get(key), got.get(key)):
            yield Difference(key, expected.get(key), got.get(key))
    yield from slots(expected.get("slots"), got.get("slots"))
    yield from rows(expected, got)


def slots(expected: Any, got: Any) -> Iterator[Difference]:
    """Where slots by index differ; an unset one is left out."""
    if not isinstance(got, dict) or not isinstance(expected, dict):
        yield Difference("slots", Marker("slots by index"), got)
        return
    for index in sorted(set(expected) | set(got), key=lambda key: (len(key), key)):
        yield from tree(f"slot {index}", expected.get(index), got.get(index))


def rows(expected: dict[str, Any], got: dict[str, Any]) -> Iterator[Difference]:
    """Where left padding or lengths differ."""
    for key in ROWS:
        yield from tree(key, expected.get(key), got.get(key))
