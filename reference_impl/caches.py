"""The class of each kind of keys and values, before a dialect has decided what it leaves open."""

from __future__ import annotations

from reference_impl.batch_kv.cache import BatchKVCache
from reference_impl.batch_rotating.cache import BatchRotatingKVCache
from reference_impl.chunked.cache import ChunkedKVCache
from reference_impl.concatenate.cache import ConcatenateKVCache
from reference_impl.kv.cache import KVCache
from reference_impl.lists.cache import CacheList
from reference_impl.prompt.cache import Prompt
from reference_impl.quantized.cache import QuantizedKVCache
from reference_impl.rotating.cache import RotatingKVCache

__all__ = [
    "BatchKVCache",
    "BatchRotatingKVCache",
    "CacheList",
    "ChunkedKVCache",
    "ConcatenateKVCache",
    "KVCache",
    "Prompt",
    "QuantizedKVCache",
    "RotatingKVCache",
]
