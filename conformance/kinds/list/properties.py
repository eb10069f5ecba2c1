"""What there is to try of lists of caches."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st

from conformance.calls import Call
from conformance.engine.dialect import Dialect
from conformance.kinds.list.snapshots import CHILDREN
from conformance.kinds.tokens.batch_drawing import fewest_rows
from conformance.properties.drawing import Drawing, Move, Shown, Writer
from conformance.properties.kind_properties import KindProperties

_count = st.sampled_from((0, 1, 1, 2, 2, 2, 3))
_trim = st.sampled_from((0, 1, 1, 2, 3, 9, -1))
_length = st.sampled_from((0, 1, 1, 2, 3))
_window = st.sampled_from((None, None, 1, 2, 4))
_small = st.integers(0, 3)
_rows = st.integers(1, 3)
_yes = st.booleans()
_ANY = 2  # rows that are asked for where no child has rows


class ListDrawing(Drawing):
    """Lists of whatever caches there are; what a list passes on shows in its children."""

    start = "new"

    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None:
        self._draw = draw
        self._dialect = dialect

    def arguments(self, name: str, shown: Shown) -> dict[str, Any] | None:
        drawn = getattr(self, f"_of_{name}", None)
        return {} if drawn is None else drawn(shown)

    # ------------------------------------------------------------------ one method an operation

    def _of_child(self, _: Shown) -> None:
        """Not tried: whoever made a list has the handles of its children."""

    def _of_update_and_fetch(self, _: Shown) -> None:
        """Not tried: models update the children."""

    def _of_trim(self, _: Shown) -> dict[str, Any]:
        return {"n": self._draw(_trim)}

    def _of_make_mask(self, _: Shown) -> dict[str, Any]:
        window, array = self._draw(_window), self._draw(_yes)
        return {"n": self._draw(_length), "window_size": window, "return_array": array}

    def _of_prepare(self, shown: Shown) -> dict[str, Any]:
        count = rows_of(shown) or _ANY
        names = ["right_padding"] if self._draw(_yes) else ["lengths", "right_padding"]
        return {name: [self._draw(_small) for _ in range(count)] for name in names}

    def _of_filter(self, shown: Shown) -> dict[str, Any] | None:
        rows = rows_of(shown)
        if rows == 0:
            return None
        index = st.integers(0, (rows or _ANY) - 1)
        return {"batch_indices": [self._draw(index) for _ in range(self._draw(_rows))]}

    def _of_extract(self, shown: Shown) -> dict[str, Any] | None:
        rows = rows_of(shown)
        return None if rows == 0 else {"index": self._draw(st.integers(0, (rows or _ANY) - 1))}

    def _of_set_state(self, _: Shown) -> dict[str, Any]:
        return {"state": [[] for _ in range(self._draw(_count))]}

    def _of_set_meta_state(self, _: Shown) -> dict[str, Any]:
        return {"meta_state": [["CacheList"], [""]][: self._draw(_count)]}

    def _of_from_state(self, _: Shown) -> dict[str, Any]:
        return {"class_name": "CacheList", **self._of_set_state({}), **self._of_set_meta_state({})}

    # ------------------------------------------------------------------ whole operations, moves

    def write_new(self, writer: Writer) -> None:
        """A list of caches of any kind, one of them twice now and then."""
        there = writer.everyone
        children = st.sampled_from(there) if there else st.nothing()
        count = self._draw(_count) if there else 0
        chosen = [self._draw(children) for _ in range(count)]
        writer.step("new", cache=writer.handle(), children=chosen)

    def write_merge(self, writer: Writer) -> None:
        lists = st.sampled_from(sorted(writer.caches))
        chosen = [self._draw(lists) for _ in range(self._draw(_rows))]
        writer.step("merge", caches=chosen, into=writer.handle())

    def _move_exchange(self, writer: Writer) -> None:
        """A list restored, under any handle, from what another one serialized to."""
        source, target = writer.existing(), writer.handle()
        state = writer.step("state", cache=source)
        meta = writer.step("meta_state", cache=source) if writer.has("meta_state") else []
        if not isinstance(state, list):
            return
        if target in writer.caches and self._draw(_yes):
            writer.step("set_state", cache=target, state=state)
            return
        texts = meta if isinstance(meta, list) else []
        writer.step(
            "from_state", cache=target, class_name="CacheList", state=state, meta_state=texts
        )

    def _move_copy(self, writer: Writer) -> None:
        """A copy, and something taken back on one side."""
        source, twin = writer.existing(), writer.handle()
        writer.step("copy", cache=source, into=twin)
        side = self._draw(st.sampled_from((source, twin)))
        writer.step("trim", cache=side, n=self._draw(_trim))

    moves: ClassVar[tuple[Move, ...]] = (
        Move("gather", {"new"}, write_new, weight=8),
        Move("exchange", {"state", "from_state", "set_state"}, _move_exchange, weight=3),
        Move("branch", {"copy", "trim"}, _move_copy, weight=3),
    )

    # ------------------------------------------------------------------ what has a meaning

    @classmethod
    def judges(cls, name: str) -> bool:
        return name in ("filter", "extract")

    @classmethod
    def is_defined(cls, call: Call, shown: Shown) -> bool:
        """A row beyond those that every part of a child has is undefined."""
        rows = rows_of(shown)
        arguments = call.arguments
        indices = arguments.get("batch_indices", [arguments.get("index")])
        return rows is None or all(0 <= index < rows for index in indices)


def rows_of(shown: Shown) -> int | None:
    """The fewest rows of a child that is a batch; None where none is one."""
    found = []
    for child in shown.get(CHILDREN, ()):
        if CHILDREN in child:
            found.append(rows_of(child))
        elif "left_padding" in child.get("numbers", {}):
            found.append(fewest_rows(child))
    return min((rows for rows in found if rows is not None), default=None)


PROPERTIES = KindProperties(drawing=ListDrawing, beside=("batch_kv", "kv", "rotating"))
