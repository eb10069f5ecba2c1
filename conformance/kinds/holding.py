"""How what a cache hands out is drawn: kept under a name, and looked at later."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from hypothesis import strategies as st

from conformance.calls import Returned
from conformance.engine.dialect import Dialect
from conformance.properties.drawing import Drawing, Writer

NAMES = st.sampled_from(("h", "i"))  # of what is kept


class HoldingDrawing(Drawing):
    """Objects are kept under few names, so that some are replaced."""

    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None:
        self._draw = draw
        self._dialect = dialect
        self._held: set[str] = set()

    @abstractmethod
    def write_hold(self, writer: Writer) -> None:
        """Keep something of a cache."""

    def hold(self, writer: Writer, **arguments: Any) -> bool:
        """Keep this; whether it was granted."""
        writer.step("hold", **arguments)
        kept = isinstance(writer.last_reply("hold"), Returned)
        if kept:
            self._held.add(arguments["name"])
        return kept

    def write_held(self, writer: Writer) -> None:
        """Look at something kept, or keep it first."""
        if not self._held and writer.has("hold"):
            self.write_hold(writer)
        elif self._held:
            writer.step("held", name=self._draw(st.sampled_from(sorted(self._held))))
