"""mlx-swift-lm 3.31.4: as 3.31.3, with group sizes that fit and metadata that is read."""

from __future__ import annotations

from typing import Any

from reference_impl.dialects.mlx_swift_lm_3_31_4 import ArraysCache
from reference_impl.kv import rules as kv_rules
from reference_impl.lists.cache import CacheList as AnyCacheList
from reference_impl.prompt import functions as prompt
from reference_impl.quantized import rules as quantized_rules
from reference_impl.swift import trapping
from reference_impl.token_cache import TokenCache
from reference_impl.token_dialects import mlx_swift_lm_3_31_3 as before


class Common(before.Common):
    """What all kinds decide alike."""

    dialect = "mlx-swift-lm-3.31.4"

    rope_offset = TokenCache.rope_offset

    def prepare(self, lengths: Any = None) -> None:
        """Only slot caches have lengths."""

    def finalize(self) -> None:
        """Only slot caches have lengths."""


class KVCache(Common, before.KVCache):
    to_quantized = trapping(kv_rules.quantize_filled_in_fitting_groups)


class RotatingKVCache(Common, before.RotatingKVCache):
    pass


class QuantizedKVCache(Common, before.QuantizedKVCache):
    update_and_fetch = trapping(quantized_rules.append_in_fitting_groups)
    meta_state = property(quantized_rules.four_texts, quantized_rules.take_four_texts)


class ChunkedKVCache(Common, before.ChunkedKVCache):
    to_quantized = trapping(kv_rules.quantize_filled_in_fitting_groups)


class CacheList(Common, before.CacheList):
    prepare: Any = AnyCacheList.prepare
    finalize = AnyCacheList.finalize


CLASSES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        ArraysCache,
        CacheList,
        ChunkedKVCache,
        KVCache,
        QuantizedKVCache,
        RotatingKVCache,
    )
}
Common.classes = CLASSES
PROMPT = prompt.functions(
    CLASSES, prompt.one_per_layer, prompt.trim_all, prompt.swift_mask_of_cache_else_causal
)
