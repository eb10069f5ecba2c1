"""Whole caches as a kind's `snapshot` shows them: how they are compared and spelled.

What is in one is the kind's; here is what all have in common.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.engine.literals import Strict, Tensors
from conformance.outcomes.difference import Difference, Marker, tree
from conformance.values import Data


class ExpectedCache(Data, frozen=True):
    """A whole cache that is expected, its literals decoded."""

    @abstractmethod
    def differences(self, got: dict[str, Any]) -> Iterator[Difference]:
        """Where a snapshot shows something else."""


class WholeCache(Strict, frozen=True):
    """A whole cache as a case spells it; a kind has the fields."""

    @abstractmethod
    def decoded(self, tensors: Tensors) -> ExpectedCache:
        """The same with its literals decoded; ValueError for what is spelled wrong."""


class SnapshotOf(Data, frozen=True):
    """The snapshot of a cache, which is not there or is none."""

    handle: str

    def words(self) -> str:
        return f"the snapshot of {self.handle}"


@dataclass(frozen=True)
class Snapshots:
    """What the snapshots of a kind show: these keys, and how a case spells the whole.

    `spell` makes the plain data of `spelling` from a snapshot, or None where it has no form.
    """

    keys: tuple[str, ...]
    spelling: type[WholeCache] | None = None
    spell: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None

    def differences(self, handle: str, expected: Any, got: Any) -> Iterator[Difference]:
        """Where a snapshot is not the same as another one, which is of the cache `handle`."""
        if not isinstance(expected, dict) or not isinstance(got, dict):
            yield Difference("", SnapshotOf(handle), got)
            return
        yield from fields(expected, got, self.keys)


def fields(
    expected: Mapping[str, Any], got: Mapping[str, Any], keys: tuple[str, ...]
) -> Iterator[Difference]:
    """Where these keys differ; a table entry by entry, what is not there as null."""
    for key in keys:
        left, right = expected.get(key), got.get(key)
        if isinstance(left, dict):
            yield from _entries(key, left, right)
        else:
            yield from tree(key, left, right)


def _entries(key: str, expected: dict[str, Any], got: Any) -> Iterator[Difference]:
    if not isinstance(got, dict):
        yield Difference(key, Marker(f"{key} by index"), got)
        return
    for index in sorted(set(expected) | set(got), key=lambda each: (len(each), each)):
        yield from tree(f"{key.removesuffix('s')} {index}", expected.get(index), got.get(index))
