"""Wrong chunked caches: appending, dropping the front, taking back, what does not fit."""

from __future__ import annotations

from functools import partial
from typing import Any

import mlx.core as mx

from conformance.mutants.alter import keeping
from conformance.mutants.mutant import Mutant
from reference_impl import cache_classes
from reference_impl.chunked import rules
from reference_impl.tokens import after, between, joined
from reference_impl.tokens import first as head
from tools.mutants.shared import at_least_one, no_tokens_refused

RS, LM31, LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
SWIFT3, SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
_LM = "https://github.com/ml-explore/mlx-lm/issues"
_RANK = 4

chunked = partial(Mutant, kind="chunked", label="ChunkedKVCache")


def own(dialect: str) -> Any:
    """The class of a dialect."""
    return cache_classes(dialect)["ChunkedKVCache"]


# Appending


def _cut_when_appended(c: Any, keys: Any, values: Any) -> Any:
    rules.drop_beyond_chunk(c)
    return rules.append(c, keys, values)


def _in_front(c: Any, keys: Any, values: Any) -> Any:
    before = rules.filled(c) if c.keys is not None else None
    rules.append(c, keys, values)
    if before is not None:
        count = c.offset - c.start_position
        c.keys[..., :count, :] = joined(keys, before[0])
        c.values[..., :count, :] = joined(values, before[1])
    return rules.filled(c)


def _whole_buffer(c: Any, keys: Any, values: Any) -> Any:
    rules.append(c, keys, values)
    return c.keys, c.values


def _grows_anew(c: Any, keys: Any, values: Any) -> Any:
    full = c.keys is not None and c.offset - c.start_position + keys.shape[2] > c.keys.shape[2]
    found = rules.append(c, keys, values)
    if full:
        start = c.offset - c.start_position - keys.shape[2]
        c.keys[..., :start, :], c.values[..., :start, :] = 0, 0
        found = rules.filled(c)
    return found


