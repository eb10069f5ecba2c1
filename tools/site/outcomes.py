"""What a case demands, said once for the dialects that agree, with the answers of each result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from conformance.engine.case import Case
from conformance.engine.dialect import Dialect, Hazard
from conformance.engine.plan import applicability, expectation, plan
from conformance.engine.verdict import Status
from conformance.reporting import words
from conformance.reporting.json_report import ReportedVerdict
from conformance.reporting.outcomes import carriers, demanded, hazards
from tools.site.standings import Board, Standing

WIDE = 220  # characters of a line


@dataclass(frozen=True)
class Answer:
    """What an implementation did in a case."""

    standing: Standing
    verdict: ReportedVerdict

    @property
    def passed(self) -> bool:
        return self.verdict.status is Status.PASS

    @cached_property
    def said(self) -> str:
        """Where it differs first, or how it ended."""
        if self.verdict.mismatches:
            first = self.verdict.mismatches[0]
            place = f" at {first.place}" if first.place else ""
            return short(f"{first.step}{place}: {first.got}")
        return short(self.verdict.detail)


@dataclass(frozen=True)
class Demand:
    """The outcome of a case in some dialects; `reason` is why it does not apply there.

    `own` is what the dialects themselves do, without what is accepted in its place.
    """

    dialects: tuple[str, ...]
    lines: tuple[str, ...]
    own: tuple[str, ...]
    reason: str
    answers: tuple[Answer, ...]
    silent: tuple[Standing, ...]  # that lack an operation that it needs

    @property
    def failures(self) -> list[Answer]:
        return [each for each in self.answers if not each.passed]


@dataclass(frozen=True)
class CasePage:
    """A case with its steps and with everything that was answered."""

    case: Case
    steps: tuple[str, ...]
    demands: tuple[Demand, ...]
    hazards: tuple[str, ...]

    @property
    def answered(self) -> list[Answer]:
        """By real implementations, not by the reference."""
        every = (answer for each in self.demands for answer in each.answers)
        return [answer for answer in every if not answer.standing.is_reference]

    @property
    def passed(self) -> int:
        return sum(answer.passed for answer in self.answered)

    @property
    def failed(self) -> int:
        return len(self.answered) - self.passed


def short(said: str) -> str:
    """One line that fits."""
    line = " ".join(said.split())
    return line if len(line) <= WIDE else f"{line[:WIDE]} ..."


class Outcomes:
    """Of every case; asked for often, made once."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._pages: dict[str, CasePage] = {}

    def page(self, name: str) -> CasePage:
        """Everything about a case."""
        if name not in self._pages:
            self._pages[name] = self._made(self._board.suite.cases[name])
        return self._pages[name]

    def differing(self) -> dict[tuple[str, str], list[Case]]:
        """For every two dialects the cases that apply to both and demand something else of each."""
        found: dict[tuple[str, str], list[Case]] = {
            pair: [] for pair in combinations(self._board.suite.dialects, 2)
        }
        for name, case in self._board.suite.cases.items():
            where = {
                dialect: demand.own
                for demand in self.page(name).demands if not demand.reason
                for dialect in demand.dialects
            }  # fmt: skip
            for one, other in found:
                if one in where and other in where and where[one] != where[other]:
                    found[one, other].append(case)
        return found

    def _made(self, case: Case) -> CasePage:
        suite = self._board.suite
        rules: dict[tuple[object, ...], list[Dialect]] = {}
        for dialect in suite.dialects.values():
            why = applicability(case, dialect)
            key = tuple(id(expectation(step, dialect)) for step in case.steps)
            rules.setdefault(("", *key) if why is None else (why.reason,), []).append(dialect)
        steps: tuple[str, ...] = ()
        said: dict[tuple[tuple[str, ...], tuple[str, ...], str], list[str]] = {}
        for (reason, *_), dialects in rules.items():
            lines: tuple[str, ...] = ()
            own: tuple[str, ...] = ()
            if not reason:
                bound = plan(case, dialects[0], suite.tensors_of(case))
                lines = tuple(short(line) for line in demanded(bound))
                own = tuple(words.expectation(step.expect) for step in bound.steps)
                steps = steps or tuple(short(words.step(step)) for step in bound.steps)
            said.setdefault((lines, own, str(reason)), []).extend(each.id for each in dialects)
        demands = (self._demand(case, *what, tuple(names)) for what, names in said.items())
        return CasePage(case, steps, tuple(demands), tuple(sorted(hazards(case))))

    def _demand(
        self,
        case: Case,
        lines: tuple[str, ...],
        own: tuple[str, ...],
        reason: str,
        names: tuple[str, ...],
    ) -> Demand:
        asked = [
            (each, each.verdicts[case.id])
            for each in self._board.standings
            if each.dialect in names and case.id in each.verdicts
        ]
        answers = (Answer(*row) for row in asked if row[1].status is not Status.NOT_APPLICABLE)
        silent = (each for each, verdict in asked if verdict.declared_gap)
        return Demand(names, lines, own, reason, tuple(answers), tuple(silent))


@dataclass(frozen=True)
class Trophy:
    """A hazard: who carries it, what showed it in real runs, and the smallest case that does."""

    hazard: Hazard
    carriers: tuple[str, ...]
    cases: tuple[CasePage, ...]
    chosen: dict[str, dict[str, int]]  # key of a result -> what it chose -> in how many cases

    @property
    def page(self) -> str:
        return f"hazards/{self.hazard.id}.html"

    @property
    def smallest(self) -> CasePage | None:
        """The case with the shortest steps."""
        return min(self.cases, key=lambda page: sum(map(len, page.steps)), default=None)


def trophies(board: Board, outcomes: Outcomes) -> list[Trophy]:
    """Every hazard, those that somebody reported first."""
    suite = board.suite
    shown: dict[str, list[CasePage]] = {name: [] for name in suite.hazards}
    for name in suite.cases:
        page = outcomes.page(name)
        for hazard_id in page.hazards:
            shown[hazard_id].append(page)
    seen: dict[str, dict[str, dict[str, int]]] = {}
    for each in board.real:
        for choice in each.view.choices:
            seen.setdefault(choice.id, {})[each.key] = {
                said: len(cases) for said, cases in choice.chosen.items()
            }
    made = [
        Trophy(
            hazard,
            tuple(carriers(suite, hazard)),
            tuple(shown[hazard.id]),
            seen.get(hazard.id, {}),
        )
        for hazard in suite.hazards.values()
    ]  # fmt: skip
    return sorted(made, key=lambda trophy: trophy.hazard.issue is None)
