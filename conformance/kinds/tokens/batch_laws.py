"""Laws of batches of keys and values: each row has its own tokens, whatever the others have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from conformance.kinds.tokens.laws import TRIALS, TokenTrial
from conformance.properties.law import Law
from conformance.tensor import Tensor, tensor

_rows = st.integers(1, 3)
_dtype = st.sampled_from(("float32", "float16", "bfloat16", "int32"))
_padding = st.sampled_from((0, 0, 1, 2, 3))
_right = st.sampled_from((0, 0, 1, 2))
_longest = st.integers(3, 5)
_back = st.integers(0, 4)
_length = st.integers(1, 3)
_yes = st.booleans()
_ROW = 100  # what the tokens of a row have more than those of the row before
_PADDED = 3  # tokens that no left padding is longer than


class BatchTrial(TokenTrial):
    """A trial with up to three rows, each of which has a name and some left padding."""

    padding: list[int]
    names: Sequence[int]
    lengths = False  # whether `prepare` takes them beside right padding

    def made(self, cache: str) -> None:
        """A new batch."""
        rows = self.draw(_rows)
        self.dtype = self.draw(_dtype)
        self.start(cache, range(rows))

    def start(self, cache: str, names: Sequence[int]) -> None:
        """A new batch of rows with these names."""
        self.names = names
        self.padding = [self.draw(_padding) for _ in names]
        self.call("new", cache=cache, left_padding=self.padding, **self.arguments())

    def tokens(self, tokens: Sequence[int], sign: int = 1) -> Tensor:
        values = [sign * (token + _ROW * name) for name in self.names for token in tokens]
        return tensor(self.dtype, [len(self.names), 1, len(tokens), 1], values)

    def offsets(self, what: str, expected: Sequence[int], cache: str = "x") -> None:
        """The offsets of all rows."""
        found = self.call("offset", cache=cache)
        self.equal(f"the offsets {what}", tensor("int32", [len(expected)], list(expected)), found)

    def ends(self, what: str, rows: Sequence[Sequence[int]], found: list[Tensor]) -> None:
        """Each row of an answer ends with its own tokens."""
        for half, sign in zip(found, (1, -1), strict=True):
            stored = half.elements()
            count = len(stored) // len(rows)
            for index, (name, tokens) in enumerate(zip(self.names, rows, strict=True)):
                last = stored[(index + 1) * count - len(tokens) : (index + 1) * count]
                expected = [sign * (token + _ROW * name) for token in tokens]
                self.equal(f"{what} of row {index}", expected, [int(each) for each in last])


# ---------------------------------------------------------------------- trials


def _appending(t: BatchTrial) -> None:
    t.made("x")
    count = t.fill("x") + 1
    t.sees("the last update", t.kept(list(range(1, count + 1))), t.update("x", [count]))
    t.offsets("after it", [count - each for each in t.padding])


def _trimming(t: BatchTrial) -> None:
    t.made("x")
    count = t.fill("x", most=t.room())
    removed = min(t.draw(_back), count)
    t.equal("what trim says", removed, t.call("trim", cache="x", n=removed))
    left = count - removed
    t.offsets("after it", [left - each for each in t.padding])
    tokens = t.kept([*range(1, left + 1), count + 1])
    t.sees("the update after a trim", tokens, t.update("x", [count + 1]))


def _masking(t: BatchTrial) -> None:
    t.made("x")
    before = t.fill("x", most=t.room())
    count = t.draw(_length)
    found = t.call("make_mask", cache="x", n=count, window_size=None, return_array=True)
    seen = [
        padding <= column <= before + row < column + t.room() + 1
        for padding in t.padding
        for row in range(count)
        for column in range(before + count)
    ]
    expected = tensor("bool", [len(t.padding), 1, count, before + count], [int(s) for s in seen])
    t.equal("the mask", expected, found)


def _ending(t: BatchTrial) -> None:
    t.made("x")
    longest = min(t.draw(_longest), t.room())
    right = [min(t.draw(_right), longest) for _ in t.names]
    lengths = {"lengths": [longest - each for each in right]} if t.lengths else {}
    t.call("prepare", cache="x", right_padding=right, **lengths)
    t.update("x", range(1, longest + 1))
    t.call("finalize", cache="x")
    counts = [longest - each for each in right]
    t.offsets("after finalize", [a - b for a, b in zip(counts, t.padding, strict=True)])
    if longest > 1 or not any(right):
        rows = [[*range(1, count + 1), longest + 1] for count in counts]
        t.ends("the next update", rows, t.update("x", [longest + 1]))


def _leaving(t: BatchTrial) -> None:
    t.made("x")
    count = _PADDED if t.room() > _PADDED else t.room()
    t.update("x", range(1, count + 1))
    indices = [t.draw(st.integers(0, len(t.names) - 1)) for _ in range(t.draw(_rows))]
    t.call("filter", cache="x", batch_indices=indices)
    t.names, t.padding = [t.names[i] for i in indices], [t.padding[i] for i in indices]
    t.offsets("of the rows that stay", [count - each for each in t.padding])
    rows = [[*range(min(each, count) + 1, count + 1), count + 1] for each in t.padding]
    t.ends("the next update", rows, t.update("x", [count + 1]))


def _joining(t: BatchTrial) -> None:
    t.dtype = t.draw(_dtype)
    sides = []
    for cache, first in (("x", 0), ("y", 1)):
        t.start(cache, [first])
        count = t.fill(cache, most=t.room())
        sides.append((count, t.padding[0]))
    if not any(count for count, _ in sides):
        return
    t.call("extend", cache="x", other="y")
    t.names = [0, 1]
    t.offsets("of both", [count - padding for count, padding in sides])
    new = 1 + max(count for count, _ in sides)
    rows = [[*range(padding + 1, count + 1), new] for count, padding in sides]
    t.ends("the next update", rows, t.update("x", [new]))


_OWN = {
    "appending": ("However tokens come, every row ends with them, and counts them less its "
                  "padding.", {"update_and_fetch", "offset"}, _appending),
    "trimming": ("What is taken back from all rows is as if it had never come.",
                 {"update_and_fetch", "trim", "offset"}, _trimming),
    "masking": ("A mask shows each token itself and the window before it, and no padding.",
                {"update_and_fetch", "make_mask"}, _masking),
    "ending": ("Behind finalize every row ends with its own last token.",
               {"update_and_fetch", "prepare", "finalize", "offset"}, _ending),
    "leaving": ("Rows that stay have their tokens and offsets, in the order that is asked for.",
                {"update_and_fetch", "filter", "offset"}, _leaving),
    "joining": ("Rows that join end where the others end, with their own tokens.",
                {"update_and_fetch", "extend", "offset"}, _joining),
    "copying": TRIALS["copying"],
    "looking": TRIALS["looking"],
}  # fmt: skip


def laws(
    kind: str, makes: type[BatchTrial], requires: Mapping[str, tuple[str, ...]]
) -> tuple[Law, ...]:
    """The laws of a batch: those for which it names requirements, called after it."""

    def law(name: str) -> Law:
        text, needs, trial = _OWN[name]
        every: Any = {"new", "snapshot", *needs}
        return Law(f"{kind}-{name}", text, requires[name], every, trial, makes=makes)

    return tuple(law(name) for name in requires)
