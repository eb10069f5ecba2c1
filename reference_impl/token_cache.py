"""What all caches of keys and values have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

import mlx.core as mx

from reference_impl.serialized_cache import SerializedCache

C = TypeVar("C", bound="TokenCache")


class TokenCache(SerializedCache):
    """Every operation of every kind; the class of a kind has those that are the same everywhere,
    and the class of a dialect decides the others.

    Keys and values are [batch, heads, tokens, head dimension], of any dtype, or None before the
    first update. Quantized ones are tuples of three such arrays. The docstring of a rule has the
    exact behaviour and the errors.
    """

    # The classes of the dialect by label: what a list restores, and what conversions make.
    classes: ClassVar[Mapping[str, type[Any]]]

    keys: Any
    values: Any
    offset: Any
    max_size: Any
    step: int

    @abstractmethod
    def update_and_fetch(self, keys: Any, values: Any) -> Any:
        """Append tokens; all keys and all values that attention is to see."""

    @abstractmethod
    def keys_and_values(self) -> Any:
        """What attention is to see, without appending anything."""

    def is_trimmable(self) -> bool:
        """Whether the last tokens can be taken back."""
        return True

    @abstractmethod
    def trim(self, n: Any) -> int:
        """Take back the last `n` tokens, or as many as there are; how many."""

    @abstractmethod
    def make_mask(self, N: Any, *, return_array: Any, window_size: Any) -> Any:
        """The mask for `N` tokens to come: None, "causal", or bool [..., N, tokens]."""

    def size(self) -> Any:
        """How many tokens are kept, for kinds that say; the others have 0."""
        return 0

    def empty(self) -> bool:
        """Whether nothing was ever appended."""
        return self.keys is None

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers, used or not."""
        return 0 if self.keys is None else int(self.keys.nbytes + self.values.nbytes)

    @classmethod
    def blank(cls: type[C]) -> C:
        """A cache without anything in it, for state and metadata to be assigned to."""
        return cls()

    def inner_state(self) -> list[mx.array]:
        """The buffers as they are, used or not."""
        return [] if self.keys is None else [self.keys, self.values]

    def materialize(self) -> None:
        """Compute the buffers now."""
        mx.eval([self.keys, self.values])

    def rope_offset(self) -> Any:
        """The position of the next token: an int, or int32 [batch]."""
        return self.offset

    @property
    def reference_class_name(self) -> str:
        """The label under which a prompt-cache file keeps this cache."""
        return type(self).__name__
