"""The slot cache: state tensors of a recurrent layer, one per slot, with one row per sequence.

This module says what each operation is, and has those that are the same everywhere. How a dialect
decides the others is in `rules/`; the class of the dialect names the rule of each operation.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NoReturn, TypeAlias, TypeVar

import mlx.core as mx

from reference_impl.serialized_cache import SerializedCache

C = TypeVar("C", bound="SlotCache")
Slots: TypeAlias = "list[mx.array | None]"

ARRAYS_CACHE, MAMBA_CACHE = "ArraysCache", "MambaCache"


class SlotCache(SerializedCache):
    """All operations of all dialects; the class of a dialect decides the abstract ones.

    A slot holds an `mx.array` of any dtype with the batch as its leading axis, or None as long as
    it is unwritten. `cache` is the live slot list. `left_padding` and `lengths` are int32 [B] or
    None. The docstring of a rule has the exact behaviour and the errors.
    """

    cache: Slots
    left_padding: mx.array | None
    lengths: mx.array | None
    offset: int = 0
    max_size: None = None
    class_label: str = ARRAYS_CACHE

    @abstractmethod
    def __init__(self, size: Any, left_padding: Any = None) -> None:
        """`size` unwritten slots, and one left padding per sequence (ints, or None)."""

    @classmethod
    def mamba(cls: type[C], left_padding: Any = None) -> C:
        """Two slots, and the class label MambaCache."""
        instance = cls(2, left_padding)
        instance.class_label = MAMBA_CACHE
        return instance

    @property
    def is_mamba(self) -> bool:
        return self.class_label == MAMBA_CACHE

    @property
    def reference_class_name(self) -> str:
        """The label under which a prompt-cache file keeps this cache."""
        return self.class_label

    # Slots

    @abstractmethod
    def __getitem__(self, index: Any) -> Any:
        """The array of a slot, or None while it is unwritten."""

    @abstractmethod
    def __setitem__(self, index: Any, value: Any) -> None:
        """Store an array (the object itself, no copy)."""

    @property
    @abstractmethod
    def batch_size(self) -> int:
        """Rows of the first written slot, else of left_padding, else of lengths, else 1."""

    @abstractmethod
    def empty(self) -> bool:
        """Whether slot 0 is unwritten."""

    @property
    def nbytes(self) -> int:
        """Bytes of the written slots."""
        return sum(slot.nbytes for slot in self.cache if slot is not None)

    def materialize(self) -> None:
        """Compute the written slots now."""
        mx.eval(self.cache)

    # Lengths and mask

    @abstractmethod
    def prepare(self, lengths: Any) -> None:
        """Set `lengths`, the valid tokens per sequence (ints)."""

    @abstractmethod
    def finalize(self) -> None:
        """Forget lengths and left_padding."""

    @abstractmethod
    def advance(self, N: Any) -> None:
        """Subtract N tokens from lengths and left_padding, each if set; int32 wraps."""

    @abstractmethod
    def make_mask(self, N: Any) -> mx.array | None:
        """bool [B, N], True where the token takes part; None if nothing restricts it."""

    # What a file says of the cache

    @staticmethod
    @abstractmethod
    def check_label(label: str) -> None:
        """Refuse a file's class label that the dialect's loader does not know."""

    # Batch

    @abstractmethod
    def filter(self, batch_indices: Any) -> None:
        """Keep the given rows, in the given order."""

    @abstractmethod
    def extend(self, other: Any) -> None:
        """Append the rows of another cache."""

    @abstractmethod
    def extract(self: C, idx: Any) -> C:
        """A new cache with row `idx` of every slot, without left_padding and lengths."""

    @classmethod
    @abstractmethod
    def merge(cls, caches: Any) -> SlotCache:
        """A new cache with one row from each of `caches`; left_padding and lengths are lost."""

    # What every cache of a model has

    @abstractmethod
    def size(self) -> int:
        """Tokens seen, for caches that count them."""

    def is_trimmable(self) -> bool:
        """Recurrent state cannot be rolled back."""
        return False

    def trim(self, n: Any) -> int:
        """Tokens removed: none, ever."""
        return 0

    @abstractmethod
    def update(self, keys: Any, values: Any) -> NoReturn:
        """Always an error: there are no keys and values."""
