"""mlx-lm 0.31.3: Python's own errors, tensors as state, numbers as metadata."""

from __future__ import annotations

from typing import Any

from reference_impl import attention, buffers, caches, serialization
from reference_impl.absence import absent
from reference_impl.batch_kv import rows as batch_rows
from reference_impl.batch_kv import rules as batch_rules
from reference_impl.batch_rotating import rules as batch_rotating_rules
from reference_impl.chunked import rules as chunked_rules
from reference_impl.concatenate import cache as concatenate
from reference_impl.kv import rules as kv_rules
from reference_impl.lists import rules as list_rules
from reference_impl.prompt import rules as prompt_rules
from reference_impl.quantized import rules as quantized_rules
from reference_impl.rotating import rules as rotating_rules
from reference_impl.slots.cache import SlotCache
from reference_impl.slots.rules import (
    batch,
    construction,
    indexing,
    lengths,
    masks,
    metadata,
    refusals,
    restoring,
    state,
)
from reference_impl.token_cache import TokenCache


class ArraysCache(SlotCache):
    dialect = "mlx-lm-0.31"

    __init__ = construction.construct_in_python
    mamba = absent()
    is_mamba = absent()
    reference_class_name = absent()

    __getitem__ = indexing.list_get
    __setitem__ = indexing.list_set
    batch_size = property(indexing.inferred_batch_size)
    empty = indexing.first_slot_unset
    materialize = absent()

    prepare = lengths.prepare_any
    finalize = lengths.forget_rows
    advance = lengths.advance_in_place
    make_mask = masks.padding_else_lengths

    state = property(state.all_slots, state.take_anything)
    meta_state = property(metadata.no_metadata, metadata.refuse_truthy)
    from_state = classmethod(restoring.from_state_and_meta)
    from_serialized = absent()
    check_label = staticmethod(refusals.label_is_a_missing_name)

    filter = batch.filter_all
    extend = batch.extend_zero_filled
    extract = batch.extract_row
    merge = classmethod(batch.merge_single_rows)

    copy = absent()
    size = refusals.always_zero
    offset = absent()
    max_size = absent()
    trim = absent()
    update = absent()


class Common(TokenCache):
    """What all kinds decide alike."""

    max_size = absent()
    keys_and_values = absent()
    copy = absent()
    from_serialized = absent()
    materialize = absent()
    inner_state = absent()
    rope_offset = absent()
    reference_class_name = absent()
    meta_state = property(serialization.empty_text, serialization.refuse_truthy)
    from_state: Any = classmethod(serialization.restore_unseen)


class KVCache(Common, caches.KVCache):
    update_and_fetch = kv_rules.append
    trim = kv_rules.trim_any
    make_mask = attention.array_for_any_window
    state = property(buffers.cut_at_offset, kv_rules.take_pair)
    to_quantized = kv_rules.quantize_buffers
    merge: Any = classmethod(kv_rules.merge_as_batch)


class ConcatenateKVCache(Common, concatenate.ConcatenateKVCache):
    make_mask = attention.array_for_any_window
    state = property(concatenate.both, concatenate.take_pair)


class RotatingKVCache(Common, caches.RotatingKVCache):
    make_mask = rotating_rules.mask
    state = property(buffers.filled, rotating_rules.take_pair)
    meta_state = property(rotating_rules.four_texts, rotating_rules.take_four_integers)


class QuantizedKVCache(Common, caches.QuantizedKVCache):
    update_and_fetch = quantized_rules.append
    plain_update = absent()
    trim = kv_rules.trim_any
    make_mask = attention.array_for_any_window
    state = property(quantized_rules.filled_or_buffers, quantized_rules.take_pair)
    nbytes = property(quantized_rules.bytes_of_buffers)
    meta_state = property(quantized_rules.three_texts, quantized_rules.take_three_integers)


class ChunkedKVCache(Common, caches.ChunkedKVCache):
    maybe_trim_front = chunked_rules.drop_beyond_chunk_of_buffer
    update_and_fetch = chunked_rules.append
    trim = chunked_rules.trim_any
    make_mask = absent()
    state = property(buffers.cut_at_offset, chunked_rules.take_pair)
    meta_state = property(chunked_rules.two_texts, chunked_rules.take_two_integers)


class CacheList(Common, caches.CacheList):
    update_and_fetch = absent()
    make_mask = absent()
    offset = absent()
    state = property(list_rules.states, list_rules.take_states)
    meta_state = property(list_rules.labels_and_metadata, list_rules.take_metadata)
    from_state: Any = classmethod(list_rules.restore_children)


class BatchKVCache(Common, caches.BatchKVCache):
    count = batch_rules.count_in_place
    count_back = batch_rules.count_back_in_place
    update_and_fetch = batch_rules.append
    prepare = batch_rules.prepare
    finalize = batch_rules.finalize
    trim = batch_rules.trim_any
    make_mask = batch_rules.mask
    filter = batch_rows.keep_rows
    extend = batch_rows.join_rows
    rows_without_buffers = batch_rows.own_rows_without_buffers
    dtype_without_buffers = batch_rows.float32_without_buffers
    extract = batch_rows.extract_row
    padding_of = batch_rows.padding_by_array_index
    merge: Any = classmethod(batch_rows.merge_rows)
    state = property(batch_rules.four_arrays, batch_rules.take_four)


class BatchRotatingKVCache(Common, caches.BatchRotatingKVCache):
    count = batch_rules.count_in_place
    count_back = batch_rules.count_back_in_place
    prepare = batch_rotating_rules.prepare
    make_mask = batch_rotating_rules.mask
    filter = batch_rows.pick_rows
    extend = batch_rotating_rules.join_in_order_of_time
    rows_without_buffers = batch_rows.own_rows_without_buffers
    dtype_without_buffers = batch_rows.float32_without_buffers
    extract = batch_rotating_rules.extract_row
    merge: Any = classmethod(batch_rotating_rules.merge_rows)
    state = property(batch_rotating_rules.four_arrays, batch_rotating_rules.take_four)
    meta_state = property(batch_rotating_rules.four_texts, batch_rotating_rules.take_four_unread)


class Prompt(caches.Prompt):
    trim_prompt_cache = prompt_rules.trim_all
    make_prompt_cache = prompt_rules.ask_model
    create_attention_mask = prompt_rules.mask_of_cache_or_array
