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
    """A value as something that can be compared, and printed.

    All arrays in it are computed at once, as waiting for each is most of what a sequence takes.
    """
    seen: list[mx.array] = []
    found = _plain(value, seen)
    mx.eval(seen)
    return _read(found)


def _plain(value: Any, seen: list[mx.array]) -> Any:
    if isinstance(value, mx.array):
        raw = mx.contiguous(value).reshape(-1).view(mx.uint8) if value.size else None
        if raw is not None:
            seen.append(raw)
        return Bytes(str(value.dtype), list(value.shape), raw)
    if isinstance(value, list | tuple):
        return [type(value).__name__, [_plain(part, seen) for part in value]]
    if isinstance(value, dict):
        return {name: _plain(part, seen) for name, part in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Both):
        return [_plain(side, seen) for side in value]
    # All attributes of a cache, under the reference's names.
    attributes = {
        RENAMED.get(name, name): _plain(part, seen)
        for name, part in sorted(vars(value).items())
        if name not in ("step", "class_label")
    }
    return [type(value).__name__, attributes]


@dataclass
class Bytes:
    """An array whose bytes are about to be computed."""

    dtype: str
    shape: list[int]
    raw: mx.array | None


def _read(found: Any) -> Any:
    if isinstance(found, Bytes):
        data = "" if found.raw is None else bytes(memoryview(found.raw)).hex()
        return [found.dtype, found.shape, data]
    if isinstance(found, list):
        return [_read(part) for part in found]
    if isinstance(found, dict):
        return {name: _read(part) for name, part in found.items()}
    return found


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
        answers = Both(theirs, ours)
        self.compare(answers)
        return answers

    def kind(self) -> str:
        return type(self.cache.theirs).__name__ if hasattr(self, "cache") else "new"

    def hold(self, both: Both | None) -> None:
        if both is not None:
            self.held = [*self.held[1 - HELD :], both]

    def compare(self, answers: Both | None = None) -> None:
        """The answers, what the cache has now, and what was handed out before."""
        looked_at = [] if answers is None else [("", answers)]
        if hasattr(self, "cache"):
            looked_at.append(("then has ", self.cache))
        looked_at += [("held ", each) for each in self.held]
        _, pairs = plain([both for _, both in looked_at])
        for (words, _), (theirs, ours) in zip(looked_at, pairs, strict=True):
            if theirs != ours:
                raise Difference(f"{words}{short(theirs)}, ours {short(ours)}")


class Difference(Exception):
    """The two sides part."""


def short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) < 1500 else text[:1500] + "..."
