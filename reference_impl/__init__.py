"""Executable specification of MLX's caches: recurrent state, keys and values; in all dialects."""

from __future__ import annotations

from reference_impl import errors
from reference_impl.dialects import DIALECTS, dialect_class, from_state
from reference_impl.dialects.mlxrs_0_1 import ArraysCache
from reference_impl.kinds import cache_classes, prompt_functions

__all__ = [
    "DIALECTS",
    "ArraysCache",
    "cache_classes",
    "dialect_class",
    "errors",
    "from_state",
    "prompt_functions",
]
