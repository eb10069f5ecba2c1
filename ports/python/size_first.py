"""BatchMambaCache of vllm-mlx and rapid-mlx, with the arguments of mlx-lm's ArraysCache.

Theirs takes the left padding first and then the size, which the adapter cannot know:

    PYTHONPATH=ports/python ENVIRONMENT/bin/python conformance/transport/adapter.py \
        --class size_first:VllmBatchMambaCache --distribution vllm-mlx
"""

from __future__ import annotations

import importlib
from typing import Any


def _size_first(module: str) -> Any:
    """A subclass that is found under the name of the original."""
    original = importlib.import_module(module).BatchMambaCache

    class BatchMambaCache(original):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            if arguments and isinstance(arguments[0], int):  # as the suite calls it
                size, *padding = arguments
                arguments, named = (*padding,), {**named, "size": size}
            super().__init__(*arguments, **named)

    return BatchMambaCache


def __getattr__(name: str) -> Any:
    modules = {
        "VllmBatchMambaCache": "vllm_mlx.utils.mamba_cache",
        "RapidBatchMambaCache": "rapid_mlx.utils.mamba_cache",
    }
    if name not in modules:
        raise AttributeError(name)
    return _size_first(modules[name])
