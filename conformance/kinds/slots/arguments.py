"""Arguments of one operation, drawn so that they fit the cache that it is meant for, mostly."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from conformance.engine.dialect import Dialect, Inexpressible
from conformance.tensor import Tensor, tensor

# Primitive strategies are made once: building one costs more than drawing from it.
_dtype = st.sampled_from(("float32", "float16", "bfloat16", "int32"))
_rows, _columns, _tens = st.integers(1, 3), st.integers(1, 2), st.integers(0, 9)
_twenties = st.integers(0, 19)
_yes = st.booleans()
_count = st.integers(0, 4)
_index = st.integers(-3, 4)
_padding = st.lists(st.sampled_from((-1, 0, 1, 2, 3, 4, 2**15, 2**31 - 1)), max_size=3)
_size = st.sampled_from((0, 1, 2, 2, 3, 3, 4, 5, -1))
_odd_shape = st.sampled_from(([], [0, 1], [1], [2, 1, 2], [1, 1]))
_steps = st.sampled_from((0, 1, 2, 3, 7, -2, 2**31 - 1, 2**31))
_numbers = ("0", "1", "2", "3")
_odd_numbers = ("", "4", "+1", "03", "-1", "-0", " 1", "1 ", "x", "1.5", "2147483648", "1_0",
                "-2147483649", "18446744073709551616", "\u0663")  # fmt: skip
_csv = st.lists(st.sampled_from((*_numbers, *_numbers, *_odd_numbers)), max_size=4).map(",".join)
# No number that is granted as a million slots: every later look would cost as much as a sequence.
_capped = st.sampled_from(("1048577", "4294967296", "99999999999999999999"))
_good_csv = st.lists(st.sampled_from(_numbers), max_size=3).map(",".join)
_meta_kind = st.sampled_from(("legacy", "good", "any", "any"))
# Operations without arguments beside the cache, or with those that only the author knows.
_NONE = {"batch_size", "state", "meta_state", "nbytes", "empty", "size", "max_size", "copy",
         "is_trimmable", "class_name", "finalize", "materialize", "round_trip"}  # fmt: skip

Shown = dict[str, Any]  # a snapshot; empty for an operation that makes its cache


class Arguments:
    """Draws arguments. Most tensors of a sequence have the dtype and shape of its house style,
    so that rows can be joined, `rows` of them."""

    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None:
        self._draw = draw
        self._dialect = dialect
        unbounded = "unbounded-slot-count" in dialect.hazards
        self._is_capped = dialect.places_by_metadata and not unbounded
        self._dtype = draw(_dtype)
        self._columns = draw(_columns)
        self.rows = draw(_rows)

    def of(self, op: str, shown: Shown) -> dict[str, Any] | None:
        """The arguments of `op` beside handles; None where no meaningful ones exist."""
        if op in _NONE:
            return {}
        found: dict[str, Any] | None = getattr(self, f"_{op}")(shown)
        return found

    def tensor(self, rows: int) -> Tensor:
        """A tensor in the house style, of any content."""
        return self._filled(self._dtype, rows, self._columns)

    def _filled(self, dtype: str, rows: int, columns: int) -> Tensor:
        start = 10 * self._draw(_tens)
        return tensor(dtype, [rows, columns], range(start, start + rows * columns))

    def _any_tensor(self) -> Tensor:
        kind = self._draw(_twenties)
        if kind < 12:
            return self.tensor(self.rows)
        if kind < 15:
            return self.tensor(self._draw(_rows))
        if kind < 19:
            return self._filled(self._draw(_dtype), self._draw(_rows), self._draw(_columns))
        return self._odd_tensor()

    def _odd_tensor(self) -> Tensor:
        """Without an axis, without rows, or of elements that float16 cannot hold."""
        shape = self._draw(_odd_shape)
        large = self._dtype != "float16" and 0 not in shape
        return tensor(self._dtype, shape, [2**17 if large else 1] * math.prod(shape))

    def _slot_value(self) -> Tensor | None:
        return None if self._can("null-slot") and self._draw(_tens) == 0 else self._any_tensor()

    def _can(self, argument: Inexpressible) -> bool:
        return argument not in self._dialect.inexpressible

    def _slot(self, shown: Shown) -> int:
        """Mostly a slot that is there."""
        size = shown["slot_count"] or 0
        index = self._draw(_tens)
        if index < 8 and size:
            return index % size
        return -index if self._can("negative-index") and index % 2 else size + index - 8

    def _ints(self) -> list[int]:
        """Left padding or lengths, mostly one for each row."""
        if self._draw(_tens) < 6:
            return [self._draw(_count) for _ in range(self.rows)]
        return self._draw(_padding)

    # ------------------------------------------------------------------ one method an operation

    def _new(self, _: Shown) -> dict[str, Any]:
        padding = self._ints() if self._draw(_yes) else None
        size = self._draw(_size)
        return {"size": size if self._can("negative-count") else abs(size), "left_padding": padding}

    def _new_mamba(self, _: Shown) -> dict[str, Any]:
        return {"left_padding": self._ints() if self._draw(_yes) else None}

    def _get(self, shown: Shown) -> dict[str, Any]:
        return {"slot": self._slot(shown)}

    def _set(self, shown: Shown) -> dict[str, Any]:
        return {"slot": self._slot(shown), "value": self._slot_value()}

    def _make_mask(self, _: Shown) -> dict[str, Any]:
        return {"n": self._draw(_count)}

    _trim = _make_mask

    def _update(self, _: Shown) -> dict[str, Any]:
        return {"keys": self.tensor(1), "values": self.tensor(1)}

    def _prepare(self, _: Shown) -> dict[str, Any]:
        null = self._can("null-lengths") and self._draw(_tens) == 0
        return {"lengths": None if null else self._ints()}

    def _advance(self, _: Shown) -> dict[str, Any]:
        steps = self._draw(_steps)
        return {"n": steps if self._can("negative-count") else abs(steps)}

    def _extract(self, _: Shown) -> dict[str, Any]:
        return {"index": self._draw(_index)}

    def _filter(self, shown: Shown) -> dict[str, Any] | None:
        """Only rows that every part of the cache has: beyond them a gather is undefined."""
        rows = fewest_rows(shown)
        if rows == 0:
            return None
        indices = st.integers(-min(rows, 5), min(rows, 5) - 1)
        return {"batch_indices": [self._draw(indices) for _ in range(self._draw(_rows))]}

    def _write_in_place(self, shown: Shown) -> dict[str, Any] | None:
        slots = {i: t for i, t in shown.get("slots", {}).items() if isinstance(t, Tensor)}
        if not slots:
            return None
        index = self._draw(st.sampled_from(sorted(slots)))
        old = slots[index]
        return {"slot": int(index), "value": tensor(old.dtype, old.shape, [99] * old.size)}

    def _set_state(self, _: Shown) -> dict[str, Any]:
        return {"state": self._state()}

    def _set_meta_state(self, _: Shown) -> dict[str, Any]:
        return {"meta_state": self._metadata()}

    def _from_serialized(self, _: Shown) -> dict[str, Any]:
        return {"state": self._state(), "meta_state": self._metadata()}

    def _from_state(self, _: Shown) -> dict[str, Any]:
        labels = ["ArraysCache"] if "new_mamba" in self._dialect.absent else \
            ["ArraysCache", "MambaCache"]  # fmt: skip
        return {"class_name": self._draw(st.sampled_from(labels)),
                "state": self._state(), "meta_state": self._metadata()}  # fmt: skip

    def _state(self) -> list[Any]:
        """In the dialect's shape: compacted, with holes, or with the sequence metadata.

        In mlx-lm, now and then in the shape of its other version, which the type lets through.
        """
        count = self._draw(_count)
        shape = self._dialect.state_shape
        if shape == "compacted":
            return [self._any_tensor() for _ in range(count)]
        slots = [self._slot_value() for _ in range(count)]
        foreign = self._draw(_twenties) == 19
        if (shape == "slots") != foreign:
            return slots
        return [slots, self._row(), self._row()]

    def _row(self) -> Tensor | None:
        values = self._ints() if self._draw(_yes) else []
        return tensor("int32", [len(values)], values) if values else None

    def _metadata(self) -> list[str]:
        """meta_state: valid, almost valid, or not at all."""
        kind = self._draw(_meta_kind)
        if kind == "legacy":
            return [""] if self._draw(_yes) else []
        if kind == "good":
            slots = self._draw(_count)
            present = ",".join(str(i) for i in range(slots) if self._draw(_yes))
            return [str(slots), present, *(self._draw(_good_csv) for _ in range(self._draw(_rows)))]
        texts = [self._draw(_csv) for _ in range(self._draw(_count))]
        if texts and self._is_capped and self._draw(_tens) == 0:
            texts[0] = self._draw(_capped)
        return texts


def fewest_rows(shown: Shown) -> int:
    """Rows that every slot and row vector of a cache has; 1 if it has none of them."""
    parts = [*shown["slots"].values(), shown["left_padding"], shown["lengths"]]
    sizes = [part.shape[0] if part.shape else 0 for part in parts if isinstance(part, Tensor)]
    return min(sizes, default=1)
