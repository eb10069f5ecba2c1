"""Wrong quantized caches."""

from __future__ import annotations

from functools import partial
from typing import Any

from conformance.mutants.mutant import Mutant
from reference_impl.quantized import rules

_LM31, _LM32 = "mlx-lm-0.31", "mlx-lm-0.32"
_quantized = partial(Mutant, kind="quantized", label="QuantizedKVCache")


def _only_the_last_chunk_counts(cache: Any, keys: Any, values: Any) -> Any:
    found = rules.append(cache, keys, values)
    cache.offset = keys.shape[2]
    return found


def _trim_without_end(cache: Any, n: int) -> int:
    cache.offset -= n
    return n


MUTANTS = (
    _quantized("quantized-counts-the-last-chunk", _LM31, ("QUANTIZED-001",),
               "The offset is that of the last chunk.",
               members={"update_and_fetch": _only_the_last_chunk_counts}),
    _quantized("quantized-trims-without-end", _LM32, ("QUANTIZED-002",),
               "More tokens are taken back than there are.",
               members={"trim": _trim_without_end}),
    _quantized("quantized-single-token-is-causal", _LM31, ("QUANTIZED-003",),
               "A single token is causal.",
               members={"make_mask": lambda cache, N, **_: "causal"}),
    _quantized("quantized-without-mask", _LM32, ("QUANTIZED-003",), "There is no mask.",
               members={"make_mask": lambda cache, N, **_: None}),
)  # fmt: skip
