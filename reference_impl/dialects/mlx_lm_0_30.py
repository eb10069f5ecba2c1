"""mlx-lm 0.28.4 to 0.30.2: as 0.30.5, with less: no lengths, no sizes, fewer batch operations."""

from __future__ import annotations

from typing import Any

from reference_impl import attention
from reference_impl.absence import absent
from reference_impl.batch_rotating import rules as batch_rotating_rules
from reference_impl.dialects import mlx_lm_0_30_5 as later
from reference_impl.kv import rules as kv_rules
from reference_impl.slots.rules import batch, masks, restoring


class ArraysCache(later.ArraysCache):
    dialect = "mlx-lm-0.30"

    size = absent()
    empty = absent()

    prepare = absent()
    finalize = absent()
    advance = absent()
    make_mask = masks.padding_until_first_slot_is_set

    from_state: Any = classmethod(restoring.from_state_and_meta_unseen)

    filter = batch.filter_slots_dropping_padding
    extend = batch.extend_written_slots_dropping_padding
    extract = absent()
    merge = absent()


class KVCache(later.KVCache):
    size = absent()
    empty = absent()
    merge = absent()


class ConcatenateKVCache(later.ConcatenateKVCache):
    size = absent()
    empty = absent()


class RotatingKVCache(later.RotatingKVCache):
    size = absent()
    empty = absent()
    merge = absent()


class QuantizedKVCache(later.QuantizedKVCache):
    size = absent()
    empty = absent()


class ChunkedKVCache(later.ChunkedKVCache):
    make_mask = attention.array_on_request
    to_quantized: Any = kv_rules.quantize_buffers
    size = absent()
    empty = absent()


class CacheList(later.CacheList):
    size = absent()
    empty = absent()
    prepare = absent()
    finalize = absent()
    extract = absent()
    merge = absent()


class BatchKVCache(later.BatchKVCache):
    size = absent()
    empty = absent()


class BatchRotatingKVCache(later.BatchRotatingKVCache):
    size = absent()
    empty = absent()
    extract = batch_rotating_rules.extract_row_from_padding_above_zero
