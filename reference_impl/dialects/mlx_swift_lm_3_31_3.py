"""mlx-swift-lm 3.31.3: traps, lenient metadata, copies without free room, no batch caches."""

from __future__ import annotations

from typing import Any

from reference_impl import attention, buffers, caches, serialization
from reference_impl.absence import absent
from reference_impl.chunked import rules as chunked_rules
from reference_impl.kv import rules as kv_rules
from reference_impl.lists import rules as list_rules
from reference_impl.prompt import rules as prompt_rules
from reference_impl.quantized import rules as quantized_rules
from reference_impl.rotating import rules as rotating_rules
from reference_impl.slots.cache import SlotCache
from reference_impl.slots.rules import (
    batch,
    construction,
    copying,
    indexing,
    masks,
    metadata,
    refusals,
    restoring,
    state,
)
from reference_impl.swift import trapping, trapping_between, trapping_sum
from reference_impl.token_cache import TokenCache


class ArraysCache(SlotCache):
    dialect = "mlx-swift-lm-3.31.3"

    __init__ = construction.construct_in_swift

    __getitem__ = indexing.trapping_get
    __setitem__ = indexing.trapping_set
    __iter__ = None  # no sequence: a subscript out of range traps
    batch_size = absent()
    empty = absent()
    nbytes = absent()
    materialize = absent()

    prepare = absent()
    finalize = absent()
    advance = absent()
    make_mask = trapping(masks.padding_until_first_slot)

    state = property(state.compacted, state.take_arrays)
    meta_state = property(metadata.slots_and_padding, metadata.trap_on_assignment)
    from_state = classmethod(restoring.leniently_with_padding)
    from_serialized = absent()
    check_label = staticmethod(refusals.label_is_thrown)

    filter = trapping(batch.filter_dropping_padding)
    extend = trapping(batch.extend_dropping_padding)
    extract = absent()
    merge = absent()

    copy = copying.copy_compacting
    size = refusals.offset_value
    update = refusals.update_traps


class Common(TokenCache):
    """What all kinds decide alike."""

    max_size: Any = None
    size = absent()
    empty = absent()
    nbytes = absent()
    keys_and_values = absent()
    from_serialized = absent()
    rope_offset = absent()
    merge = absent()
    meta_state = property(serialization.one_empty_text, serialization.trap_unless_one_empty_text)
    from_state: Any = classmethod(trapping(serialization.restore_blank))
    copy = trapping(serialization.copy_state)
    make_mask = trapping(attention.array_for_narrow_window)
    trim = trapping(kv_rules.trim_any)


class KVCache(Common, caches.KVCache):
    update_and_fetch = trapping(kv_rules.append)
    state = property(buffers.cut_at_offset_or_nothing, trapping(kv_rules.take_two_arrays))
    to_quantized = trapping(kv_rules.quantize_filled)
    copy = kv_rules.copy_filled


class RotatingKVCache(Common, caches.RotatingKVCache):
    between = staticmethod(trapping_between)
    make_mask = trapping(rotating_rules.swift_mask)
    state = property(buffers.filled_or_nothing, rotating_rules.take_two_arrays)
    meta_state = property(rotating_rules.five_texts, rotating_rules.take_five_texts)
    from_state: Any = classmethod(rotating_rules.restore_five_texts)
    trim = trapping(caches.RotatingKVCache.trim)
    to_quantized = trapping(caches.RotatingKVCache.to_quantized)

    @trapping
    def update_and_fetch(self, keys: Any, values: Any) -> Any:
        trapping_sum(self.offset, keys.shape[2])
        return super().update_and_fetch(keys, values)


class QuantizedKVCache(Common, caches.QuantizedKVCache):
    update_and_fetch = trapping(quantized_rules.append_in_groups_of_this_size)
    plain_update = quantized_rules.trap_plain_update
    copy = trapping(quantized_rules.copy_with_parameters)
    state = property(quantized_rules.flat_or_nothing, quantized_rules.take_flat)
    meta_state = property(quantized_rules.four_texts, quantized_rules.take_offset_of_four_texts)


class ChunkedKVCache(Common, caches.ChunkedKVCache):
    maybe_trim_front = trapping(chunked_rules.drop_beyond_chunk_if_any)
    update_and_fetch = trapping(chunked_rules.append)
    trim = trapping(chunked_rules.trim_any)
    state = property(buffers.cut_at_offset_or_nothing, trapping(chunked_rules.take_two_arrays))
    meta_state = property(chunked_rules.two_texts_listed, chunked_rules.take_two_lenient_texts)
    to_quantized = trapping(kv_rules.quantize_filled)

    def __init__(self, chunk_size: Any = None) -> None:
        super().__init__(chunk_size)


class CacheList(Common, caches.CacheList):
    # Nobody counts the tokens of a list.
    offset: Any = 0

    update_and_fetch = list_rules.trap_update
    trim = list_rules.trim_each
    state = property(list_rules.flat, trapping(list_rules.take_flat))
    meta_state = property(list_rules.framed_texts, list_rules.trap_texts)
    from_state: Any = classmethod(list_rules.restore_leniently)
    copy = list_rules.copy_children
    filter = absent()
    extend = absent()
    extract = absent()
    prepare = absent()
    finalize = absent()

    def __getitem__(self, index: Any) -> Any:
        return list_rules.trapping_child(self, index)

    restore_child: Any = classmethod(list_rules.restore_child_or_throw)


class Prompt(caches.Prompt):
    trim_prompt_cache = trapping(prompt_rules.trim_all)
    make_prompt_cache: Any = prompt_rules.one_per_layer
    create_attention_mask = trapping(prompt_rules.mask_of_cache_or_narrow_window)
