"""mlx-lm 0.31.1: as 0.31.2, with batches that need everything to be written."""

from __future__ import annotations

from typing import Any

from reference_impl.batch_kv import rows as batch_rows
from reference_impl.batch_rotating import rules as batch_rotating_rules
from reference_impl.dialects import mlx_lm_0_31_2 as later
from reference_impl.slots.rules import batch


class ArraysCache(later.ArraysCache):
    dialect = "mlx-lm-0.31.1"

    filter = batch.filter_slots
    extend = batch.extend_written_slots
    merge: Any = classmethod(batch.merge_written_slots)


class BatchKVCache(later.BatchKVCache):
    size = batch_rows.size_unknown
    filter = batch_rows.keep_rows_of_buffers
    extend = batch_rows.join_rows_of_buffers
    merge: Any = classmethod(batch_rows.merge_rows_with_tokens)


class BatchRotatingKVCache(later.BatchRotatingKVCache):
    size = batch_rows.size_unknown
    filter = batch_rows.pick_rows_of_buffers
    extend = batch_rotating_rules.join_buffers_in_order_of_time
    extract = batch_rotating_rules.extract_row_from_padding
    merge: Any = classmethod(batch_rotating_rules.merge_buffers)
