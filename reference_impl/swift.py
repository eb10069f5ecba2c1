"""What ends a Swift program where Python goes on: errors, ranges that run backwards, overflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from reference_impl.errors import Trap
from reference_impl.integers import SWIFT_INT
from reference_impl.tokens import between
from reference_impl.traps import trapping as trapping_rule

# A rule becomes a method; what is known about its arguments is the method's.
trapping: Callable[[Callable[..., Any]], Any] = trapping_rule


def trapping_between(array: mx.array, start: int, stop: int) -> mx.array:
    """As `between`; a range whose lower bound is above its upper bound traps."""
    if start > stop:
        raise Trap("range with a lower bound above its upper bound")
    return between(array, start, stop)


def trapping_sum(*numbers: int) -> int:
    """The sum; one that `Int` cannot hold traps."""
    total = sum(numbers)
    if not SWIFT_INT.minimum <= total <= SWIFT_INT.maximum:
        raise Trap("arithmetic overflow")
    return total
