"""mlxrs 0.1: typed errors, and updates and restores that succeed whole or change nothing."""

from __future__ import annotations

from typing import Any

from reference_impl import attention, buffers, caches, serialization
from reference_impl.absence import absent
from reference_impl.batch_kv import rules as batch_rules
from reference_impl.batch_rotating import rules as batch_rotating_rules
from reference_impl.chunked import rules as chunked_rules
from reference_impl.errors import MlxC
from reference_impl.integers import as_usize, rust_i32_array
from reference_impl.kv import rules as kv_rules
from reference_impl.lists import rules as list_rules
from reference_impl.prompt import rules as prompt_rules
from reference_impl.quantized import rules as quantized_rules
from reference_impl.rotating import rules as rotating_rules
from reference_impl.slots.cache import SlotCache
from reference_impl.slots.rules import (
    construction,
    copying,
    indexing,
    lengths,
    masks,
    metadata,
    refusals,
    restoring,
    state,
)
from reference_impl.strictness import all_or_nothing, typed
from reference_impl.token_cache import TokenCache


class ArraysCache(SlotCache):
    dialect = "mlxrs-0.1"

    __init__ = construction.construct_in_rust

    __getitem__ = indexing.get_or_none
    __setitem__ = indexing.checked_set
    __iter__ = None  # reading has an answer for every index, so iterating would never end
    batch_size = property(indexing.ranked_batch_size)
    empty = indexing.first_slot_unset_or_missing

    prepare = lengths.prepare_int32
    finalize = lengths.forget_rows
    advance = lengths.advance_checked
    make_mask = masks.bounded_padding_else_lengths

    state = property(state.compacted_handles, state.take_arrays)
    meta_state = property(metadata.slots_and_padding, metadata.place_strictly)
    from_state = classmethod(restoring.from_state_and_meta)
    from_serialized = restoring.replace_content
    check_label = staticmethod(refusals.label_is_an_unknown_variant)

    filter = absent()
    extend = absent()
    extract = absent()
    merge = absent()

    copy = copying.copy_everything
    size = refusals.always_zero
    update = refusals.update_is_an_error


class Common(TokenCache):
    """What all kinds decide alike."""

    max_size: Any = None
    size = absent()
    keys_and_values = absent()
    inner_state = absent()
    meta_state = property(serialization.no_texts, serialization.refuse_texts)
    from_state: Any = classmethod(serialization.restore_blank)
    from_serialized = serialization.replace_restored
    copy = serialization.copy_handles
    make_mask = attention.counted_array_for_any_window
    trim = kv_rules.trim_count


class KVCache(Common, caches.KVCache):
    update_and_fetch = all_or_nothing(kv_rules.append_pair, MlxC)
    state = property(buffers.own_filled_or_nothing, kv_rules.take_pair_or_nothing)
    to_quantized = absent()
    merge = absent()


class RotatingKVCache(Common, caches.RotatingKVCache):
    room = rotating_rules.room_or_none
    place = rotating_rules.replace_token
    trim = rotating_rules.trim_count
    make_mask = rotating_rules.counted_mask
    state = property(buffers.own_filled_or_nothing, rotating_rules.take_pair_or_nothing)
    meta_state = property(rotating_rules.four_texts_listed, rotating_rules.take_four_texts)
    from_state: Any = classmethod(rotating_rules.restore_in_order)
    to_quantized = absent()
    merge = absent()

    def __init__(self, max_size: Any, keep: Any = 0) -> None:
        super().__init__(as_usize(max_size, "max_size"), as_usize(keep, "keep"))

    @all_or_nothing
    def update_and_fetch(self, keys: Any, values: Any) -> Any:
        rotating_rules.checked_tokens(self, keys, values)
        return super().update_and_fetch(keys, values)


class QuantizedKVCache(Common, caches.QuantizedKVCache):
    update_and_fetch = all_or_nothing(quantized_rules.append_joining)
    plain_update = all_or_nothing(quantized_rules.append_and_dequantize)
    trim = quantized_rules.trim_and_cut
    state = property(quantized_rules.own_flat_or_nothing, quantized_rules.take_flat_or_nothing)
    meta_state = property(
        quantized_rules.three_texts_listed, quantized_rules.take_three_or_four_texts
    )
    from_state: Any = classmethod(quantized_rules.restore_cut)

    def __init__(self, group_size: Any = 64, bits: Any = 8) -> None:
        quantized_rules.checked_parameters(group_size, bits)
        super().__init__(group_size, bits)


