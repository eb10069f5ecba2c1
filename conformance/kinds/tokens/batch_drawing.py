"""Operations on batches, drawn so that most of them fit the rows that the batch has."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st

from conformance.calls import Call
from conformance.engine.dialect import Dialect
from conformance.kinds.tokens.drawing import TokenDrawing
from conformance.properties.drawing import Move, Shown, Writer
from conformance.tensor import Tensor, tensor

_rows = st.sampled_from((1, 2, 2, 2, 3))
_padding = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 5))
_right = st.sampled_from((0, 0, 1, 1, 2, 3))
_tens = st.integers(0, 9)
_twenties = st.integers(0, 19)
_longest = st.sampled_from((2, 3, 3, 4, 5))
_what = st.sampled_from(("state", "keys", "values", "offset", "left_padding"))


class BatchDrawing(TokenDrawing):
    """Tokens for the rows that a batch has; rows that leave, join, and go ways of their own."""

    single: ClassVar[str]  # the kind of one row
    what = _what
    singles = _longest
    more = _rows

    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None:
        super().__init__(draw, dialect)
        self._rows = draw(_rows)

    def rows(self, shown: Shown) -> int:
        """So many as the batch has; those of a new one where it is not known."""
        return fewest_rows(shown) if shown else self._rows

    # ------------------------------------------------------------------ one method an operation

    def _of_new(self, _: Shown) -> dict[str, Any]:
        rows = self._rows if self._draw(_tens) < 8 else self._draw(_rows)
        return {"left_padding": self._ints(rows, _padding)}

    def _of_update_and_fetch(self, shown: Shown) -> dict[str, Any]:
        with self.of_rows(self.rows(shown)):
            return super()._of_update_and_fetch(shown)

    def _of_prepare(self, shown: Shown) -> dict[str, Any]:
        rows = self.rows(shown)
        if self._draw(_twenties) == 0:
            rows += 1
        if not self._takes("left_padding") or self._draw(_tens) < 6:
            return self._right_padding(rows)
        return {"left_padding": self._ints(rows, _padding)}

    def _right_padding(self, rows: int) -> dict[str, Any]:
        right, longest = self._ints(rows, _right), self._draw(_longest)
        lengths = [max(longest - each, 0) for each in right]
        return {"lengths": lengths, "right_padding": right}

    def _of_filter(self, shown: Shown) -> dict[str, Any] | None:
        """Only rows that every part of the batch has: beyond them a gather is undefined."""
        rows = fewest_rows(shown)
        if rows == 0:
            return None
        index = st.integers(-rows, rows - 1)
        return {"batch_indices": [self._draw(index) for _ in range(self._draw(_rows))]}

    def _of_extract(self, shown: Shown) -> dict[str, Any] | None:
        rows = fewest_rows(shown)
        return {"index": self._draw(st.integers(-1, rows - 1))} if rows else None

    def _ints(self, count: int, strategy: st.SearchStrategy[int]) -> list[int]:
        return [self._draw(strategy) for _ in range(count)]

    def _takes(self, argument: str) -> bool:
        """Whether `prepare` of the dialect has it."""
        return f"prepare-{argument}" not in self._dialect.inexpressible

    def _state(self) -> list[Any]:
        """Mostly keys, values, offsets and padding; mlx-lm 0.32 wants numbers too."""
        with self.of_rows(self._rows):
            pair = [*self.tokens(self._draw(_longest)).values()]
        length = pair[0].shape[2]
        padding = self._ints(self._rows, _padding)
        offsets = [length - each for each in padding]
        vectors = [tensor("int32", [self._rows], each) for each in (offsets, padding)]
        return [*pair, *vectors][: 4 if self._draw(_tens) < 7 else self._draw(_rows)]

    # ------------------------------------------------------------------ moves

    def _move_pad(self, writer: Writer) -> None:
        """A prompt that is padded on the right, in one chunk or two, and its end."""
        cache = writer.existing()
        padding = self._right_padding(self.rows(writer.caches[cache]))
        writer.step("prepare", cache=cache, **padding)
        for _ in range(1 + (self._draw(_tens) < 3)):
            self.append(writer, cache, self._draw(_longest))
        if self._draw(_tens) < 8:
            writer.step("finalize", cache=cache)

    def _move_join(self, writer: Writer) -> None:
        """A new batch that has run joins another one."""
        cache, other = writer.existing(), writer.handle()
        if other == cache:
            return
        self._start(writer, other)
        writer.step("extend", cache=cache, other=other)
        self.append(writer, cache, 1)

    def _move_leave(self, writer: Writer) -> None:
        """Some rows stay, in any order, and go on."""
        cache = writer.existing()
        arguments = self._of_filter(writer.caches[cache])
        if arguments is not None:
            writer.step("filter", cache=cache, **arguments)
            self.append(writer, cache, self._draw(_rows))

    def _start(self, writer: Writer, handle: str) -> None:
        """A new batch with some tokens."""
        writer.step("new", cache=handle, **self._of_new({}))
        self.append(writer, handle, self._draw(_longest))

    def append(self, writer: Writer, cache: str, count: int) -> None:
        with self.of_rows(self.rows(writer.caches.get(cache, {}))):
            super().append(writer, cache, count)

    moves = (
        Move("decode", {"update_and_fetch"}, TokenDrawing.move_decode, weight=8),
        Move("exchange", {"state", "set_state", "from_state"}, TokenDrawing.move_exchange,
             weight=3),
        Move("branch", {"copy", "update_and_fetch"}, TokenDrawing.move_branch, weight=3),
        Move("keep", {"hold", "held", "update_and_fetch"}, TokenDrawing.move_keep, weight=3),
        Move("pad", {"prepare", "finalize", "update_and_fetch"}, _move_pad, weight=6),
        Move("leave", {"filter", "update_and_fetch"}, _move_leave, weight=4),
        Move("join", {"new", "extend", "update_and_fetch"}, _move_join, weight=5),
    )  # fmt: skip

    # ------------------------------------------------------------------ what has a meaning

    @classmethod
    def judges(cls, name: str) -> bool:
        return name in ("filter", "extract") or super().judges(name)

    @classmethod
    def is_defined(cls, call: Call, shown: Shown) -> bool:
        """A row beyond those that every part has is undefined."""
        arguments = call.arguments
        if "batch_indices" in arguments:
            rows = fewest_rows(shown)
            return all(-rows <= index < rows for index in arguments["batch_indices"])
        if "index" in arguments:
            return bool(-1 <= arguments["index"] < fewest_rows(shown))
        return super().is_defined(call, shown)


def fewest_rows(shown: Shown) -> int:
    """Rows that every part of a batch has; 0 where one of them has no axis."""
    numbers = shown.get("numbers", {})
    parts = [*shown.get("keys", ()), *shown.get("values", ())]
    parts += [numbers.get("offset"), numbers.get("left_padding")]
    sizes = [part.shape[0] if part.shape else 0 for part in parts if isinstance(part, Tensor)]
    return min(sizes, default=0)
