"""The classes for keys and values in each dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reference_impl.prompt.functions import PromptFunctions
from reference_impl.token_dialects import (
    mlx_lm_0_31,
    mlx_lm_0_32,
    mlx_swift_lm_3_31_3,
    mlx_swift_lm_3_31_4,
    mlxrs_0_1,
)

_MODULES: dict[str, Any] = {
    "mlxrs-0.1": mlxrs_0_1,
    "mlx-lm-0.31": mlx_lm_0_31,
    "mlx-lm-0.32": mlx_lm_0_32,
    "mlx-swift-lm-3.31.3": mlx_swift_lm_3_31_3,
    "mlx-swift-lm-3.31.4": mlx_swift_lm_3_31_4,
}


def cache_classes(dialect: str) -> Mapping[str, type[Any]]:
    """All cache classes of a dialect by label; KeyError for an unknown dialect."""
    classes: Mapping[str, type[Any]] = _MODULES[dialect].CLASSES
    return classes


def prompt_functions(dialect: str) -> PromptFunctions:
    """The functions over all layers; KeyError for an unknown dialect."""
    functions: PromptFunctions = _MODULES[dialect].PROMPT
    return functions
