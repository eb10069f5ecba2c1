"""Laws of caches of keys and values; a kind says what is in one, and which requirements say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from conformance.properties.law import Law, Trial
from conformance.tensor import Tensor, tensor

_chunk = st.sampled_from((1, 1, 1, 2, 3, 4, 6))
_chunks = st.integers(1, 5)
_back = st.integers(0, 4)
_length = st.integers(2, 4)
_dtype = st.sampled_from(("float32", "float16", "bfloat16", "int32"))
_rows = st.integers(1, 2)
_ROW = 100  # what the tokens of the second row have more


class TokenTrial(Trial):
    """A trial with caches of one head and one dimension; the key of token t is t, its value -t."""

    in_order = True  # whether the last update gives tokens in the order in which they came
    rows = 1
    dtype = "float32"

    def made(self, cache: str) -> None:
        """A new cache; a kind draws what it is made with."""
        self.rows, self.dtype = self.draw(_rows), self.draw(_dtype)
        self.call("new", cache=cache, **self.arguments())

    def arguments(self) -> dict[str, Any]:
        """What a new cache is made with."""
        return {}

    def kept(self, tokens: list[int]) -> list[int]:
        """Of all tokens that came, those that are kept once a single one has come last."""
        return tokens

    def sinks(self) -> int:
        """How many of the first tokens all others see, however far behind they are."""
        return 0

    def room(self) -> int:
        """How many tokens can come and all be taken back."""
        return 1 << 20

    def tokens(self, tokens: Sequence[int], sign: int = 1) -> Tensor:
        """Keys of these tokens, or with sign -1 their values."""
        values = [sign * (token + _ROW * row) for row in range(self.rows) for token in tokens]
        return tensor(self.dtype, [self.rows, 1, len(tokens), 1], values)

    def update(self, cache: str, tokens: Sequence[int]) -> list[Tensor]:
        """Append them; what attention is to see."""
        found: list[Tensor] = self.call(
            "update_and_fetch",
            cache=cache,
            keys=self.tokens(tokens),
            values=self.tokens(tokens, -1),
        )
        return found

    def fill(self, cache: str, most: int = 24) -> int:
        """Append some chunks, at most so many tokens; how many there are then."""
        count = 0
        for _ in range(self.draw(_chunks)):
            size = min(self.draw(_chunk), most - count)
            if size:
                self.update(cache, range(count + 1, count + size + 1))
                count += size
        return count

    def sees(self, what: str, tokens: Sequence[int], found: list[Tensor]) -> None:
        """An answer has just these tokens; keys and values in the same order."""
        keys, values = found
        order = [int(token) for token in keys.elements()[: len(tokens)]]
        expected = list(tokens) if self.in_order else sorted(tokens)
        self.equal(f"the tokens of {what}", expected, order if self.in_order else sorted(order))
        self.equal(f"keys of {what}", self.tokens(order), keys)
        self.equal(f"values of {what}", self.tokens(order, -1), values)


# ---------------------------------------------------------------------- trials


def _appending(t: TokenTrial) -> None:
    t.made("x")
    count = t.fill("x") + 1
    found = t.update("x", [count])
    t.sees("the last update", t.kept(list(range(1, count + 1))), found)
    t.equal("the offset", count, t.call("offset", cache="x"))


def _trimming(t: TokenTrial) -> None:
    t.made("x")
    count = t.fill("x", most=t.room())
    removed = min(t.draw(_back), count)
    t.equal("what trim says", removed, t.call("trim", cache="x", n=removed))
    left = count - removed
    t.equal("the offset", left, t.call("offset", cache="x"))
    found = t.update("x", [count + 1])
    t.sees("the update after a trim", t.kept([*range(1, left + 1), count + 1]), found)


def _restoring(t: TokenTrial) -> None:
    t.made("x")
    count = t.fill("x")
    before = t.look("x")
    t.call("round_trip", cache="x", into="y")
    t.alike("the original", before, t.look("x"))
    t.alike("the restored cache", before, t.look("y"))
    for size in (t.draw(_chunk), 1):
        more = range(count + 1, count + size + 1)
        t.equal("the next update", t.update("x", more), t.update("y", more))
        count += size


def _copying(t: TokenTrial) -> None:
    t.made("x")
    count = t.fill("x")
    before = t.look("x")
    t.call("copy", cache="x", into="y")
    t.alike("the copy", before, t.look("y"))
    changed, other = t.draw(st.sampled_from((("x", "y"), ("y", "x"))))
    size = t.draw(_chunk)
    t.update(changed, range(count + 1, count + size + 1))
    t.alike("the other one", before, t.look(other))
    after = t.look(changed)
    t.update(other, range(count + size + 1, count + 2 * size + 1))
    t.alike("the first one, after other tokens", after, t.look(changed))


def _looking(t: TokenTrial) -> None:
    t.made("x")
    t.fill("x")
    before = t.look("x")
    for name in t.looks:
        if t.has(name) and name not in t.dialect.traps:
            t.reply(name, cache="x")
    if t.has("make_mask"):
        t.call("make_mask", cache="x", n=t.draw(_length), window_size=2, return_array=True)
    t.alike("the cache that was looked at", before, t.look("x"))


def _masking(t: TokenTrial) -> None:
    t.made("x")
    before = len(t.kept(list(range(t.fill("x") + 1)))) - 1
    count = t.draw(_length)
    found = t.call("make_mask", cache="x", n=count, window_size=None, return_array=True)
    sinks = t.sinks() if count > 1 else 0
    window = min(t.room() + 1, before + count + 1) - sinks
    seen = [
        [column <= before + row and (column < sinks or before + row < column + window)
         for column in range(before + count)]
        for row in range(count)
    ]  # fmt: skip
    flat = [int(each) for line in seen for each in line]
    t.equal("the mask", tensor("bool", [count, before + count], flat), found)


TRIALS = {
    "appending": ("However tokens come, a single one sees those that are kept and itself.",
                  {"update_and_fetch", "offset"}, _appending),
    "trimming": ("What is taken back is as if it had never come.",
                 {"update_and_fetch", "trim", "offset"}, _trimming),
    "restoring": ("What is restored from a cache's own serialized form goes on like that cache.",
                  {"update_and_fetch", "round_trip"}, _restoring),
    "copying": ("A copy and its original know nothing of each other.",
                {"update_and_fetch", "copy"}, _copying),
    "looking": ("Looking at a cache changes nothing.", {"update_and_fetch"}, _looking),
    "masking": ("A mask shows each token itself and the window before it.",
                {"update_and_fetch", "make_mask"}, _masking),
}  # fmt: skip


def laws(
    kind: str, makes: type[TokenTrial], requires: Mapping[str, tuple[str, ...]],
    limits: Mapping[str, Any] | None = None,
) -> tuple[Law, ...]:  # fmt: skip
    """The laws of a kind: those of `TRIALS` for which it names requirements, called after it."""
    found = []
    for name, cited in requires.items():
        text, needs, trial = TRIALS[name]
        law = Law(f"{kind}-{name}", text, cited, {"new", "snapshot", *needs}, trial, makes=makes)
        limit = (limits or {}).get(name)
        found.append(law if limit is None else replace(law, limit=limit))
    return tuple(found)
