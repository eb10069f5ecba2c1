"""Functions over the caches of all layers of a model, and which of them a dialect has."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reference_impl.attention import CAUSAL, causal, swift_causal
from reference_impl.errors import Trap
from reference_impl.integers import as_usize

KEEP = 4  # tokens at the front that a cache of limited size keeps


@dataclass(frozen=True, kw_only=True)
class PromptFunctions:
    """The functions of a dialect; `make_prompt_cache` makes caches of its classes."""

    can_trim_prompt_cache: Callable[[Sequence[Any]], bool]
    trim_prompt_cache: Callable[[Sequence[Any], Any], Any]
    make_prompt_cache: Callable[..., list[Any]]
    # None: the dialect has masks of single caches alone.
    create_attention_mask: Callable[..., Any] | None


def can_trim(cache: Sequence[Any]) -> bool:
    """Whether every layer can be trimmed; so it is without layers."""
    return all(layer.is_trimmable() for layer in cache)


# Trimming


def trim_all(cache: Sequence[Any], num_tokens: Any) -> Any:
    """Trim every layer if all can be trimmed; how many tokens of the first one, else 0."""
    if not can_trim(cache) or not len(cache):
        return 0
    removed = [layer.trim(num_tokens) for layer in cache]
    return removed[0]


def trim_all_counted(cache: Sequence[Any], num_tokens: Any) -> Any:
    """The same; a negative number is `OutOfRange`, whatever the layers are."""
    return trim_all(cache, as_usize(num_tokens, "trim"))


# Making


def ask_model(classes: Mapping[str, type[Any]], model: Any, max_kv_size: Any = None) -> list[Any]:
    """mlx-lm: what the model makes, whatever the size; else one cache for each of its layers."""
    if hasattr(model, "make_cache"):
        made: list[Any] = model.make_cache()
        return made
    return one_per_layer(classes, len(model.layers), max_kv_size)


def one_per_layer(
    classes: Mapping[str, type[Any]], layers: Any, max_kv_size: Any = None
) -> list[Any]:
    """Swift: plain caches, or with a size such with a window that keep the first 4 tokens."""
    count = operator.index(layers)
    if count < 0:
        raise Trap("range with a lower bound above its upper bound")
    if max_kv_size is None:
        return [classes["KVCache"]() for _ in range(count)]
    return [classes["RotatingKVCache"](max_kv_size, KEEP) for _ in range(count)]


def one_per_counted_layer(
    classes: Mapping[str, type[Any]], layers: Any, sliding_window: Any = None
) -> list[Any]:
    """mlxrs: the same; a negative window is one of 0."""
    window = None if sliding_window is None else max(operator.index(sliding_window), 0)
    return one_per_layer(classes, as_usize(layers, "layers"), window)


# Masks


def mask_of_cache_else_causal(
    h: Any, cache: Any = None, window_size: Any = None, return_array: Any = False
) -> Any:
    """mlx-lm: the cache's own mask for the tokens of `h`, [batch, tokens, ...].

    Without a cache, or with one that has no masks: None for one token, an array if it is wanted or
    the window is narrower than that, else "causal".
    """
    count = h.shape[1]
    if cache and hasattr(cache, "make_mask"):
        return cache.make_mask(count, return_array=return_array, window_size=window_size)
    if count == 1:
        return None
    if return_array or (window_size and count > window_size):
        return causal(count, 0, window_size)
    return CAUSAL


def swift_mask_of_cache_else_causal(
    h: Any, cache: Any = None, window_size: Any = None, return_array: Any = False
) -> Any:
    """Swift: the same; window 0 counts as one."""
    count = h.shape[1]
    if cache is not None:
        return cache.make_mask(count, return_array=return_array, window_size=window_size)
    if count == 1:
        return None
    if return_array or (window_size is not None and count > window_size):
        return swift_causal(count, 0, window_size)
    return CAUSAL


def functions(
    classes: Mapping[str, type[Any]],
    make: Callable[..., list[Any]],
    trim: Callable[[Sequence[Any], Any], Any],
    mask: Callable[..., Any] | None,
) -> PromptFunctions:
    """The functions of a dialect that has these classes."""
    return PromptFunctions(
        can_trim_prompt_cache=can_trim,
        trim_prompt_cache=trim,
        make_prompt_cache=partial(make, classes),
        create_attention_mask=mask,
    )
