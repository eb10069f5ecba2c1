"""What a case came to, as data; `reporting` has the words around it."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import msgspec

from conformance import values
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Outcome
from conformance.values import Data


class Status(str, Enum):
    """The outcomes a case can have; only `pass` and `not-applicable` are not failures.

    `flaky` is of drawn sequences: the same calls were answered in two ways.
    """

    PASS = "pass"
    FAIL = "fail"
    CRASH = "crash"
    HANG = "hang"
    OVER_BUDGET = "over-budget"
    PROTOCOL_ERROR = "protocol-error"
    FLAKY = "flaky"
    NOT_APPLICABLE = "not-applicable"
    SUITE_BUG = "suite-bug"

    @property
    def failed(self) -> bool:
        """Whether a run with this outcome is red."""
        return self not in (Status.PASS, Status.NOT_APPLICABLE)


class StepRecord(Data, frozen=True):
    """A step as it was carried out; `number` counts from 1, and is 0 for the building of `given`.

    Of large arguments an excerpt is kept.
    """

    number: int
    op: str
    arguments: dict[str, Any]

    def words(self) -> str:
        """`step 2: set_meta_state(cache="c", meta_state=["3", "-1"])`."""
        number = f"step {self.number}: " if self.number else "given: "
        return values.clipped(f"{number}{values.call(self.op, self.arguments)}")


class Mismatch(msgspec.Struct, frozen=True):
    """One difference, at a step or, without one, in the case as a whole.

    `accept` are the outcomes that would have been taken too, `hazard` the defect they are about.
    """

    step: StepRecord | None
    difference: Difference
    accept: tuple[Outcome, ...] = ()
    hazard: str = ""


class Choice(msgspec.Struct, frozen=True):
    """Which of several accepted outcomes of a hazard the backend chose; None is the dialect's."""

    hazard: str
    chose: Outcome | None


class NotRun(Data, frozen=True):
    """Why a case does not apply; `required` where it should."""

    why: Data
    required: bool = False

    def words(self) -> str:
        return f"{self.why.words()}, and all are required" if self.required else self.why.words()


class Lost(Data, frozen=True):
    """How the backend was lost, at which step if that is known, and its last words.

    `granted` are the seconds that the case has, where it ran out of them.
    """

    how: str
    at: StepRecord | None = None
    stderr: str = ""
    granted: float | None = None

    def words(self) -> str:
        where = f" in {self.at.words()}" if self.at else ""
        granted = "" if self.granted is None else f"; the case grants {self.granted:g} s"
        stderr = f"\n{self.stderr}" if self.stderr else ""
        return f"{self.how}{where}{stderr}{granted}"


class Unanswered(Data, frozen=True):
    """So many of the calls were answered, though the backend was not lost."""

    answered: int
    calls: int

    def words(self) -> str:
        return f"only {self.answered} of {self.calls} calls were answered"


class TooMuchMemory(Data, frozen=True):
    """The backend took more memory than so many megabytes."""

    granted: float

    def words(self) -> str:
        return f"more memory than the {self.granted:g} MB that the case grants"


class SuiteBug(Data, frozen=True):
    """What the suite itself did wrong."""

    error: str
    trace: str = ""

    def words(self) -> str:
        return f"{self.error}\n{self.trace}" if self.trace else self.error


class StaleEntry(Data, frozen=True):
    """What is wrong with the entry of a baseline that lists a case, and where it stands.

    `tries` is how often a flaky case was run; `listed` and `found` are how it fails.
    """

    where: str
    what: Literal["passes", "does not apply", "fails otherwise", "always passes", "always fails"]
    tries: int = 1
    listed: str = ""
    found: str = ""

    def words(self) -> str:
        if self.what == "fails otherwise":
            both = f"{self.listed} there, {self.found} here"
            return f"fails in another way than {self.where} says: {both}"
        if self.what == "always passes":
            return f"passed {self.tries} times; remove it from known-flaky at {self.where}"
        if self.what == "always fails":
            return f"failed {self.tries} times; move it to known-failing from {self.where}"
        return f"{self.what}, but {self.where} lists it: remove that entry"


class Megabytes(Data, frozen=True):
    """Memory over that of the case's beginning: `granted`, or what was taken."""

    amount: float
    granted: bool = False

    def words(self) -> str:
        return f"at most {self.amount:g} MB more" if self.granted else f"{self.amount:.0f} MB more"


class NoAnswer(Data, frozen=True):
    """The backend was lost instead of answering."""

    how: str

    def words(self) -> str:
        return f"no answer of the port: {self.how}"


class Side(Data, frozen=True):
    """Which side of a hazard a step takes: the dialect's own outcome, or a better one."""

    better: bool
    earlier: bool = False

    def words(self) -> str:
        side = "a better outcome" if self.better else OWN
        return f"{side}, as an earlier step took" if self.earlier else side


OWN = "the dialect's own outcome"


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of one case, as data; `detail` says how it crashed or why it does not apply.

    `known` is the reason of the baseline entry that lists this failure; such a failure is not red.
    """

    case: str
    dialect: str
    status: Status
    mismatches: tuple[Mismatch, ...] = ()
    detail: Data | None = None
    choices: tuple[Choice, ...] = ()
    seconds: float = 0.0
    declared_gap: bool = False
    known: str = ""

    @property
    def red(self) -> bool:
        """Whether this outcome fails a run."""
        return self.status.failed and not self.known
