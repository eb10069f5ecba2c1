"""Runs mlx-lm's own models on its own caches or on the reference's, of every kind.

Executed by the Python of a release's environment: `every_kind.py original|DIALECT [wrong]`. With a
dialect, the reference's classes stand in place of those of `mlx_lm.models.cache`, wherever mlx-lm
has taken them; with `wrong`, they do a little wrong. Prints a digest of every logit on the way.
Nothing is downloaded: the models are built from small random configurations.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import program
from mlx_lm.generate import generate_step
from mlx_lm.models import cache as cache_module

SMALL = {
    "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1,
    "rms_norm_eps": 1e-6, "vocab_size": 64, "rope_theta": 10000.0, "max_position_embeddings": 512,
}  # fmt: skip
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    # dense; heads as wide as a group of quantized values
    "llama": {**SMALL, "model_type": "llama", "num_hidden_layers": 2, "head_dim": 32},
    # plain layers beside such with a window
    "gemma3_text": {
        **SMALL, "model_type": "gemma3_text", "num_hidden_layers": 4, "head_dim": 16,
        "query_pre_attn_scalar": 16, "sliding_window": 6, "sliding_window_pattern": 2,
    },
    "gpt_oss": {
        **SMALL, "model_type": "gpt_oss", "num_hidden_layers": 2, "head_dim": 32,
        "num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 6,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    # plain layers beside slot caches
    "lfm2": program.CONFIGURATIONS["lfm2"],
    # a slot cache and a plain one in each layer
    "falcon_h1": program.CONFIGURATIONS["falcon_h1"],
    # chunks; mlx-lm has no batches of these
    "llama4": {
        "model_type": "llama4",
        "text_config": {
            **SMALL, "model_type": "llama4_text", "num_hidden_layers": 4, "head_dim": 16,
            "attention_bias": False, "attention_chunk_size": 260, "interleave_moe_layer_step": 2,
            "intermediate_size_mlp": 64, "num_experts_per_tok": 1, "num_local_experts": 2,
            "rms_norm_eps": 1e-6, "rope_scaling": None, "use_qk_norm": True,
        },
    },
}  # fmt: skip
IN_BATCHES = ("llama", "gemma3_text", "gpt_oss", "lfm2", "falcon_h1")
LONG = [(7 * place + 3) % 61 + 1 for place in range(40)]


def steps(model: Any, cache: list[Any], size: int, count: int) -> list[str]:
    """A prompt in chunks of `size`, then greedy tokens."""
    prompt, seen = mx.array([LONG]), []
    for start in range(0, prompt.shape[1], size):
        seen.append(program.forward(model, prompt[:, start : start + size], cache))
    for _ in range(count):
        seen.append(program.forward(model, seen[-1][1], cache))
    return [entry for entry, _ in seen]


def single(model: Any) -> list[str]:
    return steps(model, cache_module.make_prompt_cache(model), 7, 12)


def limited(model: Any) -> list[str]:
    """mlx-lm's caches of limited size, which keep the first tokens."""
    layers = [cache_module.RotatingKVCache(max_size=12, keep=4) for _ in model.layers]
    return steps(model, layers, 9, 12)


def quantized(model: Any) -> list[str]:
    """mlx-lm's own generation, whose caches are quantized on the way."""
    made = generate_step(
        mx.array(LONG), model, max_tokens=10, kv_bits=4, kv_group_size=32,
        quantized_kv_start=45, prefill_step_size=16,
    )  # fmt: skip
    return [program.digest(logits) for _, logits in made]


def reused(model: Any) -> list[str]:
    """A prompt cache that is saved, loaded, trimmed where that is possible, and gone on with."""
    cache = cache_module.make_prompt_cache(model)
    seen = steps(model, cache, 40, 2)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "prompt.safetensors")
        cache_module.save_prompt_cache(file, cache, {"model": "small"})
        cache, metadata = cache_module.load_prompt_cache(file, return_metadata=True)
        assert metadata == {"model": "small"}, metadata
        mx.eval([entry.state for entry in cache])
    seen += steps(model, cache, 40, 2)
    seen.append(str(cache_module.trim_prompt_cache(cache, 5)))
    return seen + steps(model, cache, 3, 2)


def replace_classes(dialect: str) -> None:
    """Wherever mlx-lm has a class of its own, it has the reference's."""
    from reference_impl import cache_classes

    ours = cache_classes(dialect)
    theirs = {getattr(cache_module, label): cls for label, cls in ours.items()}
    modules = [m for name, m in sys.modules.items() if name.split(".")[0] == "mlx_lm"]
    for module in modules:
        for name, value in list(vars(module).items()):
            if isinstance(value, type) and value in theirs:
                setattr(module, name, theirs[value])


def spoil(dialect: str) -> None:
    """The keys of a plain cache are zeros, and a window of a batch is one too narrow."""
    from reference_impl import cache_classes

    plain, batch = (cache_classes(dialect)[name] for name in ("KVCache", "BatchRotatingKVCache"))
    update, mask = plain.update_and_fetch, batch.make_mask
    plain.update_and_fetch = lambda cache, keys, values: update(cache, 0 * keys, values)
    batch.make_mask = lambda cache, N, window_size=None, return_array=False: mask(
        cache, N, (window_size or cache.max_size) - 1
    )


def batched(entry: Any, padding: list[int]) -> Any:
    """The batch form of one layer's cache, as mlx-lm would make it for left-padded prompts."""
    if isinstance(entry, cache_module.RotatingKVCache):
        return cache_module.BatchRotatingKVCache(entry.max_size, padding)
    return OF_SLOTS_AND_PLAIN(entry, padding)


OF_SLOTS_AND_PLAIN = program.batched


def outcome(what: Callable[[Any], list[str]], model: Any) -> list[str]:
    """The digests; or the error, which must be the same too."""
    try:
        return what(model)
    except Exception as error:
        return [type(error).__name__]


def classes(model: Any) -> list[str]:
    made = every(cache_module.make_prompt_cache(model))
    return sorted({f"{type(each).__module__}.{type(each).__name__}" for each in made})


def every(caches: Iterable[Any]) -> Iterator[Any]:
    for cache in caches:
        yield cache
        yield from every(getattr(cache, "caches", []))


def main() -> None:
    which = sys.argv[1]
    if which != "original":
        replace_classes(which)
    if "wrong" in sys.argv[2:]:
        spoil(which)
    program.batched = batched
    program.CONFIGURATIONS = CONFIGURATIONS
    report: dict[str, dict[str, list[str]]] = {}
    for name in CONFIGURATIONS:
        model = program.build(name)
        runs: list[Callable[[Any], list[str]]] = [single, reused]
        if name in IN_BATCHES:
            runs += [program.batch, program.generated]
        if name == "llama":
            runs += [limited, quantized]
        report[name] = {"classes": classes(model), **{r.__name__: outcome(r, model) for r in runs}}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