def _one_step_at_most(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is None and keys.shape[2] > c.step:
        surplus = keys.shape[2] - c.step
        keys, values = after(keys, surplus), after(values, surplus)
    return rules.append(c, keys, values)


def _calls(c: Any, keys: Any, values: Any) -> Any:
    before = c.offset
    found = rules.append(c, keys, values)
    c.offset = before + 1 if before else c.offset
    return found


def _like(change: Any, dialect: str = LM31) -> Any:
    return lambda c, keys, values: own(dialect).update_and_fetch(c, *change(keys, values))


def _offset_of_kept(c: Any, keys: Any, values: Any) -> Any:
    """Positions in the buffer by the offset, as if nothing had been dropped."""
    start, c.start_position = c.start_position, 0
    try:
        if start and c.keys is not None:
            c.offset -= start
        return rules.append(c, keys, values)
    finally:
        c.start_position = start
        c.offset += start if start and c.keys is not None else 0


def _behind_the_offset(c: Any, keys: Any, values: Any) -> Any:
    if c.start_position and c.keys is not None:
        c.offset += keys.shape[2]
        return head(c.keys, c.chunk_size), head(c.values, c.chunk_size)
    return rules.append(c, keys, values)


def _misfit_cut(c: Any, keys: Any, values: Any) -> Any:
    if c.keys is not None and keys.ndim == _RANK:
        batch, heads, _, width = c.keys.shape
        keys = keys[:batch, :heads, :, :width]
        values = values[:batch, :heads, :, : c.values.shape[3]]
    return rules.append(c, keys, values)


def _refused_is_counted(c: Any, keys: Any, values: Any) -> Any:
    try:
        return own(RS).update_and_fetch(c, keys, values)
    except Exception:
        c.offset += 1
        raise


def _refused_any_rank(c: Any, keys: Any, values: Any) -> Any:
    if keys.ndim == _RANK - 1:
        keys, values = keys[None], values[None]
    return own(LM32).update_and_fetch(c, keys, values)


def _step_of(count: int) -> Any:
    def construct(c: Any, chunk_size: Any) -> None:
        super(own(LM32), c).__init__(chunk_size)
        c.keys = c.values = mx.zeros((1, 1, count, 1))

    return construct


# Dropping the front


def _dropping(change: Any) -> Any:
    """mlx-lm 0.32's way, with one thing taken wrongly: `change(cache, count)` is how many go."""

    def drop(c: Any) -> None:
        if c.keys is None:
            return
        count = c.offset - c.start_position
        surplus = change(c, count)
        if surplus > 0:
            c.start_position += surplus
            c.keys = between(c.keys, surplus, count)
            c.values = between(c.values, surplus, count)

    return drop


def _first_kept(c: Any) -> None:
    count = c.offset - c.start_position
    if c.keys is not None and count > c.chunk_size:
        c.start_position += count - c.chunk_size
        c.keys, c.values = head(c.keys, c.chunk_size), head(c.values, c.chunk_size)


def _keys_alone(c: Any) -> None:
    values = c.values
    rules.drop_beyond_chunk(c)
    if c.keys is not None and values is not None and c.values.shape != values.shape:
        c.values = head(values, c.keys.shape[2])


def _needs_tokens(c: Any) -> None:
    count = c.keys.shape[2] - c.chunk_size
    if count >= 0:
        rules.drop_beyond_chunk_of_buffer(c)


def _offset_moves(c: Any) -> None:
    start = c.start_position
    rules.drop_beyond_chunk(c)
    c.offset -= c.start_position - start
    c.start_position = start


def _zero_keeps_all(c: Any) -> None:
    if c.chunk_size:
        rules.drop_beyond_chunk(c)


def _no_size_is_zero(c: Any) -> None:
    if c.chunk_size is None and c.keys is not None:
        c.start_position = c.offset
        c.keys, c.values = head(c.keys, 0), head(c.values, 0)
    elif c.chunk_size is not None:
        rules.drop_beyond_chunk_of_buffer(c)


def _last_alone(c: Any) -> None:
    if c.chunk_size is not None and c.keys is not None and c.keys.shape[2] >= c.chunk_size:
        rules.drop_beyond_chunk_of_buffer(c)
        c.keys = c.keys[..., ::-1, :]


# Taking back


def _dropped_too(c: Any, n: Any) -> Any:
    removed = min(c.offset, n)
    c.offset -= removed
    return removed


def _from_the_front(c: Any, n: Any) -> Any:
    removed = min(c.offset - c.start_position, n)
    if c.keys is not None and removed > 0:
        c.keys, c.values = after(c.keys, removed), after(c.values, removed)
    c.offset -= removed
    return removed


def _all_or_none(c: Any, n: Any) -> Any:
    return rules.trim_any(c, n) if n <= c.offset - c.start_position else 0


def _of_the_chunk(c: Any, n: Any) -> Any:
    return rules.trim_any(c, min(n, c.chunk_size or n))


_update = "update_and_fetch"
MUTANTS = (
    chunked("chunked-cut-when-appended", LM32, ("CHUNKED-001",),
            "An update drops the front unasked.", members={_update: _cut_when_appended}),
    chunked("chunked-newest-in-front", LM31, ("CHUNKED-001",), "New tokens go in front.",
            members={_update: _in_front}),
    chunked("chunked-room-is-tokens", LM31, ("CHUNKED-002",),
            "An update gives the free room too.",
            members={_update: lambda c, k, v: _whole_buffer(c, k, v) if c.offset >= 200
                     else rules.append(c, k, v)}),
    chunked("chunked-grows-anew", LM32, ("CHUNKED-002",), "Room that is made clears the tokens.",
            members={_update: _grows_anew}),
    chunked("chunked-one-step-at-most", LM32, ("CHUNKED-002",),
            "A first chunk is cut to the step of the buffers.",
            members={_update: _one_step_at_most}),
    chunked("chunked-counts-chunks", LM31, ("CHUNKED-001", "CHUNKED-003"),
            "Tokens after the first chunk count as one.", members={_update: _calls}),
    chunked("chunked-offset-of-the-kept", LM32, ("CHUNKED-003",),
            "The offset goes down with the front.", members={"maybe_trim_front": _offset_moves}),
    chunked("chunked-first-are-kept", LM32, ("CHUNKED-004",),
            "Dropping the front keeps the first tokens.",
            members={"maybe_trim_front": _first_kept}),
    chunked("chunked-one-dropped-too-many", LM32, ("CHUNKED-004", "CHUNKED-005", "CHUNKED-006"),
            "chunk_size - 1 tokens are kept.",
            members={"maybe_trim_front": _dropping(lambda c, n: n - c.chunk_size + 1)}),
    chunked("chunked-one-kept-too-many", LM32, ("CHUNKED-004",), "chunk_size + 1 tokens are kept.",
            members={"maybe_trim_front": _dropping(lambda c, n: n - c.chunk_size - 1)}),
    chunked("chunked-all-dropped", LM32, ("CHUNKED-004", "CHUNKED-006"),
            "A cache with too many tokens drops all.",
            members={"maybe_trim_front": _dropping(
                lambda c, n: n if n > c.chunk_size else 0)}),
    chunked("chunked-nothing-dropped", LM31, ("CHUNKED-004",), "The front is never dropped.",
            members={"maybe_trim_front": lambda c: None}),
    chunked("chunked-keys-alone-dropped", LM32, ("CHUNKED-004",),
            "Values keep the first tokens when the front is dropped.",
            members={"maybe_trim_front": _keys_alone}),
    chunked("chunked-room-counts", LM32, ("CHUNKED-004", "CHUNKED-005", "CHUNKED-006"),
            "Free room counts as tokens.", "mlx-lm 0.31.3", f"{_LM}/1673",
            members={"maybe_trim_front": rules.drop_beyond_chunk_of_buffer}),
    chunked("chunked-dropped-in-reverse", SWIFT3, ("CHUNKED-004", "CHUNKED-006"),
            "What is kept comes in reverse.", members={"maybe_trim_front": _last_alone}),
    chunked("chunked-lost-behind-the-front", LM31, ("CHUNKED-006",),
            "Tokens that come after the front was dropped are counted and lost.",
            members={_update: _behind_the_offset}),
    chunked("chunked-front-needs-tokens", LM32, ("CHUNKED-007",),
            "Dropping the front of an empty cache is an error.",
            members={"maybe_trim_front": _needs_tokens}),
    chunked("chunked-no-size-drops-all", RS, ("CHUNKED-008",),
            "No chunk size is a chunk size of 0.", members={"maybe_trim_front": _no_size_is_zero}),
    chunked("chunked-no-size-is-zero", LM31, ("CHUNKED-008", "CHUNKED-016"),
            "No chunk size becomes 0 when the cache is made.",
            members={"__init__": lambda c, chunk_size: super(own(LM31), c).__init__(
                chunk_size or 0)}),
    chunked("chunked-zero-is-no-size", LM32, ("CHUNKED-025",),
            "A chunk size of 0 drops nothing.", members={"maybe_trim_front": _zero_keeps_all}),
    chunked("chunked-zero-refuses-tokens", SWIFT4, ("CHUNKED-025",),
            "A chunk size of 0 takes one token of a chunk.",
            members={_update: lambda c, k, v: own(SWIFT4).update_and_fetch(
                c, head(k, 1), head(v, 1)) if c.chunk_size == 0
                else own(SWIFT4).update_and_fetch(c, k, v)}),
    chunked("chunked-trim-says-what-was-asked", LM31, ("CHUNKED-009",),
            "More than there is to take back is said to be taken.",
            members={"trim": lambda c, n: max(rules.trim_any(c, n), n)}),
    chunked("chunked-trim-takes-dropped", LM32, ("CHUNKED-009",),
            "Dropped tokens are taken back as well.", members={"trim": _dropped_too}),
    chunked("chunked-trim-leaves-offset", LM31, ("CHUNKED-009",), "Nothing is taken back.",
            members={"trim": keeping("offset", rules.trim_any)}),
    chunked("chunked-trim-from-the-front", LM32, ("CHUNKED-009",), "The first tokens go.",
            members={"trim": _from_the_front}),
    chunked("chunked-trim-all-or-none", RS, ("CHUNKED-009",),
            "More than there is takes nothing.",
            members={"trim": lambda c, n: _all_or_none(c, n) if n >= 0 else own(RS).trim(c, n)}),
    chunked("chunked-trim-of-one-chunk", LM31, ("CHUNKED-009",),
            "No more than chunk_size tokens are taken back.", members={"trim": _of_the_chunk}),
    chunked("chunked-untrimmable-when-dropped", LM32, ("CHUNKED-009",),
            "A cache whose front was dropped is not trimmable.",
            members={"is_trimmable": lambda c: c.start_position == 0}),
    chunked("chunked-untrimmable-beyond-the-chunk", SWIFT4, ("CHUNKED-009",),
            "A cache with a chunk or more is not trimmable.",
            members={"is_trimmable": lambda c: c.offset < c.chunk_size}),
    chunked("chunked-negative-trim-is-positive", LM31, ("CHUNKED-010",),
            "A negative count is taken for a positive one.",
            members={"trim": lambda c, n: rules.trim_any(c, abs(n))}),
    chunked("chunked-negative-trim-is-huge", RS, ("CHUNKED-010",),
            "A negative count wraps to a huge one, and takes all.",
            members={"trim": lambda c, n: own(RS).trim(c, n if n >= 0 else n + 2**64)}),
    chunked("chunked-in-float32", LM31, ("CHUNKED-013",), "Tokens are kept in float32.",
            members={_update: _like(lambda k, v: (k.astype(mx.float32), v.astype(mx.float32)))}),
    chunked("chunked-values-of-key-width", LM31, ("CHUNKED-013",),
            "Values are cut to the width of keys.",
            members={_update: _like(lambda k, v: (k, v[..., : k.shape[-1]]))}),
    chunked("chunked-one-row", SWIFT3, ("CHUNKED-013",), "One row is kept.",
            members={_update: _like(lambda k, v: (k[:1], v[:1]), SWIFT3)}),
    chunked("chunked-one-head", RS, ("CHUNKED-013",), "One head is kept.",
            members={_update: _like(lambda k, v: (k[:, :1], v[:, :1]), RS)}),
    chunked("chunked-misfit-cut", LM31, ("CHUNKED-014",), "What does not fit is cut.",
            members={_update: _misfit_cut}),
    chunked("chunked-refused-is-counted", RS, ("CHUNKED-014",), "Refused tokens are counted.",
            members={_update: _refused_is_counted}),
    chunked("chunked-any-rank", LM32, ("CHUNKED-014",), "A batch axis that lacks is made up.",
            members={_update: _refused_any_rank}),
    chunked("chunked-no-tokens-refused", LM31, ("CHUNKED-015",), "No tokens are an error.",
            members={_update: no_tokens_refused(rules.append)}),
    chunked("chunked-no-tokens-are-one", SWIFT3, ("CHUNKED-015",), "No tokens count as one.",
            members={_update: at_least_one(rules.append)}),
    chunked("chunked-new-has-buffers", LM32, ("CHUNKED-016",), "A new cache has buffers.",
            members={"__init__": _step_of(0)}),
    chunked("chunked-empty-by-chunk", LM31, ("CHUNKED-016",),
            "A cache is empty until it has a chunk.",
            members={"empty": lambda c: c.offset < c.chunk_size}),
    chunked("chunked-bytes-need-tokens", RS, ("CHUNKED-016",),
            "An empty cache cannot say its bytes.",
            members={"nbytes": property(lambda c: c.keys.nbytes + c.values.nbytes)}),
)  # fmt: skip
