"""Sequences of operations, drawn against the live reference so that they stay meaningful.

What may follow depends on what came before: how many rows a cache has, which slots are set. The
reference in the dialect is asked, and the drawn calls are then carried out on any other backend.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence, Set
from typing import Any

from hypothesis import strategies as st

from conformance import describe
from conformance.backends.base import Backend, OperationRefused, Refused, Reply, Returned
from conformance.model import Dialect, Inexpressible
from conformance.plan import Call
from conformance.tensor import Tensor, tensor

HANDLES = ("a", "b", "c", "d")
# What changes a cache, and is therefore followed by a look at it.
CHANGES = {"new", "new_mamba", "set", "set_state", "set_meta_state", "from_state", "prepare",
           "from_serialized", "finalize", "advance", "filter", "extend", "write_in_place",
           "materialize", "trim"}  # fmt: skip
MAKES = {"copy", "round_trip", "extract", "merge"}
LOOKS = {"batch_size", "state", "meta_state", "nbytes", "empty", "size", "max_size",
         "is_trimmable", "class_name", "finalize", "materialize"}  # fmt: skip
WEIGHTS = {"set": 8, "extend": 2, "merge": 2, "filter": 2, "round_trip": 2, "make_mask": 2}

# Primitive strategies are made once: building one costs more than drawing from it.
_handle = st.sampled_from(HANDLES)
_dtype = st.sampled_from(("float32", "float16", "bfloat16", "int32"))
_rows, _columns, _tens = st.integers(1, 3), st.integers(1, 2), st.integers(0, 9)
_yes = st.booleans()
_count = st.integers(0, 4)
_padding = st.lists(st.sampled_from((-1, 0, 1, 2, 3, 4)), max_size=3)
_steps = st.sampled_from((0, 1, 2, 3, 7, -2, 2**31 - 1, 2**31))
_numbers = ("0", "1", "2", "3")
_odd_numbers = ("", "4", "+1", "03", "-1", "-0", " 1", "1 ", "x", "1.5", "2147483648", "1_0",
                "-2147483649", "1048576", "1048577", "18446744073709551616", "\u0663")  # fmt: skip
_csv = st.lists(st.sampled_from((*_numbers, *_numbers, *_odd_numbers)), max_size=4).map(",".join)
_good_csv = st.lists(st.sampled_from(_numbers), max_size=3).map(",".join)
_meta_kind = st.sampled_from(("legacy", "good", "any", "any"))


@st.composite
def sequences(
    draw: st.DrawFn, model: Backend, dialect: Dialect, operations: Set[str], longest: int = 30
) -> list[Call]:
    """Calls that begin with a new cache; what a call changes is looked at right after it."""
    model.call("reset")
    caches: dict[str, dict[str, Any]] = {}
    calls: list[Call] = []
    names = st.sampled_from([op for op in sorted(operations) for _ in range(WEIGHTS.get(op, 1))])
    author = _Author(draw, dialect, caches)
    for _ in range(draw(st.integers(1, longest))):
        call = author.write(draw(names)) if caches else author.write("new")
        calls.append(call)
        try:
            model.call(call.op, **call.arguments)
        except OperationRefused as refusal:
            if refusal.kind == "Trap":
                return calls  # a real process would be gone
        for handle in touched(call):
            calls.append(Call("snapshot", {"cache": handle}))
            with contextlib.suppress(OperationRefused):
                caches[handle] = model.call("snapshot", cache=handle)
    return calls


def touched(call: Call) -> list[str]:
    """The handles that a call may have changed or made."""
    handles = []
    if call.op in CHANGES | MAKES and "cache" in call.arguments:
        handles.append(call.arguments["cache"])
    if "into" in call.arguments:
        handles.append(call.arguments["into"])
    return handles


def differences(calls: Sequence[Call], left: Sequence[Reply], right: Sequence[Reply]) -> list[str]:
    """Every call that the two sides answered differently, in words; values bit for bit."""
    found = []
    for index, call in enumerate(calls):
        ours = left[index] if index < len(left) else None
        theirs = right[index] if index < len(right) else None
        if ours is None or theirs is None or not _agree(ours, theirs):
            shown = ", ".join(f"{k}={describe.value(v)}" for k, v in call.arguments.items())
            sides = [describe.reply(side) if side else "no answer" for side in (ours, theirs)]
            found.append(f"call {index}: {call.op}({shown}): {sides[0]} <> {sides[1]}")
    return found


def _agree(ours: Reply, theirs: Reply) -> bool:
    if isinstance(ours, Refused) and isinstance(theirs, Refused):
        return ours.kind == theirs.kind
    return (
        isinstance(ours, Returned) and isinstance(theirs, Returned) and ours.value == theirs.value
    )


class _Author:
    """Draws the arguments of an operation so that they fit the caches there are."""

    def __init__(
        self, draw: st.DrawFn, dialect: Dialect, caches: dict[str, dict[str, Any]]
    ) -> None:
        self._draw = draw
        self._dialect = dialect
        self._caches = caches

    def write(self, op: str) -> Call:
        """A call of `op`; of something harmless where no meaningful arguments exist."""
        maker = getattr(self, f"_{op}", None)
        if op in ("new", "new_mamba", "merge", "from_state"):
            return Call(op, maker()) if maker else Call(op, {"cache": self._draw(_handle)})
        cache = self._existing()
        arguments = {} if op in LOOKS else maker(cache) if maker else None
        return Call("snapshot" if arguments is None else op, {"cache": cache, **(arguments or {})})

    def _can(self, argument: Inexpressible) -> bool:
        return argument not in self._dialect.inexpressible

    def _existing(self) -> str:
        return self._draw(st.sampled_from(sorted(self._caches)))

    def _tensor(self) -> Tensor:
        rows, columns = self._draw(_rows), self._draw(_columns)
        start = 10 * self._draw(_tens)
        return tensor(self._draw(_dtype), [rows, columns], range(start, start + rows * columns))

    def _slot_value(self) -> Tensor | None:
        return None if self._can("null-slot") and self._draw(_tens) == 0 else self._tensor()

    def _slot(self, cache: str) -> int:
        """Mostly a slot that is there."""
        size = self._caches[cache]["slot_count"] or 0
        index = self._draw(_tens)
        if index < 8 and size:
            return index % size
        return -index if self._can("negative-index") and index % 2 else size + index - 8

    # ---- one method an operation: its arguments beside `cache`

    def _new(self) -> dict[str, Any]:
        padding = self._draw(_padding) if self._draw(_yes) else None
        return {"cache": self._draw(_handle), "size": self._draw(_count), "left_padding": padding}

    def _get(self, cache: str) -> dict[str, Any]:
        return {"slot": self._slot(cache)}

    def _set(self, cache: str) -> dict[str, Any]:
        return {"slot": self._slot(cache), "value": self._slot_value()}

    def _make_mask(self, _: str) -> dict[str, Any]:
        return {"n": self._draw(_count)}

    def _trim(self, _: str) -> dict[str, Any]:
        return {"n": self._draw(_count)}

    def _prepare(self, _: str) -> dict[str, Any]:
        null = self._can("null-lengths") and self._draw(_tens) == 0
        return {"lengths": None if null else self._draw(_padding)}

    def _advance(self, _: str) -> dict[str, Any]:
        steps = self._draw(_steps)
        return {"n": steps if self._can("negative-count") else abs(steps)}

    def _copy(self, _: str) -> dict[str, Any]:
        return {"into": self._draw(_handle)}

    _round_trip = _copy

    def _extend(self, _: str) -> dict[str, Any]:
        return {"other": self._existing()}

    def _extract(self, _: str) -> dict[str, Any]:
        return {"index": self._draw(_count), "into": self._draw(_handle)}

    def _merge(self) -> dict[str, Any]:
        count = self._draw(_rows)
        return {"caches": [self._existing() for _ in range(count)], "into": self._draw(_handle)}

    def _filter(self, cache: str) -> dict[str, Any] | None:
        """Only rows that every part of the cache has: beyond them a gather is undefined."""
        shown = self._caches[cache]
        parts = [*shown["slots"].values(), shown["left_padding"], shown["lengths"]]
        sizes = [p.shape[0] if p.shape else 0 for p in parts if isinstance(p, Tensor)]
        rows = min(sizes, default=1)
        if rows == 0:
            return None
        return {"batch_indices": [self._draw(_count) % rows for _ in range(self._draw(_rows))]}

    def _write_in_place(self, cache: str) -> dict[str, Any] | None:
        slots = {i: t for i, t in self._caches[cache]["slots"].items() if isinstance(t, Tensor)}
        if not slots:
            return None
        index = self._draw(st.sampled_from(sorted(slots)))
        old = slots[index]
        return {"slot": int(index), "value": tensor(old.dtype, old.shape, [99] * old.size)}

    def _set_state(self, _: str) -> dict[str, Any]:
        return {"state": self._state()}

    def _set_meta_state(self, _: str) -> dict[str, Any]:
        return {"meta_state": self._metadata()}

    def _from_serialized(self, _: str) -> dict[str, Any]:
        return {"state": self._state(), "meta_state": self._metadata()}

    def _from_state(self) -> dict[str, Any]:
        return {"cache": self._draw(_handle), "class_name": "ArraysCache",
                "state": self._state(), "meta_state": self._metadata()}  # fmt: skip

    def _state(self) -> list[Any]:
        """In the dialect's shape: compacted, with holes, or with the sequence metadata."""
        count = self._draw(_count)
        if self._dialect.state_shape == "compacted":
            return [self._tensor() for _ in range(count)]
        slots = [self._slot_value() for _ in range(count)]
        if self._dialect.state_shape == "slots":
            return slots
        return [slots, self._row(), self._row()]

    def _row(self) -> Tensor | None:
        values = self._draw(_padding)
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
        return [self._draw(_csv) for _ in range(self._draw(_count))]
