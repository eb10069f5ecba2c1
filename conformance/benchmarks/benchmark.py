"""One benchmark: an operation at a size, and what nothing that does the same can be faster than."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conformance.calls import Call


@dataclass(frozen=True)
class Limit:
    """What nothing that does the same can be faster than; `limits.py` measures it.

    `copy`: so many bytes copied into new memory. `mask`: the bare array expression. `pass`: one
    pass over so many bytes of text. None for what only looks something up.
    """

    kind: str
    amount: int = 0
    shape: tuple[int, int] = (0, 0)
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Benchmark:
    """One operation at one size. `unit` says what `size` counts, `model` whose state it is.

    `repeatable` operations give the same when they are carried out many times in a row, so that
    what is too quick for a clock is timed by the thousand.
    """

    op: str
    name: str
    size: int
    unit: str
    setup: tuple[Call, ...]
    arguments: dict[str, Any]
    limit: Limit | None = None
    repeatable: bool = True
    model: str = ""

    @property
    def id(self) -> str:
        """Unique among all benchmarks."""
        return f"{self.op}-{self.name}"

    @property
    def needs(self) -> frozenset[str]:
        """The capabilities that it takes; the operation itself is one of them."""
        return frozenset({self.op, "measure", *(call.op for call in self.setup)})
