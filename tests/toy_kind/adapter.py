"""Counters over stdio: `python adapter.py [BEHAVIOUR]`."""

from __future__ import annotations

import sys
from typing import Any

from conformance.transport import adapter

BEHAVIOUR = sys.argv[1] if sys.argv[1:] else "right"
WHO = {"name": "counters", "version": "1", "language": "python"}


class Negative(Exception):
    """A counter never goes below zero."""


class Counters:
    """Named counters, and the operations on them."""

    def __init__(self) -> None:
        self.counters: dict[str, list[int]] = {}

    def perform(self, op: str, params: dict[str, Any]) -> Any:
        if op == "initialize":
            ops = ["new", "add", "copy", "snapshot"]
            return {"protocol": 1, "implementation": WHO, "dialect": "mlx-lm-0.31",
                    "capabilities": [f"counter.{each}" for each in ops]}  # fmt: skip
        kind, _, name = op.rpartition(".")
        known = kind == "counter" or op == "reset"
        method = getattr(self, f"do_{name}", None) if known else None
        if method is None:
            raise adapter.UnknownOperation(op)
        try:
            return method(**params)
        except TypeError as error:
            raise adapter.InvalidArguments(str(error)) from error

    def of(self, cache: str) -> list[int]:
        if cache not in self.counters:
            raise adapter.UnknownCache(cache)
        return self.counters[cache]

    def do_reset(self) -> None:
        self.counters.clear()

    def do_new(self, cache: str, start: int) -> None:
        self.counters[cache] = [start, 0]

    def do_add(self, cache: str, n: int) -> int:
        counter = self.of(cache)
        if n < 0:
            if BEHAVIOUR == "adds-and-refuses":
                counter[0] += n
            raise Negative(f"{n} is below zero")
        counter[0] += n
        counter[1] += 1
        if BEHAVIOUR == "loses-the-third" and counter[1] == 3:
            counter[0] -= n
        return counter[0]

    def do_copy(self, cache: str, into: str) -> None:
        counter = self.of(cache)
        self.counters[into] = counter if BEHAVIOUR == "shares" else list(counter)

    def do_snapshot(self, cache: str) -> dict[str, int]:
        total, additions = self.of(cache)
        return {"total": total} if BEHAVIOUR == "half" else \
            {"total": total, "additions": additions}  # fmt: skip


if __name__ == "__main__":
    adapter.serve(Counters().perform)
