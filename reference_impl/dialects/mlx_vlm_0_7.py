"""mlx-vlm 0.7.10: as mlx-lm 0.31.3, with rows counted down later and batches that keep all."""

from __future__ import annotations

from typing import Any

from reference_impl.absence import absent
from reference_impl.batch_kv import rows as batch_rows
from reference_impl.batch_rotating import rules as batch_rotating_rules
from reference_impl.chunked import rules as chunked_rules
from reference_impl.concatenate import cache as concatenate
from reference_impl.dialects import mlx_lm_0_31 as origin
from reference_impl.rotating import rules as rotating_rules
from reference_impl.slots.rules import lengths as counting


class ArraysCache(origin.ArraysCache):
    dialect = "mlx-vlm-0.7"

    left_padding: Any = counting.counted_later("left_padding")
    lengths: Any = counting.counted_later("lengths")
    advance = counting.advance_later


class ConcatenateKVCache(origin.ConcatenateKVCache):
    trim = concatenate.trim_cutting
    state = property(concatenate.both, concatenate.take_pair_or_nothing)


class RotatingKVCache(origin.RotatingKVCache):
    make_mask = rotating_rules.mask_with_kept


class ChunkedKVCache(origin.ChunkedKVCache):
    maybe_trim_front = chunked_rules.drop_beyond_chunk


class BatchKVCache(origin.BatchKVCache):
    filter = batch_rows.keep_rows_of_everything


class BatchRotatingKVCache(origin.BatchRotatingKVCache):
    update_and_fetch = batch_rotating_rules.update_by_lengths
    make_mask = batch_rotating_rules.mask_by_lengths
    filter = batch_rotating_rules.keep_rows_of_everything


class Prompt(origin.Prompt):
    can_trim_prompt_cache = absent()
    trim_prompt_cache = absent()
