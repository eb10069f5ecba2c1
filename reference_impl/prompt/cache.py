"""The caches of all layers of a model, together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any


class Prompt(ABC):
    """The functions of a dialect over the caches of all layers; `classes` are its cache classes."""

    def __init__(self, classes: Mapping[str, type[Any]]) -> None:
        self.classes = classes

    def can_trim_prompt_cache(self, cache: Sequence[Any]) -> bool:
        """Whether every layer can be trimmed; so it is without layers."""
        return all(layer.is_trimmable() for layer in cache)

    @abstractmethod
    def trim_prompt_cache(self, cache: Sequence[Any], num_tokens: Any) -> Any:
        """Trim every layer if all can be trimmed; how many tokens of the first one, else 0."""

    @abstractmethod
    def make_prompt_cache(self, model: Any, max_kv_size: Any = None) -> list[Any]:
        """A cache for each layer of a model, or of so many layers."""

    @abstractmethod
    def create_attention_mask(
        self, h: Any, cache: Any = None, window_size: Any = None, return_array: Any = False
    ) -> Any:
        """The mask for the tokens of `h`, [batch, tokens, ...]: that of the cache if there is one.

        Else None for one token, an array where it is wanted or the window is narrower than that,
        and "causal".
        """
