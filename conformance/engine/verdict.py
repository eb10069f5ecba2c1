"""What a case came to."""

from __future__ import annotations

from enum import Enum

import msgspec


class Status(str, Enum):
    """The outcomes a case can have; only `pass` and `not-applicable` are not failures."""

    PASS = "pass"
    FAIL = "fail"
    CRASH = "crash"
    HANG = "hang"
    OVER_BUDGET = "over-budget"
    PROTOCOL_ERROR = "protocol-error"
    NOT_APPLICABLE = "not-applicable"
    SUITE_BUG = "suite-bug"

    @property
    def failed(self) -> bool:
        """Whether a run with this outcome is red."""
        return self not in (Status.PASS, Status.NOT_APPLICABLE)


class Mismatch(msgspec.Struct, frozen=True):
    """One difference: the step as the case writes it, the place in its result, both sides."""

    step: str
    place: str
    expected: str
    got: str


class Choice(msgspec.Struct, frozen=True):
    """Which of several accepted outcomes of a hazard the backend chose."""

    hazard: str
    chose: str


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of one case; `detail` says how it crashed or why it does not apply.

    `known` is the reason of the baseline entry that lists this failure; such a failure is not red.
    """

    case: str
    dialect: str
    status: Status
    mismatches: tuple[Mismatch, ...] = ()
    detail: str = ""
    choices: tuple[Choice, ...] = ()
    seconds: float = 0.0
    declared_gap: bool = False
    known: str = ""

    @property
    def red(self) -> bool:
        """Whether this outcome fails a run."""
        return self.status.failed and not self.known
