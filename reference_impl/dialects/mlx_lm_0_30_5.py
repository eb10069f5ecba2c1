"""mlx-lm 0.30.5: as 0.31.1, with MambaCache, without sizes in bytes, and with lists in a row."""

from __future__ import annotations

from typing import Any

from reference_impl import attention, serialization
from reference_impl.absence import absent
from reference_impl.dialects import mlx_lm_0_31 as origin
from reference_impl.dialects import mlx_lm_0_31_1 as later
from reference_impl.dialects import mlx_lm_0_31_2 as second
from reference_impl.lists import rules as list_rules
from reference_impl.slots.cache import SlotCache
from reference_impl.slots.rules import refusals


class ArraysCache(later.ArraysCache):
    dialect = "mlx-lm-0.30.5"

    mamba: Any = vars(SlotCache)["mamba"]
    is_mamba: Any = SlotCache.is_mamba
    reference_class_name: Any = SlotCache.reference_class_name
    check_label = staticmethod(refusals.label_is_no_class)
    nbytes = absent()


class KVCache(origin.KVCache):
    make_mask = attention.array_on_request
    nbytes = absent()


class ConcatenateKVCache(origin.ConcatenateKVCache):
    make_mask = attention.array_on_request
    nbytes = absent()


class RotatingKVCache(origin.RotatingKVCache):
    nbytes = absent()


class QuantizedKVCache(second.QuantizedKVCache):
    make_mask = attention.array_on_request
    nbytes = absent()


class ChunkedKVCache(origin.ChunkedKVCache):
    nbytes = absent()


class CacheList(origin.CacheList):
    state = property(list_rules.flat, list_rules.take_flat_in_turn)
    meta_state = property(serialization.empty_text, serialization.refuse_truthy)
    from_state: Any = classmethod(serialization.restore_unseen)
    nbytes = absent()


class BatchKVCache(later.BatchKVCache):
    nbytes = absent()


class BatchRotatingKVCache(later.BatchRotatingKVCache):
    nbytes = absent()
