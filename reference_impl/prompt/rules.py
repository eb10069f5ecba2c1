"""The caches of all layers: trimming, making and masks, as dialects do them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from reference_impl.attention import CAUSAL, causal, swift_causal
from reference_impl.errors import Trap
from reference_impl.integers import as_usize
from reference_impl.prompt.cache import Prompt

KEEP = 4  # tokens at the front that a cache of limited size keeps

# Trimming


def trim_all(prompt: Prompt, cache: Sequence[Any], num_tokens: Any) -> Any:
    """Every layer or none; a negative number does what it does to each layer."""
    if not prompt.can_trim_prompt_cache(cache) or not len(cache):
        return 0
    removed = [layer.trim(num_tokens) for layer in cache]
    return removed[0]


def trim_all_counted(prompt: Prompt, cache: Sequence[Any], num_tokens: Any) -> Any:
    """mlxrs: the same; a negative number is `OutOfRange`, whatever the layers are."""
    return trim_all(prompt, cache, as_usize(num_tokens, "trim"))


# Making


def ask_model(prompt: Prompt, model: Any, max_kv_size: Any = None) -> list[Any]:
    """mlx-lm: what the model makes, whatever the size; else one cache for each of its layers."""
    if hasattr(model, "make_cache"):
        made: list[Any] = model.make_cache()
        return made
    return one_per_layer(prompt, len(model.layers), max_kv_size)


def one_per_layer(prompt: Prompt, layers: Any, max_kv_size: Any = None) -> list[Any]:
    """Swift: for a number of layers, plain caches, or with a size such with a window that keep the
    first 4 tokens."""
    count = operator.index(layers)
    if count < 0:
        raise Trap("range with a lower bound above its upper bound")
    if max_kv_size is None:
        return [prompt.classes["KVCache"]() for _ in range(count)]
    return [prompt.classes["RotatingKVCache"](max_kv_size, KEEP) for _ in range(count)]


def one_per_counted_layer(prompt: Prompt, layers: Any, max_kv_size: Any = None) -> list[Any]:
    """mlxrs: the same; a negative size is a window of 0."""
    count = as_usize(layers, "layers")
    window = None if max_kv_size is None else max(operator.index(max_kv_size), 0)
    return one_per_layer(prompt, count, window)


# Masks


def mask_of_cache_or_array(
    prompt: Prompt,
    h: Any,
    cache: Any = None,
    window_size: Any = None,
    return_array: Any = False,
) -> Any:
    """mlx-lm: a cache without masks counts as none, and window 0 as no window."""
    count = h.shape[1]
    if cache and hasattr(cache, "make_mask"):
        return cache.make_mask(count, return_array=return_array, window_size=window_size)
    if count == 1:
        return None
    if return_array or (window_size and count > window_size):
        return causal(count, 0, window_size)
    return CAUSAL


def mask_of_cache_or_narrow_window(
    prompt: Prompt,
    h: Any,
    cache: Any = None,
    window_size: Any = None,
    return_array: Any = False,
) -> Any:
    """Swift: window 0 hides everything."""
    count = h.shape[1]
    if cache is not None:
        return cache.make_mask(count, return_array=return_array, window_size=window_size)
    if count == 1:
        return None
    if return_array or (window_size is not None and count > window_size):
        return swift_causal(count, 0, window_size)
    return CAUSAL
