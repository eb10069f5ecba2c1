"""Drawn caches of keys and values in prompt-cache files, and batches of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from conformance.engine import literals
from conformance.engine.dialect import Dialect
from conformance.engine.plan import absent
from conformance.tensor import tensor

Spec = dict[str, Any]
_PLAIN, _ROTATING, _CHUNKED = "KVCache", "RotatingKVCache", "ChunkedKVCache"
_QUANTIZED, _CONCATENATE = "QuantizedKVCache", "ConcatenateKVCache"
_BATCH, _BATCH_ROTATING = "BatchKVCache", "BatchRotatingKVCache"
FAMILY = (_PLAIN, _ROTATING, _CHUNKED, _QUANTIZED, _CONCATENATE, _BATCH, _BATCH_ROTATING)
# Operation without which a dialect has no such class.
_NEEDS = {_CONCATENATE: "concatenate.new", _BATCH: "batch_kv.new",
          _BATCH_ROTATING: "batch_rotating.new"}  # fmt: skip
_FLOATS = ("float32", "bfloat16", "float16")
_DTYPES = (*_FLOATS, "uint8", "int32")
_WINDOWS = (4, 8, 2, 300, 512)
_CHUNKS = (8, 2, 4, 300, 512)
_TOKENS = (2, 3, 1, 4, 5)
_STEPS = (255, 256, 257, 511, 513)  # room is made for 256 tokens at once
_BITS, _GROUPS = (4, 8, 2), (32, 64)
_PADDING = (0, 1, 2, 3, 256)
_MOST = 100  # what every dtype has every whole number up to

_dtype, _float = st.sampled_from(_DTYPES), st.sampled_from(_FLOATS)
_window, _chunk, _tokens = (st.sampled_from(each) for each in (_WINDOWS, _CHUNKS, _TOKENS))
_step, _bits, _group = (st.sampled_from(each) for each in (_STEPS, _BITS, _GROUPS))
_padding = st.sampled_from(_PADDING)
_few, _heads, _widths = st.integers(1, 2), st.integers(1, 3), st.integers(1, 3)
_keep, _more, _tens = st.integers(0, 3), st.integers(1, 6), st.integers(0, 9)
_fives, _start, _yes = st.integers(0, 4), st.integers(0, 40), st.booleans()


def needs_a_file(cache: Spec) -> bool:
    """Whether a backend is only given a file with it: `save` updates a cache once at most, and
    makes no batch.
    """
    return (
        "then" in cache or "trim_front" in cache or cache["class_name"] in _NEEDS
        or any(map(needs_a_file, cache.get("caches", ())))
    )  # fmt: skip


@st.composite
def key_values(draw: st.DrawFn, dialect: Dialect, empty: bool) -> Spec:
    """One of the key/value family with keys and values [B, heads, S, D], or an empty one if that
    may be.
    """
    names = [name for name in (*FAMILY, _ROTATING, _CHUNKED)  # those of most forms twice
             if name not in _NEEDS or not absent(dialect, _NEEDS[name])]  # fmt: skip
    name = draw(st.sampled_from(names))
    if name == _QUANTIZED:
        return draw(_quantized())
    if name in (_BATCH, _BATCH_ROTATING):
        return draw(_batch(name))
    made: Spec = {"class_name": name}
    if name == _ROTATING:
        window = draw(_window)
        made["numbers"] = {"max_size": window, "keep": min(draw(_keep), window - 1)}
    elif name == _CHUNKED:
        made["numbers"] = {"chunk_size": draw(_chunk)}
    if empty and draw(_yes) and name not in _NEEDS:
        return made
    held = _Tokens(draw)
    special = draw(_tens) > 3
    if name == _ROTATING and special:
        return _wrapped(draw, made, held)
    if name == _CHUNKED and special:
        return _trimmed(draw, made, held)
    made["keys"], made["values"] = held.of(range(held.count()))
    return made


class _Tokens:
    """Keys and values of tokens by their places in the sequence. Rarely they are `is_tiny`, so that
    there may be hundreds of them.
    """

    def __init__(self, draw: st.DrawFn, rows: int | None = None) -> None:
        self._draw = draw
        self.is_tiny = draw(_fives) == 4
        self._dtypes = [draw(_dtype)] * 2
        if draw(_tens) > 6:
            self._dtypes[1] = draw(_dtype)
        self.rows = rows or (1 if self.is_tiny else draw(_few))
        self._heads = 1 if self.is_tiny else draw(_heads)
        self._widths = (1, 1) if self.is_tiny else (draw(_widths), draw(_widths))
        self._start = draw(_start)

    def count(self) -> int:
        """How many there are."""
        return self._draw(_step) if self.is_tiny else self._draw(_tokens)

    def of(self, places: Iterable[int]) -> list[Any]:
        """The literals of keys and values of the tokens at these places, in this order."""
        return [self._half(list(places), *each)
                for each in zip(self._dtypes, self._widths, (0, 50), strict=True)]  # fmt: skip

    def _half(self, places: Sequence[int], dtype: str, width: int, start: int) -> Any:
        numbers = [
            (self._start + start + 7 * place + 31 * row + 13 * head + column) % _MOST
            for row in range(self.rows)
            for head in range(self._heads)
            for place in places
            for column in range(width)
        ]
        shape = (self.rows, self._heads, len(places), width)
        return literals.spelled(tensor(dtype, shape, numbers))


def _ring(made: Spec, held: _Tokens, first: int, singles: int) -> tuple[list[int], int]:
    """`made` with so many tokens at once and then one by one; what stands in the window in the
    end, and where the next one goes.
    """
    window, keep = made["numbers"]["max_size"], made["numbers"].get("keep", 0)
    made["keys"], made["values"] = held.of(range(first))
    made["then"] = [held.of([first + n]) for n in range(singles)]
    order, at = list(range(first)), first
    for place in range(first, first + singles):
        if len(order) > window:
            order = order[:keep] + order[len(order) - window + keep :]
            at = window
        at = keep if at == window else at
        order[at : at + 1] = [place]
        at += 1
    made["stored"] = held.of(order)
    return order, at


def _trimmed(draw: st.DrawFn, made: Spec, held: _Tokens) -> Spec:
    """A chunk that has dropped what was in front of it, if there are more tokens."""
    if held.is_tiny:  # much is cut
        made["numbers"]["chunk_size"] = draw(_more)
    size = made["numbers"]["chunk_size"]
    count = max(held.count(), draw(_more) + size if size < min(_STEPS) else 0)
    made["keys"], made["values"] = held.of(range(count))
    if count > size:
        made["trim_front"] = True
        made["stored"] = held.of(range(count - size, count))
        made["numbers"] |= {"offset": count, "start_position": count - size}
    return made


def _wrapped(draw: st.DrawFn, made: Spec, held: _Tokens) -> Spec:
    """A window that tokens were put into one by one, so that it has wrapped if it is small."""
    first, singles = held.count(), draw(_more)
    _, at = _ring(made, held, first, singles)
    made["numbers"] |= {"offset": first + singles, "idx": at}
    return made


@st.composite
def _quantized(draw: st.DrawFn) -> Spec:
    size, bits = draw(_group), draw(_bits)
    made: Spec = {"class_name": _QUANTIZED, "numbers": {"group_size": size, "bits": bits}}
    shape = [draw(_few), draw(_heads), draw(_few)]
    dtype = draw(_float)
    for half in ("keys", "values"):
        start, width = draw(_start) - 20, size * draw(_few)
        literal = {"dtype": dtype, "shape": [*shape, width], "iota": start}
        made[half] = {**literal, "modulo": 16 + draw(_tens)}
    return made


@st.composite
def _batch(draw: st.DrawFn, name: str) -> Spec:
    """A batch of sequences with padding in front of each; its window may have wrapped."""
    rows = draw(_heads)
    held = _Tokens(draw, rows)
    first = held.count()
    padding = [min(draw(_padding), first - 1) for _ in range(rows)]
    made: Spec = {"class_name": name, "left_padding": padding}
    singles, lost = 0, 0
    if name == _BATCH:
        made["keys"], made["values"] = held.of(range(first))
        made["numbers"] = {"idx": first}
    else:
        window = draw(_window)
        made["numbers"] = {"max_size": window}
        singles = draw(_more) if first <= window and draw(_yes) else 0
        order, at = _ring(made, held, first, singles)
        lost = first + singles - len(order)
        made["numbers"] |= {"seen": first + singles, "idx": at, "rotated": int(lost > 0)}
    made["rows"] = {
        "offset": [first + singles - each for each in padding],
        "left_padding": [each - lost for each in padding],
    }
    return made
