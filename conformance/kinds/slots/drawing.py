"""Operations on slot caches, drawn so that they fit the cache that they are meant for, mostly."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from conformance.calls import Call
from conformance.engine.dialect import Dialect
from conformance.kinds.holding import NAMES, HoldingDrawing
from conformance.kinds.slots.dialects import COMPACTED, HOLES, places_by_metadata, state_shape
from conformance.properties.drawing import Move, Shown, Writer
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
_TOO_MANY = "2147483648"
_csv = st.lists(st.sampled_from((*_numbers, *_numbers, *_odd_numbers)), max_size=4).map(",".join)
# No number that is granted as a million slots: every later look would cost as much as a sequence.
_capped = st.sampled_from(("1048577", "4294967296", "99999999999999999999"))
_good_csv = st.lists(st.sampled_from(_numbers), max_size=3).map(",".join)
_meta_kind = st.sampled_from(("legacy", "good", "any", "any"))
_held_rows = st.sampled_from(("state", "left_padding", "lengths"))
_held_any = st.sampled_from(("state", "slot", "left_padding", "lengths"))
_few = st.integers(1, 3)
_SOURCES, _GATHERED = ("a", "b"), "c"


class SlotDrawing(HoldingDrawing):
    """Most tensors of a sequence have the dtype and shape of its house style, so that rows can be
    joined, `rows` of them."""

    start = "new"

    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None:
        super().__init__(draw, dialect)
        unbounded = "unbounded-slot-count" in dialect.hazards
        self._is_capped = places_by_metadata(dialect) and not unbounded
        self._dtype = draw(_dtype)
        self._columns = draw(_columns)
        self.rows = draw(_rows)
        # A write in place is seen in what was read from a slot only where this hazard is.
        self._holds = _held_any if "slot-is-the-live-array" in dialect.hazards else _held_rows

    def arguments(self, name: str, shown: Shown) -> dict[str, Any] | None:
        drawn = getattr(self, f"_of_{name}", None)
        return {} if drawn is None else drawn(shown)

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

    def _can(self, argument: str) -> bool:
        return argument not in self._dialect.inexpressible

    def _slot(self, shown: Shown) -> int:
        """Mostly a slot that is there."""
        size = shown["slot_count"] or 0
        index = self._draw(_tens)
        if index < 8 and size:
            return index % size
        return -index if self._can("negative-index") and index % 2 else size + max(index - 8, 0)

    def _ints(self) -> list[int]:
        """Left padding or lengths, mostly one for each row."""
        if self._draw(_tens) < 6:
            return [self._draw(_count) for _ in range(self.rows)]
        return self._draw(_padding)

    # ------------------------------------------------------------------ one method an operation

    def _of_new(self, _: Shown) -> dict[str, Any]:
        padding = self._ints() if self._draw(_yes) else None
        size = self._draw(_size)
        return {"size": size if self._can("negative-count") else abs(size), "left_padding": padding}

    def _of_new_mamba(self, _: Shown) -> dict[str, Any]:
        padding = self._ints() if self._draw(_yes) else None
        # Metadata alone gives it left padding there, and takes no more rows than there are slots.
        if padding and "padding-capped-by-slot-count" in self._dialect.hazards:
            padding = padding[:2]
        return {"left_padding": padding}

    def _of_get(self, shown: Shown) -> dict[str, Any]:
        return {"slot": self._slot(shown)}

    def _of_set(self, shown: Shown) -> dict[str, Any]:
        return {"slot": self._slot(shown), "value": self._slot_value()}

    def _of_make_mask(self, _: Shown) -> dict[str, Any]:
        return {"n": self._draw(_count)}

    _of_trim = _of_make_mask

    def _of_update(self, _: Shown) -> dict[str, Any]:
        return {"keys": self.tensor(1), "values": self.tensor(1)}

    def _of_prepare(self, _: Shown) -> dict[str, Any]:
        null = self._can("null-lengths") and self._draw(_tens) == 0
        return {"lengths": None if null else self._ints()}

    def _of_advance(self, _: Shown) -> dict[str, Any]:
        steps = self._draw(_steps)
        return {"n": steps if self._can("negative-count") else abs(steps)}

    def _of_extract(self, _: Shown) -> dict[str, Any]:
        return {"index": self._draw(_index)}

    def _of_filter(self, shown: Shown) -> dict[str, Any] | None:
        """Only rows that every part of the cache has: beyond them a gather is undefined."""
        rows = fewest_rows(shown)
        if rows == 0:
            return None
        indices = st.integers(-min(rows, 5), min(rows, 5) - 1)
        return {"batch_indices": [self._draw(indices) for _ in range(self._draw(_rows))]}

    def _of_write_in_place(self, shown: Shown) -> dict[str, Any] | None:
        slots = {i: t for i, t in shown.get("slots", {}).items() if isinstance(t, Tensor)}
        if not slots:
            return None
        index = self._draw(st.sampled_from(sorted(slots)))
        old = slots[index]
        return {"slot": int(index), "value": tensor(old.dtype, old.shape, [99] * old.size)}

    def _of_set_state(self, _: Shown) -> dict[str, Any]:
        return {"state": self._state()}

    def _of_set_meta_state(self, _: Shown) -> dict[str, Any]:
        return {"meta_state": self._metadata()}

    def _of_from_serialized(self, _: Shown) -> dict[str, Any]:
        return {"state": self._state(), "meta_state": self._metadata()}

    def _of_from_state(self, _: Shown) -> dict[str, Any]:
        labels = ["ArraysCache"] if "new_mamba" in self._dialect.absent else \
            ["ArraysCache", "MambaCache"]  # fmt: skip
        return {"class_name": self._draw(st.sampled_from(labels)),
                "state": self._state(), "meta_state": self._metadata()}  # fmt: skip

    def _state(self) -> list[Any]:
        """In the dialect's shape: compacted, with holes, or with the sequence metadata.

        In mlx-lm, now and then in the shape of its other version, which the type lets through.
        """
        count = self._draw(_count)
        shape = state_shape(self._dialect)
        if shape == COMPACTED:
            return [self._any_tensor() for _ in range(count)]
        slots = [self._slot_value() for _ in range(count)]
        foreign = self._draw(_twenties) == 19
        if (shape == HOLES) != foreign:
            # Three parts are taken for slots and rows there. A tensor in place of the list of slots
            # is read beyond its end without a check (hazard three-tensors-as-state), which ends
            # the process or gives whatever the memory holds.
            return slots[:2] if shape != HOLES and len(slots) == 3 else slots
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
        if texts and not self._is_capped and texts[0] == _TOO_MANY:
            texts[0] = "3"  # whether that many slots are granted depends on the machine
        return texts

    # ------------------------------------------------------------------ whole operations

    def write_merge(self, writer: Writer) -> None:
        """Mostly caches of one row with every slot set, which is what can be merged."""
        caches = writer.caches
        single = [handle for handle, shown in caches.items() if _is_single(shown)]
        pool = single if single and self._draw(_tens) < 8 else list(caches)
        chosen = [self._draw(st.sampled_from(pool)) for _ in range(self._draw(_few))]
        writer.step("merge", caches=chosen, into=writer.handle())

    def write_hold(self, writer: Writer) -> None:
        cache, what = writer.existing(), self._draw(self._holds)
        name, slot = self._draw(NAMES), {}
        if what == "slot":
            slot = self._of_get(writer.caches[cache])
        self.hold(writer, cache=cache, what=what, name=name, **slot)

    # ------------------------------------------------------------------ moves

    def _move_fill(self, writer: Writer) -> None:
        self._fill(writer, writer.existing(), self.rows)

    def _fill(self, writer: Writer, handle: str, rows: int) -> None:
        count = writer.caches.get(handle, {}).get("slot_count") or 0
        for slot in range(min(count, 4)):
            if self._draw(_tens):  # now and then a slot stays unset
                writer.step("set", cache=handle, slot=slot, value=self.tensor(rows))

    def _move_gather(self, writer: Writer) -> None:
        """Two new caches of one row, filled, and merged."""
        slots = self._draw(_few)
        for handle in _SOURCES:
            writer.step("new", cache=handle, size=slots, left_padding=None)
            self._fill(writer, handle, 1)
        writer.step("merge", caches=list(_SOURCES), into=_GATHERED)

    def _move_pad(self, writer: Writer) -> None:
        """A new cache with left padding and as many rows, and lengths where there are any."""
        handle, rows = writer.handle(), self.rows
        padding = [self._draw(_tens) for _ in range(rows)]
        writer.step("new", cache=handle, size=self._draw(_few), left_padding=padding)
        self._fill(writer, handle, rows)
        if writer.has("prepare") and self._draw(_tens) < 5:
            lengths = [self._draw(_tens) for _ in range(rows)]
            writer.step("prepare", cache=handle, lengths=lengths)

    def _move_exchange(self, writer: Writer) -> None:
        """A cache restored, under any handle, from what another one serialized to.

        Both sides' answers are compared, so what the reference wrote here the backend wrote too:
        each restores the other's state.
        """
        source, target = writer.existing(), writer.handle()
        state = writer.step("state", cache=source)
        meta = writer.step("meta_state", cache=source) if writer.has("meta_state") else None
        meta = meta if isinstance(meta, list) else []
        if not isinstance(state, list):
            return
        there = ("from_serialized", "set_state") if target in writer.caches else ()
        ways = ["from_state", *filter(writer.has, there)]
        way = self._draw(st.sampled_from(sorted(ways)))
        if way == "from_state":
            label = writer.caches[source].get("class_name", "ArraysCache")
            writer.step(way, cache=target, class_name=label, state=state, meta_state=meta)
        elif way == "from_serialized":
            writer.step(way, cache=target, state=state, meta_state=meta)
        else:
            writer.step(way, cache=target, state=state)
            if meta and writer.has("set_meta_state"):
                writer.step("set_meta_state", cache=target, meta_state=meta)

    def _move_share(self, writer: Writer) -> None:
        """Overwrite in place what a copy may share with its original."""
        source, twin = writer.existing(), writer.handle()
        writer.step("copy", cache=source, into=twin)
        side = self._draw(st.sampled_from((source, twin)))
        arguments = self._of_write_in_place(writer.caches.get(side, {}))
        if arguments is not None:
            writer.step("write_in_place", cache=side, **arguments)

    moves = (
        Move("fill", {"set"}, _move_fill, weight=8),
        Move("exchange", {"state", "from_state"}, _move_exchange, weight=4),
        Move("gather", {"new", "set", "merge"}, _move_gather, weight=4),
        Move("share", {"copy", "write_in_place"}, _move_share),
        Move("pad", {"new", "set"}, _move_pad, weight=4),
    )

    # ------------------------------------------------------------------ what has a meaning

    @classmethod
    def judges(cls, name: str) -> bool:
        return name in ("filter", "write_in_place")

    @classmethod
    def is_defined(cls, call: Call, shown: Shown) -> bool:
        """A filter beyond the rows is undefined, as is writing through a slot that holds nothing of
        that shape.
        """
        if "batch_indices" in call.arguments:
            rows = fewest_rows(shown)
            return all(-rows <= index < rows for index in call.arguments["batch_indices"])
        held, new = shown["slots"].get(str(call.arguments["slot"])), call.arguments["value"]
        return held is not None and (held.dtype, held.shape) == (new.dtype, new.shape)


def fewest_rows(shown: Shown) -> int:
    """Rows that every slot and row vector of a cache has; 1 if it has none of them."""
    parts = [*shown["slots"].values(), shown["left_padding"], shown["lengths"]]
    sizes = [part.shape[0] if part.shape else 0 for part in parts if isinstance(part, Tensor)]
    return min(sizes, default=1)


def _is_single(shown: Shown) -> bool:
    slots = shown.get("slots") or {}
    return len(slots) == shown.get("slot_count") and all(
        isinstance(slot, Tensor) and slot.shape[:1] == (1,) for slot in slots.values()
    )
