"""Wrong functions over the caches of all layers: trimming, making."""

from __future__ import annotations

from functools import partial
from typing import Any

from conformance.mutants.mutant import PROMPT, Mutant
from reference_impl import prompt_functions
from reference_impl.prompt.rules import KEEP
from tools.mutants.plain import LM31, LM32, RS, SWIFT3, SWIFT4

prompts = partial(Mutant, kind="prompt", label=PROMPT)

CAN, TRIM, MAKE, MASK = (
    "can_trim_prompt_cache", "trim_prompt_cache", "make_prompt_cache", "create_attention_mask",
)  # fmt: skip


def own(dialect: str, name: str) -> Any:
    """The dialect's own function, with the prompt as its first argument."""
    return getattr(type(prompt_functions(dialect)), name)


# Whether all layers can be trimmed


def _any_can(prompt: Any, cache: Any) -> bool:
    return not cache or any(layer.is_trimmable() for layer in cache)


def _first_can(prompt: Any, cache: Any) -> bool:
    return not cache or cache[0].is_trimmable()


def _last_can(prompt: Any, cache: Any) -> bool:
    return not cache or cache[-1].is_trimmable()


def _tokens_can(prompt: Any, cache: Any) -> bool:
    """Layers that have tokens."""
    return all(layer.is_trimmable() and getattr(layer, "offset", 1) != 0 for layer in cache)


def _plain_can(prompt: Any, cache: Any) -> bool:
    """Windows cannot, full or not."""
    return all(layer.is_trimmable() and not hasattr(layer, "max_size") for layer in cache)


def _some_can(prompt: Any, cache: Any) -> bool:
    return len(cache) > 0 and all(layer.is_trimmable() for layer in cache)


def _two_can(prompt: Any, cache: Any) -> bool:
    return len(cache) != 1 and all(layer.is_trimmable() for layer in cache)


def _unquantized_can(prompt: Any, cache: Any) -> bool:
    return all(layer.is_trimmable() and not hasattr(layer, "bits") for layer in cache)


def _asking_takes(prompt: Any, cache: Any) -> bool:
    for layer in cache[1:]:
        if layer.is_trimmable() and layer.offset:
            layer.trim(1)
    return own(LM32, CAN)(prompt, cache)  # type: ignore[no-any-return]


# Trimming


def _the_first(dialect: str) -> Any:
    return lambda prompt, cache, n: own(dialect, TRIM)(prompt, cache[:1], n)


def _what_can(prompt: Any, cache: Any, n: Any) -> Any:
    removed = [layer.trim(n) for layer in cache if layer.is_trimmable()]
    return removed[0] if removed else 0


def _says_the_last(prompt: Any, cache: Any, n: Any) -> Any:
    if not prompt.can_trim_prompt_cache(cache) or not cache:
        return 0
    return [layer.trim(n) for layer in cache][-1]


def _says_the_least(prompt: Any, cache: Any, n: Any) -> Any:
    if not prompt.can_trim_prompt_cache(cache) or not cache:
        return 0
    return min(layer.trim(n) for layer in cache)


def _says_what_was_asked(prompt: Any, cache: Any, n: Any) -> Any:
    return n if own(LM31, TRIM)(prompt, cache, n) else 0


def _always_says_what_was_asked(prompt: Any, cache: Any, n: Any) -> Any:
    own(RS, TRIM)(prompt, cache, n)
    return n if prompt.can_trim_prompt_cache(cache) and cache else 0


def _as_much_as_all_have(prompt: Any, cache: Any, n: Any) -> Any:
    least = min((getattr(layer, "offset", 0) for layer in cache), default=0)
    return own(SWIFT3, TRIM)(prompt, cache, min(n, least))


def _each_layer_once(prompt: Any, cache: Any, n: Any) -> Any:
    return own(LM31, TRIM)(prompt, list({id(layer): layer for layer in cache}.values()), n)


def _one_at_least(prompt: Any, cache: Any, n: Any) -> Any:
    return own(LM32, TRIM)(prompt, cache, n or 1)


def _all_or_nothing(prompt: Any, cache: Any, n: Any) -> Any:
    """All tokens, or none."""
    enough = all(getattr(layer, "offset", 0) <= n for layer in cache)
    return own(SWIFT4, TRIM)(prompt, cache, n if enough else 0)


def _children_too(prompt: Any, cache: Any, n: Any) -> Any:
    """A list of caches is passed over."""
    flat = [layer for layer in cache if not hasattr(layer, "caches")]
    return own(LM31, TRIM)(prompt, flat, n) if prompt.can_trim_prompt_cache(cache) else 0


def _needs_layers(prompt: Any, cache: Any, n: Any) -> Any:
    return cache[0] and own(LM32, TRIM)(prompt, cache, n)


def _negative_is_none(dialect: str) -> Any:
    def trim(prompt: Any, cache: Any, n: Any) -> Any:
        return abs(own(dialect, TRIM)(prompt, cache, abs(n)))

    return trim


