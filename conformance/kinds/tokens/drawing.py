"""Operations on caches of keys and values, drawn so that most of them fit the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from hypothesis import strategies as st

from conformance.calls import Call
from conformance.engine.dialect import Dialect
from conformance.kinds.holding import NAMES, HoldingDrawing
from conformance.properties.drawing import Move, Shown, Writer
from conformance.tensor import Tensor, tensor

# Primitive strategies are made once: building one costs more than drawing from it.
_dtype = st.sampled_from(("float32", "float32", "float16", "bfloat16", "int32"))
_few, _twenties, _forties = st.integers(1, 2), st.integers(0, 19), st.integers(0, 39)
_width = st.integers(1, 3)
_count = st.sampled_from((1, 1, 1, 1, 2, 2, 3, 4, 5, 7, 9, 0))
_singles = st.integers(2, 6)
_trim = st.sampled_from((0, 1, 1, 2, 2, 3, 4, 5, 9, -1, -2))
_mask_length = st.sampled_from((0, 1, 1, 2, 2, 3, 5))
_window = st.sampled_from((None, None, 0, 1, 2, 3, 4, 5, 9))
_yes = st.booleans()
_tens = st.integers(0, 9)
_what = st.sampled_from(("state", "keys", "values", "offset"))
_half = st.sampled_from(("keys", "values"))
_text = st.sampled_from(("0", "0", "1", "2", "3", "4", "8", "-1", "x", "", "None", " 1", "1.5"))
_texts = st.integers(0, 5)
_arrays = st.sampled_from((2, 2, 2, 2, 0, 1, 3))
_axis = st.integers(0, 3)
_LARGEST = 128  # bfloat16 has every integer up to twice that
_STEP = 253  # close to the 256 tokens by which buffers grow
_RANK = 4


class TokenDrawing(HoldingDrawing):
    """Most tokens of a sequence have the batch, heads, widths and dtype of its house style."""

    start = "new"
    label: ClassVar[str]  # of the class
    widths: ClassVar[Any] = _width
    in_place: ClassVar[bool] = True  # whether buffers are arrays that can be written to
    what: ClassVar[Any] = _what  # can be held
    singles: ClassVar[Any] = _singles  # tokens that come one after the other
    more: ClassVar[Any] = _few  # tokens that come after something is held

    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None:
        super().__init__(draw, dialect)
        self._dtype = draw(_dtype)
        self._shape = (draw(_few), draw(_few))
        self._widths = (draw(self.widths), draw(self.widths))

    def arguments(self, name: str, shown: Shown) -> dict[str, Any] | None:
        drawn = getattr(self, f"_of_{name}", None)
        return {} if drawn is None else drawn(shown)

    # ------------------------------------------------------------------ tokens

    def tokens(self, count: int, spoiled: bool = False) -> dict[str, Tensor]:
        """Keys and values of so many tokens."""
        shapes = [[*self._shape, count, width] for width in self._widths]
        dtype = self._dtype
        if spoiled and self._draw(_twenties) == 0:
            dtype = self._draw(_dtype)
        if spoiled and self._draw(_twenties) == 0:
            self._spoil(shapes[self._draw(_few) - 1])
        keys, values = (self._filled(dtype, shape) for shape in shapes)
        return {"keys": keys, "values": values}

    @contextmanager
    def of_rows(self, rows: int) -> Iterator[None]:
        """Tokens have so many rows."""
        style, self._shape = self._shape, (rows, self._shape[1])
        try:
            yield
        finally:
            self._shape = style

    def _spoil(self, shape: list[int]) -> None:
        """Another length of an axis, or one axis fewer."""
        axis = self._draw(_axis)
        if self._draw(_tens) == 0:
            del shape[axis]
        else:
            shape[axis] += 1

    def _filled(self, dtype: str, shape: list[int]) -> Tensor:
        start = 10 * self._draw(_tens)
        return tensor(dtype, shape, [(start + i) % _LARGEST for i in range(math.prod(shape))])

    # ------------------------------------------------------------------ one method an operation

    def _of_new(self, _: Shown) -> dict[str, Any]:
        return {}

    def _of_update_and_fetch(self, _: Shown) -> dict[str, Any]:
        count = _STEP if self._draw(_forties) == 0 else self._draw(_count)
        return self.tokens(count, spoiled=True)

    def _of_make_mask(self, _: Shown) -> dict[str, Any]:
        return {
            "n": self._draw(_mask_length),
            "window_size": self._draw(_window),
            "return_array": self._draw(_yes),
        }

    def _of_trim(self, _: Shown) -> dict[str, Any]:
        return {"n": self._draw(_trim)}

    def _of_to_quantized(self, _: Shown) -> dict[str, Any]:
        return {"group_size": 32 * self._draw(_few), "bits": 4 * self._draw(_few)}

    def _of_set_state(self, _: Shown) -> dict[str, Any]:
        return {"state": self._state()}

    def _of_set_meta_state(self, _: Shown) -> dict[str, Any]:
        return {"meta_state": self._metadata()}

    def _of_from_state(self, _: Shown) -> dict[str, Any]:
        return {
            "class_name": self.label,
            "state": self._state(),
            "meta_state": self._metadata(),
        }

    def _of_write_in_place(self, shown: Shown) -> dict[str, Any] | None:
        stored = _stored(shown)
        if not self.in_place or not stored:
            return None
        what = self._draw(_half)
        old = shown[what][0]
        shape = [*old.shape[:2], 1, old.shape[3]]
        value = tensor(old.dtype, shape, [99] * math.prod(shape))
        return {"what": what, "position": self._draw(_tens) % stored, "value": value}

    def _state(self) -> list[Any]:
        """Mostly keys and values; mlx-lm 0.32 wants numbers too, and refuses these."""
        pair = self.tokens(self._draw(_count))
        return [*pair.values(), pair["keys"]][: self._draw(_arrays)]

    def _metadata(self) -> list[str]:
        return [self._draw(_text) for _ in range(self._draw(_texts))]

    # ------------------------------------------------------------------ whole operations

    def write_merge(self, writer: Writer) -> None:
        """One to three caches, of one row where there are any; one may be there twice."""
        single = [handle for handle, shown in writer.caches.items() if _is_single(shown)]
        pool = single if single and self._draw(_tens) < 9 else sorted(writer.caches)
        chosen = [self._draw(st.sampled_from(pool)) for _ in range(self._draw(_width))]
        writer.step("merge", caches=chosen, into=writer.handle())

    def write_hold(self, writer: Writer) -> None:
        name = self._draw(NAMES)
        self.hold(writer, cache=writer.existing(), what=self._draw(self.what), name=name)

    def append(self, writer: Writer, cache: str, count: int) -> None:
        """So many tokens that fit the cache."""
        writer.step("update_and_fetch", cache=cache, **self.tokens(count))

    # ------------------------------------------------------------------ moves

    def move_decode(self, writer: Writer) -> None:
        """Single tokens one after the other."""
        cache = writer.existing()
        for _ in range(self._draw(self.singles)):
            self.append(writer, cache, 1)

    def move_exchange(self, writer: Writer) -> None:
        """A cache restored, under any handle, from what another one serialized to."""
        source, target = writer.existing(), writer.handle()
        state = writer.step("state", cache=source)
        meta = writer.step("meta_state", cache=source) if writer.has("meta_state") else None
        if not isinstance(state, list):
            return
        texts = meta if isinstance(meta, list) else []
        if target in writer.caches and self._draw(_yes):
            writer.step("set_state", cache=target, state=state)
            if texts and writer.has("set_meta_state"):
                writer.step("set_meta_state", cache=target, meta_state=texts)
        else:
            writer.step(
                "from_state", cache=target, class_name=self.label, state=state, meta_state=texts
            )

    def move_branch(self, writer: Writer) -> None:
        """A copy, and one token more on one side."""
        source, twin = writer.existing(), writer.handle()
        writer.step("copy", cache=source, into=twin)
        self.append(writer, self._draw(st.sampled_from((source, twin))), 1)

    def move_keep(self, writer: Writer) -> None:
        """What is kept while tokens come, and is looked at again."""
        cache, name = writer.existing(), self._draw(NAMES)
        if self.hold(writer, cache=cache, what=self._draw(self.what), name=name):
            self.append(writer, cache, self._draw(self.more))
            writer.step("held", name=name)

    moves: ClassVar[tuple[Move, ...]] = (
        Move("decode", {"update_and_fetch"}, move_decode, weight=8),
        Move("exchange", {"state", "set_state", "from_state"}, move_exchange, weight=4),
        Move("branch", {"copy", "update_and_fetch"}, move_branch, weight=3),
        Move("keep", {"hold", "held", "update_and_fetch"}, move_keep, weight=3),
    )

    # ------------------------------------------------------------------ what has a meaning

    @classmethod
    def judges(cls, name: str) -> bool:
        return name == "write_in_place"

    @classmethod
    def is_defined(cls, call: Call, shown: Shown) -> bool:
        """What is written in place stands in the place of tokens of that shape."""
        arguments = call.arguments
        old, new = shown[arguments["what"]], arguments["value"]
        fits = bool(old) and (old[0].dtype, old[0].shape[:2]) == (new.dtype, new.shape[:2])
        return fits and arguments["position"] < _stored(shown)


def _stored(shown: Shown) -> int:
    """Tokens that a snapshot shows; 0 where they are not arrays of keys and values."""
    keys = shown.get("keys") or []
    if len(keys) != 1 or not isinstance(keys[0], Tensor) or len(keys[0].shape) != _RANK:
        return 0
    return min(keys[0].shape[2], shown["values"][0].shape[2]) if shown.get("values") else 0


def _is_single(shown: Shown) -> bool:
    keys = shown.get("keys", ())
    return all(isinstance(part, Tensor) and part.shape[:1] == (1,) for part in keys)
