"""The caches of all layers of a model: whether they can be trimmed, trimming, making, masks."""

from __future__ import annotations

from conformance.engine.kind import Kind, Step
from conformance.engine.operation import ANY, Handle, Operation

LAYERS = Handle("caches", kind=ANY)


class Layers(Step, frozen=True, kw_only=True):
    caches: list[str]


class Trim(Step, frozen=True, kw_only=True):
    caches: list[str]
    n: int


class Make(Step, frozen=True, kw_only=True):
    layers: int
    max_kv_size: int | None = None
    into: list[str]
    of: list[str]


class MakeOfModel(Step, frozen=True, kw_only=True):
    caches: list[str]
    max_kv_size: int | None = None
    into: list[str]
    of: list[str]


class Mask(Step, frozen=True, kw_only=True):
    n: int
    layer: str | None = None
    window_size: int | None = None
    return_array: bool = False


PROMPT = Kind(
    name="prompt",
    title="Whole prompts",
    records=(
        Operation(
            "can_trim_prompt_cache", Layers, "true or false: whether all layers can be trimmed",
            reads=(LAYERS,), looks=True,
        ),
        Operation(
            "trim_prompt_cache", Trim, "integer, the tokens trimmed of each layer", reads=(LAYERS,)
        ),
        Operation(
            "make_prompt_cache", Make,
            "null; a cache for each layer of a model with so many, which does not make its own",
            makes=Handle("into", kind_from="of"), reads=(),
        ),
        Operation(
            "make_prompt_cache_of_model", MakeOfModel,
            "null; what there is for a model that makes its own caches, which are `caches`",
            makes=Handle("into", kind_from="of"), reads=(LAYERS,),
        ),
        Operation(
            "create_attention_mask", Mask,
            'null, "causal", or bool tensor for n tokens that are about to come; `cache` is that '
            "cache, if there is one",
            reads=(Handle("layer", kind=ANY),), looks=True,
        ),
    ),
)  # fmt: skip
