"""Drawn sequences of operations on mlx-lm's own classes and on the reference's, side by side.

Executed by the Python of a release's environment: `program.py DIALECT COUNT SEED [WRONG ...]`.
Every step is done on both sides with equal arguments; answers, errors by type, all attributes, and
whatever was handed out before must stay equal. Prints one JSON document: the differences, each with
the steps that lead to it, and how often each operation succeeded and failed. With WRONG, rules of
the reference are replaced by others, one after the other. Each must be noticed, and the document
has the first difference of each.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from drawing import Draw
from mlx_lm.models import cache as released
from sides import Difference, Sequence
from steps import COMMON, STEPS, Unmade, drop_front, make

from reference_impl import cache_classes, prompt_functions


def play(dialect: str, seed: int, kind: str, counts: Counter[str]) -> dict[str, Any] | None:
    """One sequence; the difference, if there is one."""
    draw = Draw(random.Random(f"{kind}-{seed}"))
    prompt = prompt_functions(dialect)
    theirs = vars(released)
    ours = {
        **cache_classes(dialect),
        "can_trim_prompt_cache": prompt.can_trim_prompt_cache,
        "trim_prompt_cache": prompt.trim_prompt_cache,
    }
    sequence = Sequence(draw, theirs, ours, counts=counts)
    try:
        make(sequence, kind)
        for _ in range(draw.random.choice((3, 6, 10, 15))):
            if (
                kind == "ChunkedKVCache"
                and type(sequence.cache.theirs).__name__ == kind
                and draw.chance(3)
            ):
                drop_front(sequence)
            now = type(sequence.cache.theirs).__name__
            draw.random.choice(STEPS.get(now, COMMON))(sequence)
    except Difference as difference:
        return {"kind": kind, "seed": seed, "steps": sequence.steps, "difference": str(difference)}
    except Unmade:
        pass
    return None


# Rules replaced by others, to see that it is noticed


@contextmanager
def wrong(dialect: str, name: str) -> Iterator[None]:
    classes = cache_classes(dialect)
    kind, rule = name.split(".")
    replaced = {
        "KVCache.trim": lambda cache, n: 0,
        "RotatingKVCache.between": lambda cache, array, start, stop: array[..., :0, :],
        "BatchKVCache.count": lambda cache, tokens: None,
        "RotatingKVCache.place": _in_new_buffers(classes["RotatingKVCache"].place),
    }[name]
    own = vars(classes[kind]).get(rule)
    setattr(classes[kind], rule, replaced)
    try:
        yield
    finally:
        if own is None:
            delattr(classes[kind], rule)
        else:
            setattr(classes[kind], rule, own)


def _in_new_buffers(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Nothing that was handed out ever changes."""

    def place(cache: Any, keys: Any, values: Any) -> Any:
        cache.keys, cache.values = cache.keys[...], cache.values[...]
        return rule(cache, keys, values)

    return place


def main() -> None:
    dialect, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    counts: Counter[str] = Counter()
    kinds = list(STEPS)

    def differences() -> Iterator[dict[str, Any]]:
        for number in range(seed, seed + count):
            difference = play(dialect, number, kinds[number % len(kinds)], counts)
            if difference:
                yield difference

    if rules := sys.argv[4:]:
        noticed = {}
        for rule in rules:
            with wrong(dialect, rule):
                noticed[rule] = next(differences(), None)
        print(json.dumps(noticed))
        return
    found = list(differences())
    print(json.dumps({"differences": found[:50], "how_many": len(found), "counts": counts}))


if __name__ == "__main__":
    main()
