"""How a kind draws the operations of a sequence: what it is asked, and what it may ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from hypothesis import strategies as st

from conformance.calls import Call, Reply
from conformance.engine.dialect import Dialect

Shown = dict[str, Any]  # a snapshot; empty for an operation that makes its cache


class Writer(Protocol):
    """The sequence that is being drawn, as a kind sees it."""

    draw: st.DrawFn

    @property
    def caches(self) -> dict[str, Shown]:
        """The latest snapshot of each cache of the kind, by handle."""

    @property
    def everyone(self) -> list[str]:
        """The handles of all caches, of whatever kind."""

    def has(self, *names: str) -> bool:
        """Whether both sides have these operations."""

    def existing(self) -> str:
        """The handle of one of the caches."""

    def handle(self) -> str:
        """A handle, in use or not."""

    def step(self, name: str, /, **arguments: Any) -> Any:
        """Append an operation; its result, None if it was refused."""

    def last_reply(self, name: str) -> Reply | None:
        """The answer to the latest call of an operation."""


@dataclass(frozen=True)
class Move:
    """Several operations that are rarely drawn one after the other by chance, and what they need.

    `weight` is as in an operation.
    """

    name: str
    needs: Set[str]
    write: Callable[[Any, Writer], None]
    weight: int = 2


class Drawing(ABC):
    """Draws for one sequence what a kind's operations need. A method `write_NAME` writes the whole
    of an operation whose handles are not just any of those there are.
    """

    start: ClassVar[str]  # the operation that makes the first cache
    moves: ClassVar[tuple[Move, ...]] = ()

    @abstractmethod
    def __init__(self, draw: st.DrawFn, dialect: Dialect) -> None: ...

    @abstractmethod
    def arguments(self, name: str, shown: Shown) -> dict[str, Any] | None:
        """The arguments of an operation beside handles; None where no meaningful ones exist."""

    @classmethod
    def judges(cls, name: str) -> bool:
        """Whether `is_defined` has to be asked about an operation."""
        return False

    @classmethod
    def is_defined(cls, call: Call, shown: Shown) -> bool:
        """Whether a call of a cache that looks so has a result that is more than chance."""
        return True