def _counted_late(prompt: Any, cache: Any, n: Any) -> Any:
    """A negative number is refused by the first layer that gets it."""
    return own(LM31, TRIM)(prompt, cache, n)


# Making


def _shared(dialect: str) -> Any:
    """One cache for all layers."""

    def make(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
        made = own(dialect, MAKE)(prompt, model, max_kv_size)
        return made[:1] * len(made)

    return make


def _one_fewer(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
    """No cache for the last layer but that of the one before it."""
    made = own(SWIFT4, MAKE)(prompt, model, max_kv_size)
    return [*made[:-1], *made[-2:-1]] if len(made) > 1 else made


def _windows_of(keep: int, more: int, dialect: str) -> Any:
    def make(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
        made = own(dialect, MAKE)(prompt, model, max_kv_size)
        if max_kv_size is not None:
            for layer in made:
                layer.keep, layer.max_size = keep, layer.max_size + more
        return made

    return make


def _no_size(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
    return own(RS, MAKE)(prompt, model)


def _first_alone_has_a_window(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
    made = own(SWIFT3, MAKE)(prompt, model, max_kv_size)
    return [*made[:1], *own(SWIFT3, MAKE)(prompt, model)[1:]]


def _always_a_window(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
    return own(LM31, MAKE)(prompt, model, 4096 if max_kv_size is None else max_kv_size)


def _zero_is_no_size(dialect: str) -> Any:
    return lambda prompt, model, max_kv_size=None: own(dialect, MAKE)(
        prompt, model, max_kv_size or None
    )


def _positive_size(dialect: str) -> Any:
    def make(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
        size = None if max_kv_size is None else max(max_kv_size, 1)
        return own(dialect, MAKE)(prompt, model, size)

    return make


def _one_layer_at_least(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
    if max_kv_size is None and _layers(model) == 0:
        raise ValueError("a model has layers")
    return own(LM32, MAKE)(prompt, model, max_kv_size)


def _layers(model: Any) -> int:
    return len(model.layers)


def _negative_is_no_layer(dialect: str) -> Any:
    return lambda prompt, model, max_kv_size=None: own(dialect, MAKE)(
        prompt, max(model.__index__(), 0), max_kv_size
    )


def _counting_layers(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
    """Whatever the model makes."""
    kind = prompt.classes["KVCache" if max_kv_size is None else "RotatingKVCache"]
    size = () if max_kv_size is None else (max_kv_size, KEEP)
    return [kind(*size) for _ in range(_layers(model))]


def _size_first(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
    if max_kv_size is not None:
        return _counting_layers(prompt, model, max_kv_size)
    return own(LM32, MAKE)(prompt, model)


def _own_restored(prompt: Any, model: Any, max_kv_size: Any = None) -> Any:
    made = own(LM31, MAKE)(prompt, model, max_kv_size)
    return [
        layer if layer.keys is None else type(layer).from_state(layer.state, layer.meta_state)
        for layer in made
    ]


MUTANTS = (
    prompts("prompt-trimmable-if-any", LM31, ("PROMPT-001", "PROMPT-005"),
            "One layer that can be trimmed is enough.", members={CAN: _any_can}),
    prompts("prompt-trimmable-as-the-first", RS, ("PROMPT-001", "PROMPT-005"),
            "The first layer says whether all can be trimmed.", members={CAN: _first_can}),
    prompts("prompt-trimmable-as-the-last", SWIFT3, ("PROMPT-001", "PROMPT-005"),
            "The last layer says whether all can be trimmed.", members={CAN: _last_can}),
    prompts("prompt-trimmable-with-tokens", LM32, ("PROMPT-001",),
            "A layer without tokens cannot be trimmed.", members={CAN: _tokens_can}),
    prompts("prompt-windows-not-trimmable", RS, ("PROMPT-001", "PROMPT-003"),
            "Windows cannot be trimmed.", members={CAN: _plain_can}),
    prompts("prompt-of-one-not-trimmable", LM31, ("PROMPT-001",),
            "A prompt of one layer cannot be trimmed.", members={CAN: _two_can}),
    prompts("prompt-quantized-not-trimmable", LM32, ("PROMPT-001", "PROMPT-003"),
            "A quantized layer cannot be trimmed.", members={CAN: _unquantized_can}),
    prompts("prompt-without-layers-not-trimmable", LM31, ("PROMPT-002",),
            "A prompt without layers cannot be trimmed.", members={CAN: _some_can}),
    prompts("prompt-asking-trims", LM32, ("PROMPT-016",),
            "Asking whether a prompt can be trimmed takes tokens back.",
            members={CAN: _asking_takes}),
    prompts("prompt-trim-needs-layers", LM32, ("PROMPT-002",),
            "Trimming no layers is an IndexError.", members={TRIM: _needs_layers}),
    prompts("prompt-trims-the-first", LM31, ("PROMPT-003",), "The first layer is trimmed.",
            members={TRIM: _the_first(LM31)}),
    prompts("prompt-trims-one-at-least", LM32, ("PROMPT-003",), "Taking nothing back takes one.",
            members={TRIM: _one_at_least}),
    prompts("prompt-trims-all-or-nothing", SWIFT4, ("PROMPT-003",),
            "A part of the tokens is not taken back.", members={TRIM: _all_or_nothing}),
    prompts("prompt-trims-no-lists", LM31, ("PROMPT-003",), "Lists of caches are passed over.",
            members={TRIM: _children_too}),
    prompts("prompt-trims-each-cache-once", LM31, ("PROMPT-003",),
            "A cache that is there twice is trimmed once.", members={TRIM: _each_layer_once}),
    prompts("prompt-trim-says-the-last", LM32, ("PROMPT-004",), "The answer is the last layer's.",
            members={TRIM: _says_the_last}),
    prompts("prompt-trim-says-the-least", SWIFT4, ("PROMPT-004",), "The answer is the least.",
            members={TRIM: _says_the_least}),
    prompts("prompt-trim-says-what-was-asked", LM31, ("PROMPT-004",),
            "All that was asked is said.", members={TRIM: _says_what_was_asked}),
    prompts("prompt-trim-is-said-to-be-done", RS, ("PROMPT-004",),
            "What was asked is said, whatever there is.",
            members={TRIM: _always_says_what_was_asked}),
    prompts("prompt-trims-what-all-have", SWIFT3, ("PROMPT-004",),
            "No more is taken back than the shortest layer has.",
            members={TRIM: _as_much_as_all_have}),
    prompts("prompt-trims-what-can", LM32, ("PROMPT-005",),
            "Layers that cannot be trimmed are passed over.", members={TRIM: _what_can}),
    prompts("prompt-negative-is-positive", LM31, ("PROMPT-006",),
            "A negative number is taken for a positive one.",
            members={TRIM: _negative_is_none(LM31)}),
    prompts("prompt-negative-is-looked-at-late", RS, ("PROMPT-006",),
            "Where no layer can be trimmed a negative number is not refused.",
            members={TRIM: _counted_late}),
    prompts("prompt-always-windows", LM31, ("PROMPT-007",), "Without a size there are windows.",
            members={MAKE: _always_a_window}),
    prompts("prompt-one-cache-for-all", LM32, ("PROMPT-008",), "All layers have one cache.",
            members={MAKE: _shared(LM32)}),
    prompts("prompt-one-cache-too-few", SWIFT4, ("PROMPT-008",),
            "The last layer has the cache of the one before it.", members={MAKE: _one_fewer}),
    prompts("prompt-keeps-nothing", LM31, ("PROMPT-009",), "Windows keep no tokens.",
            members={MAKE: _windows_of(0, 0, LM31)}),
    prompts("prompt-keeps-one", SWIFT4, ("PROMPT-009",), "Windows keep one token.",
            members={MAKE: _windows_of(1, 0, SWIFT4)}),
    prompts("prompt-windows-hold-more", LM32, ("PROMPT-009",),
            "What windows keep comes on top of their size.",
            members={MAKE: _windows_of(KEEP, KEEP, LM32)}),
    prompts("prompt-size-ignored", RS, ("PROMPT-009",), "The greatest size is ignored.",
            members={MAKE: _no_size}),
    prompts("prompt-first-layer-has-a-window", SWIFT3, ("PROMPT-009",),
            "The first layer alone has a window.", members={MAKE: _first_alone_has_a_window}),
    prompts("prompt-size-of-none-is-no-size", LM31, ("PROMPT-010",), "A size of 0 is no size.",
            members={MAKE: _zero_is_no_size(LM31)}),
    prompts("prompt-size-is-positive", RS, ("PROMPT-010",), "A size is at least 1.",
            members={MAKE: _positive_size(RS)}),
    prompts("prompt-needs-layers", LM32, ("PROMPT-010",), "A model without layers is refused.",
            members={MAKE: _one_layer_at_least}),
    prompts("prompt-negative-is-no-layer", RS, ("PROMPT-010",),
            "A negative number of layers is none.", "mlx-lm",
            members={MAKE: _negative_is_no_layer(RS)}),
    prompts("prompt-negative-is-no-layer-in-swift", SWIFT3, ("PROMPT-010",),
            "A negative number of layers is none.", "mlx-lm",
            members={MAKE: _negative_is_no_layer(SWIFT3)}),
    prompts("prompt-model-not-asked", LM31, ("PROMPT-011",),
            "A model that makes its own caches is not asked.", members={MAKE: _counting_layers}),
    prompts("prompt-size-before-the-model", LM32, ("PROMPT-011",),
            "With a size the model is not asked.", members={MAKE: _size_first}),
    prompts("prompt-of-copies", LM31, ("PROMPT-011",), "What the model made is copied.",
            members={MAKE: _own_restored}, sequence=True),
)  # fmt: skip
