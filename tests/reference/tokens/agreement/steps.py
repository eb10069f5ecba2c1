"""The steps of a sequence: each is drawn once, and done on both sides."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import mlx.core as mx
from drawing import arguments_of
from sides import Both, Sequence

METADATA = (
    (),
    ("1",),
    ("x",) * 4,
    ("3", "0"),
    ("3", "1"),
    ("9", "32", "4"),
    ("4", "0", "2", "1"),
    ("4", "3", "2", "1"),
    ("4", "2", "2", ""),
)
STEP = 4  # instead of 256, so that buffers grow often


class Unmade(Exception):
    """Both sides refused to make the cache."""


def make(sequence: Sequence, kind: str) -> None:
    draw = sequence.draw
    dimensions = (draw.random.choice((2, 3)), draw.random.choice((1, 3)))
    batch = 1
    if kind == "QuantizedKVCache":
        sizes = (32, 64, 128) if draw.chance(3) else (32, 64)
        dimensions = (draw.random.choice(sizes), draw.random.choice(sizes))
    rows = draw.random.choice((1, 2, 2, 3))
    if kind.startswith("Batch"):
        batch = rows
    draw.start(batch, dimensions)
    arguments = arguments_of(draw, kind, rows)
    found = sequence.do(
        f"{kind}({', '.join(map(repr, arguments))})",
        lambda side, _: small_steps(build(side, kind, arguments)),
    )
    if found is None:
        raise Unmade
    sequence.cache = found


def build(side: Any, kind: str, arguments: list[Any]) -> Any:
    if kind == "CacheList":
        arguments = [build(side, *child) for child in arguments]
    return side[kind](*arguments)


def small_steps(cache: Any) -> Any:
    for child in getattr(cache, "caches", [cache]):
        if hasattr(child, "step"):
            child.step = STEP
        if hasattr(child, "caches"):
            small_steps(child)
    return cache


def drop_front(sequence: Sequence) -> None:
    on_caches(sequence, "maybe_trim_front", lambda cache: cache.maybe_trim_front())


def update(sequence: Sequence) -> None:
    keys, values = sequence.draw.tokens()
    shapes = f"{list(keys.shape)} {list(values.shape)} {keys.dtype}"
    children = getattr(sequence.cache.theirs, "caches", None)
    child = sequence.draw.random.randrange(len(children)) if children else None

    def append(_: Any, side: int) -> Any:
        cache = list(sequence.cache)[side]
        target = cache if child is None else cache[child]
        if type(target).__name__ == "ArraysCache":
            target[0] = keys[...]
            return None
        return target.update_and_fetch(keys[...], values[...])

    sequence.hold(sequence.do("update_and_fetch", append, f"{shapes} child {child}"))


def on_caches(sequence: Sequence, name: str, action: Callable[[Any], Any], shown: str = "") -> Any:
    return sequence.do(name, lambda _, side: action(list(sequence.cache)[side]), shown)


def trim(sequence: Sequence) -> None:
    count = sequence.draw.small()
    on_caches(sequence, "trim", lambda cache: cache.trim(count), str(count))


def mask(sequence: Sequence) -> None:
    choice = sequence.draw.random.choice
    count, window = choice((0, 1, 1, 2, 3, 5)), choice((None, None, 0, 1, 2, 3, 4, 9))
    given = {"window_size": window, "return_array": choice((False, True))}
    if sequence.draw.chance(8):
        del given[choice(list(given))]
    on_caches(
        sequence, "make_mask", lambda cache: cache.make_mask(count, **given), f"{count} {given}"
    )


def look(sequence: Sequence) -> None:
    name = sequence.draw.random.choice(
        ("size", "empty", "is_trimmable", "nbytes", "offset", "state", "meta_state", "state",
         "keys_and_values", "max_size", "maybe_trim_front", "finalize")
    )  # fmt: skip

    def read(cache: Any) -> Any:
        found = getattr(cache, name)
        return found() if callable(found) else found

    found = on_caches(sequence, name, read)
    if name in ("state", "keys_and_values", "offset"):
        sequence.hold(found)


def prepare(sequence: Sequence) -> None:
    draw = sequence.draw
    rows = rows_of(sequence.cache.theirs)
    given: dict[str, Any] = {}
    if draw.chance(2):
        given["right_padding"] = draw.paddings(rows)
        if not draw.chance(6):
            given["lengths"] = [draw.random.choice((0, 1, 2, 3, 5)) for _ in range(rows)]
    if draw.chance(3):
        given["left_padding"] = draw.paddings(rows)
    on_caches(sequence, "prepare", lambda cache: cache.prepare(**given), str(given))


def rows_of(cache: Any) -> int:
    if hasattr(cache, "left_padding") and cache.left_padding is not None:
        return cache.left_padding.size
    return max([rows_of(child) for child in getattr(cache, "caches", [])], default=1)


def rows_that_are_there(cache: Any) -> int:
    """Rows of the padding and of the buffers: a row that is not there is memory of others."""
    counts = [rows_that_are_there(child) for child in getattr(cache, "caches", [])]
    for name in ("keys", "values", "left_padding"):
        array = getattr(cache, name, None)
        if isinstance(array, mx.array) and array.ndim:
            counts.append(array.shape[0])
    counts += [
        slot.shape[0] for slot in getattr(cache, "cache", []) if slot is not None and slot.ndim
    ]
    return min(counts, default=1)


def keep_rows(sequence: Sequence) -> None:
    rows = sequence.draw.rows(rows_that_are_there(sequence.cache.theirs))
    as_array = sequence.draw.chance(2) and rows
    on_caches(
        sequence,
        "filter",
        lambda cache: cache.filter(mx.array(rows) if as_array else rows),
        str(rows),
    )
    if rows:
        sequence.draw.batch = len(rows)


def extend(sequence: Sequence) -> None:
    """With a copy of itself, or with a cache that was put aside."""
    spare = sequence.spares[-1] if sequence.spares and sequence.draw.chance(2) else sequence.cache
    others = [copy.deepcopy(each) for each in spare]
    on_caches(sequence, "extend", lambda cache: cache.extend(others[cache is sequence.cache.ours]))
    sequence.draw.batch = rows_of(sequence.cache.theirs)


def put_aside(sequence: Sequence) -> None:
    """Remember a copy of the cache, for joins to come."""
    sequence.spares.append(Both(*(copy.deepcopy(each) for each in sequence.cache)))


def go_on(sequence: Sequence, found: Both | None) -> None:
    if found is not None and all(hasattr(each, "__dict__") for each in found):
        sequence.cache = Both(*(small_steps(each) for each in found))
        sequence.draw.batch = rows_of(sequence.cache.theirs)
        sequence.compare()


def extract(sequence: Sequence) -> None:
    rows = rows_of(sequence.cache.theirs)
    index = sequence.draw.random.randrange(-rows, rows) if rows else 0
    found = on_caches(sequence, "extract", lambda cache: cache.extract(index), str(index))
    if sequence.draw.chance(2):
        go_on(sequence, found)


def merge(sequence: Sequence) -> None:
    spares = sequence.spares[-2:]
    chosen = [*spares, sequence.cache]
    if any(in_batches(each.theirs) for each in chosen):
        return  # what they say then is about attributes that differ in name

    def join(cache: Any) -> Any:
        side = int(cache is sequence.cache.ours)
        return type(cache).merge([list(each)[side] for each in chosen])

    go_on(sequence, on_caches(sequence, "merge", join, f"{len(chosen)} caches"))


def in_batches(cache: Any) -> bool:
    children = getattr(cache, "caches", [])
    return type(cache).__name__.startswith("Batch") or any(map(in_batches, children))


def quantize(sequence: Sequence) -> None:
    size, bits = sequence.draw.random.choice((32, 64)), sequence.draw.random.choice((2, 4, 8, 7))
    found = on_caches(
        sequence,
        "to_quantized",
        lambda cache: cache.to_quantized(group_size=size, bits=bits),
        f"{size} {bits}",
    )
    if sequence.draw.chance(2):
        go_on(sequence, found)


def deep_copy(sequence: Sequence) -> None:
    go_on(sequence, on_caches(sequence, "deepcopy", copy.deepcopy))


def restore(sequence: Sequence) -> None:
    """From its own state, whole or spoiled."""
    draw = sequence.draw
    spoiled = draw.random.choice((None, None, None, "short", "long", "none", "number"))
    metadata = draw.random.choice(
        (None, None, None, (), ("1",), ("x",) * 4, ("4", "3", "2", "1"), ("3", "0"))
    )

    def again(cache: Any) -> Any:
        state = cache.state
        if spoiled == "short":
            state = state[:-1]
        elif spoiled == "long":
            state = [*state, 1]
        elif spoiled:
            state = None if spoiled == "none" else 5
        texts = [cache.meta_state if metadata is None else metadata] if has_metadata(cache) else []
        return type(cache).from_state(state, *texts)

    go_on(sequence, on_caches(sequence, "from_state", again, f"{spoiled} {metadata}"))


def has_metadata(cache: Any) -> bool:
    return hasattr(type(cache), "meta_state")


def assign(sequence: Sequence) -> None:
    """The state of a cache that was put aside, or metadata."""
    draw = sequence.draw
    if draw.chance(3):
        texts = draw.random.choice(
            ((), ("4", "0", "2", "1"), ("4", "2", "2", ""), ("3", "1"), ("9", "32", "4"), ("x",))
        )

        def put(cache: Any) -> None:
            cache.meta_state = texts

        on_caches(sequence, "set meta_state", put, str(texts))
    elif sequence.spares:
        spare = [copy.deepcopy(each) for each in sequence.spares[-1]]

        def take(cache: Any) -> None:
            cache.state = spare[cache is sequence.cache.ours].state

        on_caches(sequence, "set state", take)


def whole_prompt(sequence: Sequence) -> None:
    """The functions over all layers, with the cache and those that were put aside as layers."""
    layers = [
        [list(each)[side] for each in (sequence.cache, *sequence.spares[-1:])] for side in (0, 1)
    ]
    count = sequence.draw.small()
    if sequence.draw.chance(2):
        sequence.do(
            "can_trim_prompt_cache", lambda side, i: side["can_trim_prompt_cache"](layers[i])
        )
    else:
        sequence.do(
            "trim_prompt_cache",
            lambda side, i: side["trim_prompt_cache"](layers[i], count),
            str(count),
        )


COMMON = [update] * 12 + [
    trim,
    trim,
    mask,
    mask,
    look,
    look,
    deep_copy,
    restore,
    put_aside,
    assign,
    whole_prompt,
]
STEPS: dict[str, list[Callable[[Sequence], None]]] = {
    "KVCache": [*COMMON, quantize, merge],
    "ConcatenateKVCache": COMMON,
    "RotatingKVCache": [*COMMON, quantize, merge],
    "QuantizedKVCache": COMMON,
    "ChunkedKVCache": [*COMMON, *[look] * 3],
    "BatchKVCache": [*COMMON, prepare, prepare, keep_rows, extend, extract, look],
    "BatchRotatingKVCache": [*COMMON, prepare, prepare, keep_rows, extend, extract, look],
    "CacheList": [*COMMON, prepare, keep_rows, extend, extract, merge],
}
