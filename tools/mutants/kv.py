"""Wrong plain caches of keys and values."""

from __future__ import annotations

from functools import partial
from typing import Any

from conformance.mutants.mutant import Mutant
from reference_impl.kv import rules

_RS, _LM31, _LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
_SWIFT3, _SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"

_kv = partial(Mutant, kind="kv", label="KVCache")


def _growing_anew(cache: Any, keys: Any, values: Any) -> Any:
    if cache.keys is not None and cache.offset + keys.shape[2] > cache.keys.shape[2]:
        cache.keys = cache.values = None
    return rules.append(cache, keys, values)


def _last_token_replaced(cache: Any, keys: Any, values: Any) -> Any:
    if keys.shape[2] == 1 and cache.offset:
        cache.offset -= 1
    return rules.append_pair(cache, keys, values)


MUTANTS = (
    _kv("kv-grows-anew", _LM31, ("KV-001",), "A buffer that grows begins with zeros.",
        members={"update_and_fetch": _growing_anew}),
    _kv("kv-single-token-replaces", _RS, ("KV-001", "KV-002"),
        "A single token takes the place of the last one.",
        members={"update_and_fetch": _last_token_replaced}),
    _kv("kv-trims-nothing", _LM32, ("KV-002",), "Nothing is taken back, whatever trim says.",
        members={"trim": lambda cache, n: min(cache.offset, n)}),
)  # fmt: skip
