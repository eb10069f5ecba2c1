"""A list of caches of one layer that has several, of any kind, further lists among them."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from reference_impl.token_cache import TokenCache


class CacheList(TokenCache):
    """`caches` are the children; most operations are theirs, one after the other."""

    caches: Any

    def __init__(self, *caches: Any) -> None:
        self.caches = caches

    def __getitem__(self, index: Any) -> Any:
        """A child."""
        return self.caches[index]

    def is_trimmable(self) -> bool:
        """Whether all children are."""
        return all(child.is_trimmable() for child in self.caches)

    def trim(self, n: Any) -> Any:
        """Of every child, trimmable or not; how many of the last one."""
        for child in self.caches:
            removed = child.trim(n)
        return removed  # an UnboundLocalError without children

    def size(self) -> Any:
        """That of the child with the most tokens; a ValueError without children."""
        return max(child.size() for child in self.caches)

    def empty(self) -> Any:
        """Whether the first child is; an IndexError without children."""
        return self.caches[0].empty()

    @property
    def nbytes(self) -> int:
        return sum(child.nbytes for child in self.caches)

    def inner_state(self) -> list[mx.array]:
        return [array for child in self.caches for array in _inner_state(child)]

    def materialize(self) -> None:
        for child in self.caches:
            child.materialize()

    @classmethod
    def restore_child(cls, label: str, state: Any, meta_state: Any) -> Any:
        """A child by the label that it has in a file."""
        raise NotImplementedError

    # Batches

    def filter(self, batch_indices: Any) -> None:
        """Keep the given rows, in the given order."""
        for child in self.caches:
            child.filter(batch_indices)

    def extend(self, other: Any) -> None:
        """Append the rows of another list, child by child; children that only one has stay."""
        for child, others in zip(self.caches, other.caches, strict=False):
            child.extend(others)

    def extract(self, idx: Any) -> Any:
        """A new list with one row of every child."""
        return self.classes["CacheList"](*(child.extract(idx) for child in self.caches))

    @classmethod
    def merge(cls, caches: Any) -> Any:
        """A new list with one row from each of `caches`, as the children of the first merge."""
        merged = cls()
        merged.caches = tuple(
            child.merge([other.caches[index] for other in caches])
            for index, child in enumerate(caches[0].caches)
        )
        return merged

    def prepare(self, **kwargs: Any) -> None:
        """Lengths and padding, for every child."""
        for child in self.caches:
            child.prepare(**kwargs)

    def finalize(self) -> None:
        for child in self.caches:
            child.finalize()


def _inner_state(child: Any) -> Any:
    """That of a child; a slot cache has no free room."""
    return child.inner_state() if hasattr(child, "inner_state") else child.state
