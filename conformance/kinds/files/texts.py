"""Drawn user metadata of prompt-cache files."""

from __future__ import annotations

from hypothesis import strategies as st

# Primitive strategies are made once: building one costs more than drawing from it.
_KEYS = (
    "model", "Model", "a", "b.c", "d.e.f", "g.h.i.j.k", "0", "1", "12", "007", "0.1", "2.0",
    "format", "__private", "-1", "--flag", "with space", " a", "b ", "\u00e9", "e\u0301",
    "\U0001f600", "",
)  # fmt: skip
_WORDS = (
    "", " ", "\t\n", "m", "Mixed Case", "a.b", "0", "01", "1.50", "1e3", "null", "true", "false",
    "None", "[1,2]", '{"a":1}', '"quoted"',
)  # fmt: skip
# What a text is put together from, or has at its ends.
_PIECES = (
    "m", "A", "b", "7", " ", "  ", "\t", "\n", "\r\n", ".", ",", "\\", '"', "'", "<", ">", "&",
    "\u00e9", "e\u0301", "\u6c34", "\u00a0", "\u200b", "\u200d", "\ufeff", "\x01", "\x7f",
    "\U0001f600", "\U00020000",
)  # fmt: skip
_LENGTHS = (65, 129, 256, 257, 1025, 4097)
_KEY_LENGTHS = (65, 129, 256)
_ENTRIES = (11, 33, 51)
_key, _word, _piece = st.sampled_from(_KEYS), st.sampled_from(_WORDS), st.sampled_from(_PIECES)
_length, _key_length = st.sampled_from(_LENGTHS), st.sampled_from(_KEY_LENGTHS)
_entries = st.sampled_from(_ENTRIES)
_pieces = st.lists(_piece, min_size=1, max_size=5).map("".join)
_any = st.text(st.characters(codec="utf-8"), max_size=4)
_count, _twenties, _forties = st.integers(0, 3), st.integers(0, 19), st.integers(0, 39)


@st.composite
def user_metadata(draw: st.DrawFn) -> dict[str, str]:
    """At most 3 entries, rarely many; keys of any letters, some of which differ only in case."""
    if draw(_forties) == 39:
        return {f"key{number}": str(number) for number in range(draw(_entries))}
    table = {draw(_keys()): draw(_values()) for _ in range(draw(_count))}
    if table and draw(_twenties) > 16:
        table[next(iter(table)).swapcase()] = draw(_values())
    return table


@st.composite
def _keys(draw: st.DrawFn) -> str:
    way = draw(_twenties)
    if way < 15:
        return draw(_key)
    if way < 17:
        return draw(_pieces)
    return draw(_any) if way < 19 else "k" * draw(_key_length)


@st.composite
def _values(draw: st.DrawFn) -> str:
    way = draw(_twenties)
    if way < 8:
        return draw(_word)
    if way < 16:
        return draw(_pieces)
    return draw(_any) if way < 18 else "v" * draw(_length) + "w"
