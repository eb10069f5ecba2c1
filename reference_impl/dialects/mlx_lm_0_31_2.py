"""mlx-lm 0.31.2: as 0.31.3, with slot caches that lose rows, padding and lengths as they join."""

from __future__ import annotations

from typing import Any

from reference_impl.absence import absent
from reference_impl.batch_kv import rows as batch_rows
from reference_impl.dialects import mlx_lm_0_31 as later
from reference_impl.quantized import rules as quantized_rules
from reference_impl.slots.rules import batch


class ArraysCache(later.ArraysCache):
    dialect = "mlx-lm-0.31.2"

    batch_size = absent()
    filter = batch.filter_keeping_padding
    extend = batch.extend_slots
    merge: Any = classmethod(batch.merge_without_padding)


class QuantizedKVCache(later.QuantizedKVCache):
    nbytes = property(quantized_rules.bytes_by_a_missing_name)


class BatchKVCache(later.BatchKVCache):
    rows_without_buffers = batch_rows.other_rows_without_buffers


class BatchRotatingKVCache(later.BatchRotatingKVCache):
    rows_without_buffers = batch_rows.other_rows_without_buffers
