"""mlx-swift-lm 3.31.4: as 3.31.3, with lengths, lasting masks, group sizes that fit."""

from __future__ import annotations

from typing import Any

from reference_impl import caches
from reference_impl.dialects import mlx_swift_lm_3_31_3 as before
from reference_impl.kv import rules as kv_rules
from reference_impl.quantized import rules as quantized_rules
from reference_impl.slots.rules import (
    batch,
    copying,
    indexing,
    lengths,
    masks,
    metadata,
    restoring,
)
from reference_impl.swift import trapping
from reference_impl.token_cache import TokenCache


class ArraysCache(before.ArraysCache):
    dialect = "mlx-swift-lm-3.31.4"

    batch_size = property(trapping(indexing.inferred_batch_size))

    prepare = trapping(lengths.prepare_or_clear)
    finalize = lengths.forget_rows
    advance = trapping(lengths.advance_replacing)
    make_mask = trapping(masks.positions_then_padding_else_lengths)

    meta_state = property(metadata.slots_padding_and_lengths, metadata.trap_on_assignment)
    from_state = classmethod(restoring.leniently_with_padding_and_lengths)

    filter = trapping(batch.filter_all_by_int32)
    extend = trapping(batch.extend_zero_filled)

    copy = copying.copy_everything


class Common(before.Common):
    """What all kinds decide alike."""

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
    prepare: Any = caches.CacheList.prepare
    finalize = caches.CacheList.finalize
