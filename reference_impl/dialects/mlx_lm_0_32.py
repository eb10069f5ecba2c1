"""mlx-lm 0.32.0 to 0.32.2: as 0.31, with everything in the state and both mask conditions."""

from __future__ import annotations

from typing import Any

from reference_impl import buffers, serialization
from reference_impl.absence import absent
from reference_impl.batch_kv import rows as batch_rows
from reference_impl.batch_kv import rules as batch_rules
from reference_impl.batch_rotating import rules as batch_rotating_rules
from reference_impl.chunked import rules as chunked_rules
from reference_impl.concatenate import cache as concatenate
from reference_impl.dialects import mlx_lm_0_31 as before
from reference_impl.kv import rules as kv_rules
from reference_impl.lists import rules as list_rules
from reference_impl.quantized import rules as quantized_rules
from reference_impl.rotating import rules as rotating_rules
from reference_impl.slots.rules import masks, restoring, state


class ArraysCache(before.ArraysCache):
    dialect = "mlx-lm-0.32"

    make_mask = masks.padding_and_lengths
    state = property(state.slots_and_rows, state.take_three)
    meta_state = absent()
    from_state = classmethod(restoring.from_state_alone)  # type: ignore[assignment] # takes less


class Common(before.Common):
    """What all kinds decide alike."""

    meta_state = absent()
    from_state: Any = classmethod(serialization.restore_state_unseen)


class KVCache(Common, before.KVCache):
    update_and_fetch = kv_rules.append_and_look
    keys_and_values = buffers.filled
    state = property(kv_rules.buffers_and_offset, kv_rules.take_buffers_and_offset)


class ConcatenateKVCache(Common, before.ConcatenateKVCache):
    keys_and_values = concatenate.both


class RotatingKVCache(Common, before.RotatingKVCache):
    after_one = buffers.filled
    keys_and_values = buffers.filled
    state = property(rotating_rules.everything, rotating_rules.take_everything)


class QuantizedKVCache(Common, before.QuantizedKVCache):
    update_and_fetch = quantized_rules.append_and_look
    keys_and_values = quantized_rules.filled_or_buffers
    state = property(quantized_rules.everything, quantized_rules.take_everything)


class ChunkedKVCache(Common, before.ChunkedKVCache):
    maybe_trim_front = chunked_rules.drop_beyond_chunk
    keys_and_values = chunked_rules.filled
    state = property(chunked_rules.everything, chunked_rules.take_everything)


class CacheList(Common, before.CacheList):
    state = property(list_rules.states_and_labels, list_rules.take_states_and_labels)


class BatchKVCache(Common, before.BatchKVCache):
    count = batch_rules.count_anew
    count_back = batch_rules.count_back_anew
    keys_and_values = batch_rules.filled
    dtype_without_buffers = batch_rows.dtype_of_keys_without_buffers
    padding_of = batch_rows.padding_by_list_index
    state = property(batch_rules.everything, batch_rules.take_everything)


class BatchRotatingKVCache(Common, before.BatchRotatingKVCache):
    count = batch_rules.count_anew
    count_back = batch_rules.count_back_anew
    after_one = batch_rotating_rules.filled
    keys_and_values = batch_rotating_rules.filled
    dtype_without_buffers = batch_rows.dtype_of_keys_without_buffers
    state = property(batch_rotating_rules.everything, batch_rotating_rules.take_everything)
