"""A sequence of operations on mlx-lm's cache and on ours, and where the two part."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import mlx.core as mx
from drawing import Draw

RENAMED = {
    "_idx": "index",
    "_offset": "written",
    "_right_padding": "right_padding",
    "_lengths": "lengths",
}
HELD = 4  # answers that are kept and looked at again


class Both:
    """One thing on the side of mlx-lm, and what should be the same on ours."""

    def __init__(self, theirs: Any, ours: Any) -> None:
        self.theirs, self.ours = theirs, ours

    def __iter__(self) -> Iterator[Any]:
        return iter((self.theirs, self.ours))


def plain(value: Any) -> Any:
    """A value as something that can be compared, and printed."""
    if isinstance(value, mx.array):
        raw = (
            bytes(memoryview(mx.contiguous(value).reshape(-1).view(mx.uint8)))
            if value.size
            else b""
        )
        return [str(value.dtype), list(value.shape), raw.hex()]
    if isinstance(value, list | tuple):
        return [type(value).__name__, [plain(part) for part in value]]
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return [type(value).__name__, content(value)]


def content(cache: Any) -> Any:
    """All attributes of a cache, under the reference's names."""
    return {
        RENAMED.get(name, name): plain(value)
        for name, value in sorted(vars(cache).items())
        if name not in ("step", "class_label")
    }


@dataclass
class Sequence:
    """One sequence: the caches, what was handed out, and the steps so far."""

    draw: Draw
    theirs: Any
    ours: Any
    steps: list[str] = field(default_factory=list)
    held: list[Both] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    spares: list[Both] = field(default_factory=list)

    def do(self, name: str, action: Callable[[Any, int], Any], shown: str = "") -> Both | None:
        """The same on both sides; what came of it, or None where both failed."""
        self.steps.append(f"{name} {shown}".strip())
        outcomes = []
        for side, module in enumerate((self.theirs, self.ours)):
            try:
                outcomes.append((None, action(module, side)))
            except Exception as error:
                outcomes.append((type(error).__name__, None))
        (their_error, theirs), (our_error, ours) = outcomes
        kind = self.kind()
        self.counts[f"{kind}.{name.split('(')[0]} {'fails' if their_error else 'works'}"] += 1
        if their_error != our_error:
            raise Difference(f"{their_error or 'no error'}, ours {our_error or 'no error'}")
        if their_error:
            self.compare()
            return None
        if plain(theirs) != plain(ours):
            raise Difference(f"{short(plain(theirs))}, ours {short(plain(ours))}")
        self.compare()
        return Both(theirs, ours)

    def kind(self) -> str:
        return type(self.cache.theirs).__name__ if hasattr(self, "cache") else "new"

    def hold(self, both: Both | None) -> None:
        if both is not None:
            self.held = [*self.held[1 - HELD :], both]

    def compare(self) -> None:
        """What the cache has now, and what was handed out before."""
        if hasattr(self, "cache"):
            theirs, ours = (plain(each) for each in self.cache)
            if theirs != ours:
                raise Difference(f"then has {short(theirs)}, ours {short(ours)}")
        for each in self.held:
            theirs, ours = (plain(part) for part in each)
            if theirs != ours:
                raise Difference(f"held {short(theirs)}, ours {short(ours)}")


class Difference(Exception):
    """The two sides part."""


def short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 1500 else text[:1500] + "..."