class ChunkedKVCache(Common, caches.ChunkedKVCache):
    maybe_trim_front = chunked_rules.drop_counted_beyond_chunk_if_any
    update_and_fetch = all_or_nothing(chunked_rules.append_replacing)
    trim = chunked_rules.trim_count
    state = property(buffers.own_filled_or_nothing, chunked_rules.take_counted_pair)
    meta_state = property(chunked_rules.two_texts_listed, chunked_rules.take_two_texts)

    def __init__(self, chunk_size: Any = None) -> None:
        super().__init__(attention.optional_usize(chunk_size, "chunk size"))


class CacheList(Common, caches.CacheList):
    update_and_fetch = list_rules.refuse_update
    make_mask = list_rules.refuse_mask
    trim = list_rules.trim_all_or_none
    offset = property(list_rules.greatest_offset)
    state = property(list_rules.flat, list_rules.take_all_flat)
    meta_state = property(list_rules.framed_texts, list_rules.refuse_texts)
    from_state: Any = classmethod(list_rules.restore_framed)
    copy = list_rules.copy_children
    empty = list_rules.first_is_empty_or_missing
    filter = absent()
    extend = absent()
    extract = absent()
    merge = absent()
    prepare = absent()
    finalize = absent()

    def __getitem__(self, index: Any) -> Any:
        return list_rules.child_or_none(self, index)

    restore_child: Any = classmethod(list_rules.restore_child_strictly)


class BatchKVCache(Common, caches.BatchKVCache):
    count = batch_rules.count_anew
    count_back = batch_rules.count_back_anew
    update_and_fetch = all_or_nothing(batch_rules.append_joining)
    prepare: Any = batch_rules.prepare_right
    finalize = all_or_nothing(batch_rules.finalize_checked)
    trim = batch_rules.trim_and_cut
    make_mask = typed(batch_rules.counted_mask)
    state = property(batch_rules.own_four_or_nothing, batch_rules.take_four_or_nothing)
    filter = absent()
    extend = absent()
    extract = absent()
    merge = absent()

    def __init__(self, left_padding: Any) -> None:
        super().__init__(left_padding)
        self.left_padding = rust_i32_array(left_padding, "left padding")
        self.offset = -self.left_padding


class BatchRotatingKVCache(Common, caches.BatchRotatingKVCache):
    count = batch_rules.count_anew
    count_back = batch_rules.count_back_anew
    room = rotating_rules.room_or_none
    place = batch_rotating_rules.replace_token
    prepare: Any = typed(batch_rotating_rules.prepare_right)
    finalize = all_or_nothing(batch_rotating_rules.finalize_even_empty)
    trim = batch_rotating_rules.trim_count
    make_mask = typed(batch_rotating_rules.counted_mask)
    state = property(
        batch_rotating_rules.own_four_or_nothing, batch_rotating_rules.take_four_or_nothing
    )
    meta_state = property(
        batch_rotating_rules.four_texts_in_lower_case, batch_rotating_rules.take_four_texts
    )
    from_state: Any = classmethod(batch_rotating_rules.restore_checked)
    to_quantized = absent()
    filter = absent()
    extend = absent()
    extract = absent()
    merge = absent()

    def __init__(self, max_size: Any, left_padding: Any) -> None:
        super().__init__(as_usize(max_size, "max_size"), left_padding)
        self.left_padding = rust_i32_array(left_padding, "left padding")
        self.offset = -self.left_padding

    @all_or_nothing
    def update_and_fetch(self, keys: Any, values: Any) -> Any:
        batch_rotating_rules.checked_tokens(self, keys, values)
        return super().update_and_fetch(keys, values)


class Prompt(caches.Prompt):
    trim_prompt_cache = prompt_rules.trim_all_counted
    make_prompt_cache: Any = prompt_rules.one_per_counted_layer
    create_attention_mask = absent()
