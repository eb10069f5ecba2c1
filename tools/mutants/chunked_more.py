"""Wrong chunked caches: first tokens, counting, what is handed out."""

from __future__ import annotations

from typing import Any

from reference_impl.chunked import rules
from reference_impl.tokens import own as own_arrays
from tools.mutants.chunked import LM31, LM32, RS, chunked, own
from tools.mutants.plain import first_answer_short, from_the_front, in_front, singles_count_two


def _starting_at_one(c: Any, chunk_size: Any) -> None:
    super(own(LM31), c).__init__(chunk_size)
    c.offset = 1


def _from_zero(c: Any, keys: Any, values: Any) -> Any:
    c.offset = 0 if c.keys is None else c.offset
    return rules.append(c, keys, values)


def _last_place_counts(c: Any, keys: Any, values: Any) -> Any:
    found = own(RS).update_and_fetch(c, keys, values)
    c.offset += c.offset + 1 == c.chunk_size
    return found


def _surplus_at_once(c: Any, keys: Any, values: Any) -> Any:
    found = own(LM32).update_and_fetch(c, keys, values)
    if keys.shape[2] > (c.chunk_size or keys.shape[2]):
        rules.drop_beyond_chunk(c)
        return c.keys, c.values
    return found


def _outside_as_copies(c: Any, name: str) -> Any:
    found = object.__getattribute__(c, name)
    if name in ("keys", "values") and not object.__getattribute__(c, "__dict__").get("updating"):
        return own_arrays(found)
    return found


def _inside(c: Any, keys: Any, values: Any) -> Any:
    c.updating = True
    try:
        return own(LM31).update_and_fetch(c, keys, values)
    finally:
        del c.updating


def _full_chunk_is_new(c: Any, keys: Any, values: Any) -> Any:
    found = rules.append(c, keys, values)
    if c.offset == c.chunk_size:
        return tuple(array[..., :-1, :] for array in found)
    return found


_UPDATE = "update_and_fetch"
MUTANTS = (
    chunked("chunked-first-answer-short", LM31, ("CHUNKED-001",),
            "The answer to a first update lacks its last token.",
            members={_UPDATE: first_answer_short(own, LM31)}),
    chunked("chunked-starts-at-one", LM31, ("CHUNKED-003", "CHUNKED-016"),
            "A new cache has offset 1.",
            members={"__init__": _starting_at_one, _UPDATE: _from_zero}),
    chunked("chunked-last-place-counts", RS, ("CHUNKED-001", "CHUNKED-003"),
            "The last free place of a chunk counts as a token.",
            members={_UPDATE: _last_place_counts}),
    chunked("chunked-singles-count-two", LM32, ("CHUNKED-003",),
            "A single token after others counts as two.",
            members={_UPDATE: singles_count_two(own, LM32)}),
    chunked("chunked-in-front-of-others", LM32, ("CHUNKED-001",),
            "Tokens that come later stand in front.",
            members={_UPDATE: in_front(own, LM32)}),
    chunked("chunked-long-chunk-cut", LM32, ("CHUNKED-001",),
            "A chunk beyond the chunk size is cut to it.", members={_UPDATE: _surplus_at_once}),
    chunked("chunked-full-chunk-short", LM31, ("CHUNKED-001",),
            "Exactly one chunk comes back without its last token.",
            members={_UPDATE: _full_chunk_is_new}),
    chunked("chunked-trim-at-least-one", LM32, ("CHUNKED-009",), "Taking nothing back takes one.",
            members={"trim": lambda c, n: rules.trim_any(c, n or 1)}),
    chunked("chunked-trim-from-the-first", LM32, ("CHUNKED-009",),
            "The first tokens go, wherever they stand.", members={"trim": from_the_front}),
    chunked("chunked-buffers-as-copies", LM31, ("CHUNKED-023",),
            "The buffers are handed out as copies.",
            members={"__getattribute__": _outside_as_copies, _UPDATE: _inside}),
)  # fmt: skip
