"""What a reader does with a prompt-cache file, as data."""

from __future__ import annotations

from conformance.engine.literals import Strict
from conformance.outcomes.error import ErrorOutcome
from conformance.outcomes.reading import LOSSY, SAME, WRONG
from conformance.outcomes.trap import TrapOutcome

ERROR, TRAP = ErrorOutcome.key, TrapOutcome.key
KINDS = (SAME, LOSSY, WRONG, ERROR, TRAP)


class Reading(Strict, frozen=True, kw_only=True):
    """What a reader does with a file.

    `same`: the content of the case, in every bit. `lossy`: the same but for what is named.
    `wrong`: something else without an error, and what. `error`: refused with that kind.
    `trap`: the process ends. `captured`: `dialect capture` wrote it, and nobody has looked at it.
    """

    same: bool = False
    lossy: str | None = None
    wrong: str | None = None
    error: str | None = None
    trap: str | None = None
    hazard: str | None = None
    captured: bool = False

    @property
    def kind(self) -> str:
        """The field that is set."""
        return next((name for name in KINDS if getattr(self, name)), TRAP)

    @property
    def what(self) -> str:
        """What is lost or wrong, the kind of the error, how the process ends."""
        return "" if self.same else str(getattr(self, self.kind))

    def agrees(self, other: Reading) -> bool:
        """Whether both do the same; the hazard left out."""
        return (self.kind, self.what) == (other.kind, other.what)

    def spelled(self) -> str:
        """In one line; the hazard left out."""
        if self.same:
            return SAME
        return f"{'crash' if self.kind == TRAP else self.kind}: {self.what}"
