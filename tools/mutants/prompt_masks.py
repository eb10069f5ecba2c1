"""Wrong functions over the caches of all layers: masks."""

from __future__ import annotations

from typing import Any

from reference_impl.attention import CAUSAL, causal
from tools.mutants.plain import LM31, LM32, SWIFT3, SWIFT4
from tools.mutants.prompts import MASK, own, prompts


def _mask(dialect: str, change: Any) -> Any:
    """The dialect's mask, unless `change(n, cache, window, array)` gives another one in a tuple."""

    def mask(
        prompt: Any, h: Any, cache: Any = None, window_size: Any = None, return_array: Any = False
    ) -> Any:
        found = change(h.shape[1], cache, window_size, return_array)
        if found is not None:
            return found[0]
        return own(dialect, MASK)(prompt, h, cache, window_size, return_array)

    return mask


def _window_zero(n: Any, cache: Any, w: Any, array: Any) -> Any:
    return (causal(n, 0, 0),) if cache is None and w == 0 and n > 1 else None


def _window_zero_is_none(n: Any, cache: Any, w: Any, array: Any) -> Any:
    return (CAUSAL,) if cache is None and w == 0 and not array else None


def _with_offset_one(n: Any, cache: Any, w: Any, array: Any) -> Any:
    if cache is None or not cache.offset or not array:
        return None
    return (causal(n, cache.offset + 1, w),)


def _taking(n: Any, cache: Any, w: Any, array: Any) -> Any:
    if cache is not None and w is not None and array:
        found = cache.make_mask(n, window_size=w, return_array=array)
        cache.offset -= 1
        return (found,)
    return None


def _no_window(dialect: str) -> Any:
    def mask(
        prompt: Any, h: Any, cache: Any = None, window_size: Any = None, return_array: Any = False
    ) -> Any:
        return own(dialect, MASK)(prompt, h, cache, None, return_array)

    return mask


def _empty_is_none(prompt: Any, h: Any, cache: Any = None, window_size: Any = None,
                   return_array: Any = False) -> Any:  # fmt: skip
    used = None if cache is not None and cache.empty() else cache
    return own(LM31, MASK)(prompt, h, used, window_size, return_array)


def _of_the_first_child(prompt: Any, h: Any, cache: Any = None, window_size: Any = None,
                        return_array: Any = False) -> Any:  # fmt: skip
    inner = getattr(cache, "caches", [cache])[0]
    return own(LM32, MASK)(prompt, h, inner, window_size, return_array)


def _counted_where_there_is_no_mask(n: Any, cache: Any, w: Any, array: Any) -> Any:
    if cache is not None and not hasattr(cache, "make_mask") and array:
        return (causal(n, getattr(cache, "offset", 0), w),)
    return None


MUTANTS = (
    prompts("prompt-mask-for-one", LM31, ("PROMPT-012",), "A single token is causal.",
            members={MASK: _mask(LM31, lambda n, cache, w, array: (
                CAUSAL,) if cache is None and n == 1 else None)}),
    prompts("prompt-mask-of-none-for-all", SWIFT3, ("PROMPT-012",), "There is no mask.",
            members={MASK: _mask(SWIFT3, lambda n, cache, w, array: (
                None,) if cache is None and w is None and not array else None)}),
    prompts("prompt-mask-always-array", LM32, ("PROMPT-012",), "There is an array for every chunk.",
            members={MASK: _mask(LM32, lambda n, cache, w, array: (
                causal(n, 0, w or None),) if cache is None and n != 1 else None)}),
    prompts("prompt-mask-array-not-asked-for", LM31, ("PROMPT-012",), "An array is never made.",
            members={MASK: _mask(LM31, lambda n, cache, w, array: (
                CAUSAL,) if cache is None and array and w is None and n > 1 else None)}),
    prompts("prompt-mask-array-for-one", SWIFT4, ("PROMPT-012",), "One token has an array.",
            members={MASK: _mask(SWIFT4, lambda n, cache, w, array: (
                causal(1, 0),) if cache is None and array and n == 1 else None)}),
    prompts("prompt-mask-without-window", LM31, ("PROMPT-013", "PROMPT-014"),
            "A window is not looked at.", members={MASK: _no_window(LM31)}),
    prompts("prompt-mask-of-any-window", LM32, ("PROMPT-013",),
            "A window makes an array, however wide.",
            members={MASK: _mask(LM32, lambda n, cache, w, array: (
                causal(n, 0, w),) if cache is None and w else None)}),
    prompts("prompt-mask-of-window-zero", LM31, ("PROMPT-013",), "Window 0 hides everything.",
            "mlx-swift-lm", members={MASK: _mask(LM31, _window_zero)}),
    prompts("prompt-mask-without-window-zero", SWIFT3, ("PROMPT-013",), "Window 0 is none.",
            "mlx-lm", members={MASK: _mask(SWIFT3, _window_zero_is_none)}),
    prompts("prompt-array-without-window", LM32, ("PROMPT-013",),
            "An array that is asked for with a window is not made.",
            members={MASK: _mask(LM32, lambda n, cache, w, array: (
                CAUSAL,) if cache is None and array and w and w >= n else None)}),
    prompts("prompt-mask-without-layer", SWIFT4, ("PROMPT-014",), "The cache is not asked.",
            members={MASK: lambda prompt, h, cache=None, window_size=None, return_array=False: own(
                SWIFT4, MASK)(prompt, h, None, window_size, return_array)}),
    prompts("prompt-mask-one-column-more", LM32, ("PROMPT-014",),
            "The mask of a layer has a column too many.",
            members={MASK: _mask(LM32, _with_offset_one)}),
    prompts("prompt-mask-of-empty-is-none", LM31, ("PROMPT-014",),
            "A cache without tokens is not asked.", members={MASK: _empty_is_none}),
    prompts("prompt-mask-of-the-first-child", LM32, ("PROMPT-015",),
            "Of a list the first child is asked.", members={MASK: _of_the_first_child}),
    prompts("prompt-mask-counts-all-the-same", LM31, ("PROMPT-015",),
            "A cache that has no mask is counted.", "mlx-swift-lm",
            members={MASK: _mask(LM31, _counted_where_there_is_no_mask)}),
    prompts("prompt-mask-takes-a-token", LM31, ("PROMPT-016",),
            "Making a mask takes a token back.", members={MASK: _mask(LM31, _taking)}),
)  # fmt: skip
