"""Runs mlx-lm's own models and batch generation, and prints a digest of every logit on the way.

Executed by the Python of a release's environment: `program.py original|DIALECT`. With a dialect,
the reference's class stands in place of `mlx_lm.models.cache.ArraysCache`. Nothing is downloaded:
the models are built from small random configurations.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys

import mlx.core as mx
from mlx_lm.models import cache as cache_module

CONFIGURATIONS = {
    "qwen3_next": {
        "model_type": "qwen3_next", "hidden_size": 32, "num_hidden_layers": 4,
        "intermediate_size": 64, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16,
        "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 32,
        "linear_value_head_dim": 8, "linear_conv_kernel_dim": 4, "num_experts": 4,
        "num_experts_per_tok": 2, "decoder_sparse_step": 1, "shared_expert_intermediate_size": 32,
        "mlp_only_layers": [], "moe_intermediate_size": 32, "rms_norm_eps": 1e-6, "vocab_size": 64,
        "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "max_position_embeddings": 512,
    },
    "lfm2": {
        "model_type": "lfm2", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 4,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512,
        "norm_eps": 1e-5, "conv_bias": False, "conv_L_cache": 3, "block_dim": 32,
        "block_ff_dim": 64, "block_multiple_of": 8, "block_ffn_dim_multiplier": 1.0,
        "block_auto_adjust_ff_dim": False, "rope_theta": 10000.0, "full_attn_idxs": [1, 3],
    },
    "falcon_h1": {
        "model_type": "falcon_h1", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "intermediate_size": 64,
        "mamba_d_ssm": 64, "mamba_n_heads": 4, "mamba_d_head": 16, "mamba_n_groups": 1,
        "mamba_d_state": 16, "mamba_d_conv": 4, "max_position_embeddings": 512,
    },
}  # fmt: skip
PROMPTS = [[5, 9, 3], [7, 1, 8, 2, 4, 6, 11], [12, 13, 14, 15, 16]]
LATE_PROMPTS = [[21, 22, 23, 24], [31, 32]]


def digest(logits: mx.array) -> str:
    """A hash of shape and exact bits."""
    exact = mx.contiguous(logits.astype(mx.float32).reshape(-1)).view(mx.uint8)
    return hashlib.sha256(repr(logits.shape).encode() + bytes(memoryview(exact))).hexdigest()[:16]


def build(name: str):
    """A hybrid model with random weights, the same in every process."""
    module = importlib.import_module(f"mlx_lm.models.{name}")
    mx.random.seed(7)
    model = module.Model(module.ModelArgs.from_dict(CONFIGURATIONS[name]))
    mx.eval(model.parameters())
    return model


def batched(entry, padding: list[int]):
    """The batch form of one layer's cache, as mlx-lm would make it for left-padded prompts."""
    if isinstance(entry, cache_module.CacheList):
        return cache_module.CacheList(*(batched(child, padding) for child in entry.caches))
    if isinstance(entry, cache_module.ArraysCache):
        return cache_module.ArraysCache(len(entry.cache), left_padding=padding)
    return cache_module.BatchKVCache(padding)


def forward(model, tokens: mx.array, cache) -> tuple[str, mx.array]:
    logits = model(tokens, cache=cache)
    mx.eval(logits, [entry.state for entry in cache])
    return digest(logits), mx.argmax(logits[:, -1:], axis=-1)


def single(model) -> list[str]:
    """One sequence: a prompt in chunks, then greedy steps."""
    cache = model.make_cache()
    prompt = mx.array([[3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9]])
    seen = []
    for start in range(0, prompt.shape[1], 5):
        seen.append(forward(model, prompt[:, start : start + 5], cache))
    for _ in range(6):
        seen.append(forward(model, seen[-1][1], cache))
    return [entry for entry, _ in seen]


def padded_batch(model, prompts: list[list[int]]):
    """A left-padded batch, prefilled in two chunks; the cache, the next tokens and the digests."""
    longest = max(map(len, prompts))
    padding = [longest - len(prompt) for prompt in prompts]
    cache = [batched(entry, padding) for entry in model.make_cache()]
    tokens = mx.array([[0] * pad + prompt for pad, prompt in zip(padding, prompts, strict=True)])
    half = longest // 2
    first, _ = forward(model, tokens[:, :half], cache)
    second, following = forward(model, tokens[:, half:], cache)
    return cache, following, [first, second]


def batch(model) -> list[str]:
    """A batch with left padding; rows leave (filter) and join (extend) between steps."""
    cache, following, seen = padded_batch(model, PROMPTS)
    for _ in range(3):
        entry, following = forward(model, following, cache)
        seen.append(entry)
    for layer in cache:
        layer.filter([2, 0])
    entry, following = forward(model, following[mx.array([2, 0])], cache)
    seen.append(entry)
    joining, their_next, theirs = padded_batch(model, LATE_PROMPTS)
    for layer, other in zip(cache, joining, strict=True):
        layer.extend(other)
    following = mx.concatenate([following, their_next])
    for _ in range(3):
        entry, following = forward(model, following, cache)
        seen.append(entry)
    return seen + theirs


def generated(model) -> list[str]:
    """mlx-lm's continuous batching: prompts that arrive and end at different times."""
    from mlx_lm.generate import BatchGenerator

    generator = BatchGenerator(model, max_tokens=8, prefill_step_size=3, completion_batch_size=4)
    generator.insert(PROMPTS, [4, 7, 5])
    seen, steps = [], 0
    while steps < 60:
        steps += 1
        responses = generator.next()
        responses = (
            [r for part in responses for r in part] if isinstance(responses, tuple) else responses
        )
        for response in responses:
            if hasattr(response, "token"):
                seen.append(f"{response.uid}:{response.token}:{digest(response.logprobs)}")
        if steps == 3:
            generator.insert(LATE_PROMPTS, [6, 3])
    generator.close()
    return seen


def main() -> None:
    which = sys.argv[1]
    if which != "original":
        from reference_impl import dialect_class

        cache_module.ArraysCache = dialect_class(which)
    report = {}
    for name in CONFIGURATIONS:
        model = build(name)
        used = {
            type(c).__module__
            for c in _flat(model.make_cache())
            if type(c).__name__ == "ArraysCache"
        }
        report[name] = {
            "classes": sorted(used),
            "single": single(model),
            "batch": batch(model),
            "generated": generated(model),
        }
    print(json.dumps(report))


def _flat(caches):
    for entry in caches:
        yield from _flat(entry.caches) if hasattr(entry, "caches") else [entry]


if __name__ == "__main__":
    main()
