"""Executable specification of MLX's slot cache (`ArraysCache` / `MambaCache`), in five dialects."""

from __future__ import annotations

from reference_impl import errors
from reference_impl.dialects import DIALECTS, dialect_class, from_state
from reference_impl.dialects.mlxrs_0_1 import ArraysCache

__all__ = ["DIALECTS", "ArraysCache", "dialect_class", "errors", "from_state"]
