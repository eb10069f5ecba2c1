"""A slot cache that is right and slow, or that refuses. Loaded with `py:`."""

from __future__ import annotations

import time
from typing import Any

from reference_impl import dialect_class

NAP = 0.02
Quick: Any = dialect_class("mlx-lm-0.32")


class Slow(Quick):
    """Sleeps before it extracts, and makes lazy masks that cost more than they have to."""

    def extract(self, idx: Any) -> Any:
        time.sleep(NAP)
        return super().extract(idx)


class Lazy(Quick):
    """Gives its mask at once and leaves a large product to be computed with it."""

    def make_mask(self, N: Any) -> Any:
        import mlx.core as mx

        big = mx.ones((900, 900)) @ mx.ones((900, 900))
        return super().make_mask(N) & (big.sum() > 0)


class Refuses(Quick):
    """Refuses to merge, which takes no time at all."""

    @classmethod
    def merge(cls, caches: Any) -> Any:
        raise ValueError("not today")
