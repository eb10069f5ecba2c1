"""How counters are drawn, and a law of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from conformance.engine.dialect import Dialect
from conformance.properties.drawing import Drawing, Move, Shown, Writer
from conformance.properties.kind_properties import KindProperties
from conformance.properties.law import Law, Trial

_small = st.integers(-3, 9)


class CounterDrawing(Drawing):
    start = "new"

    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None:
        self._draw = draw

    def arguments(self, name: str, shown: Shown) -> dict[str, Any] | None:
        if name == "new":
            return {"start": self._draw(_small)}
        return {"n": self._draw(_small)} if name == "add" else {}

    def _twice(self, writer: Writer) -> None:
        handle = writer.existing()
        for _ in range(2):
            writer.step("add", cache=handle, n=1)

    moves = (Move("twice", {"add"}, _twice),)


def _sum(t: Trial) -> None:
    first, second = t.draw(_small), t.draw(_small)
    t.call("new", cache="x", start=first)
    t.equal("total", first + second, t.call("add", cache="x", n=second))


PROPERTIES = KindProperties(
    drawing=CounterDrawing,
    laws=(Law("sum", "Adding adds.", ("COUNT-001",), {"new", "add"}, _sum),),
)
