"""One run: a suite, a dialect and a live backend; gives the verdict on any case of the suite."""

from __future__ import annotations

import fnmatch
import itertools
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.engine.baseline import Baseline
from conformance.engine.baseline import load as load_baseline
from conformance.engine.case import Case
from conformance.engine.dialect import Dialect
from conformance.engine.execute import execute
from conformance.engine.judge import judge
from conformance.engine.plan import NotApplicable, Plan, applicability, plan
from conformance.engine.suite import Suite
from conformance.engine.verdict import NotRun, Status, SuiteBug, Verdict
from conformance.patience import START_SECONDS
from conformance.suggestions import did_you_mean
from conformance.transport import command, connect, served
from conformance.transport.backend import Backend, BackendUnusable
from conformance.transport.causes import Unusable
from conformance.transport.messages import Handshake
from conformance.transport.restarting import RestartingBackend
from conformance.transport.starting import Forks, Spares

if TYPE_CHECKING:
    from conformance.transport.process import Start

HOSTILE = "hostile"
MANY = 20  # cases: a run of so many meets hostile ones
WARMING = 8  # cases that come before one that is measured again


@dataclass(frozen=True)
class Target:
    """What is judged, and by which rules; `terms` are the further options that make a verdict."""

    backend: str
    dialect: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Terms:
    """How to judge: all cases in a process of their own, gaps as failures, a baseline, patience."""

    isolate: bool = False
    require: bool = False
    baseline: Path | None = None
    timeout: float = START_SECONDS  # for a start
    device: str = ""  # where it computes; wherever it chooses to

    def options(self) -> tuple[str, ...]:
        """As the command line spells them."""
        flags = [f"--{name}" for name in ("isolate", "require") if getattr(self, name)]
        own_timeout = self.timeout != START_SECONDS
        return (
            *flags,
            *(("--baseline", str(self.baseline)) if self.baseline else ()),
            *(("--timeout", f"{self.timeout:g}") if own_timeout else ()),
            *(("--device", self.device) if self.device else ()),
        )


class Run:
    """Open a backend and judge cases with it. BackendUnusable when it cannot be opened.

    Cases tagged `hostile` run with the backend in a process of its own, whatever kind it is.
    """

    def __init__(
        self, suite: Suite, backend: str, dialect: str | None, terms: Terms | None = None
    ) -> None:
        if dialect is not None:
            suite.dialect(dialect)
        self.suite = suite
        self._forks: Forks | None = None
        self._spares: list[Spares] = []
        self._terms = terms or Terms()
        opening = dialect or suite.default_dialect.id
        self._session = self.restarting(backend, opening).open()
        self.handshake: Handshake = self._session.handshake
        self._check_capabilities(backend)
        self.dialect = self._dialect(backend, dialect)
        self._counted = suite.frozen.counted(self.dialect) if suite.frozen else None
        own = () if suite.shipped else ("--fixtures", str(suite.root))
        self.target = Target(backend, self.dialect.id, (*own, *self._terms.options()))
        self._apart: RestartingBackend | None = None
        self._judged = 0
        self._baseline = Baseline()
        if self._terms.baseline is not None:
            who = self.handshake.implementation
            self._baseline = load_baseline(self._terms.baseline, suite, self.dialect.id, who)

    @property
    def device(self) -> str:
        """Where the backend was told to compute; empty where it chooses."""
        return self._terms.device

    @property
    def backend(self) -> Backend:
        """The live backend, for what is no case."""
        return self._session.backend

    def verdict(self, case: Case) -> Verdict:
        """Run one case from a clean start, and settle it with the baseline. Never raises."""
        try:
            self._judged += 1
            if self._judged == MANY and not self._session.is_process:
                self._forked().prepare()  # there will be hostile ones among them
            return self._baseline.settle(self._verdict(case), lambda: self._verdict(case))
        except Exception:  # a case without a verdict would be missing from the report
            told = traceback.format_exc()
            detail = SuiteBug(told.splitlines()[-1], told)
            return Verdict(case.id, self.dialect.id, Status.SUITE_BUG, detail=detail)

    def close(self) -> None:
        """End the backend, and the one apart for hostile cases."""
        self._session.close()
        if self._apart is not None:
            self._apart.close()
        if self._forks is not None:
            self._forks.close()
        for spares in self._spares:
            spares.close()

    def _verdict(self, case: Case) -> Verdict:
        reason = applicability(case, self.dialect, frozenset(self.handshake.capabilities))
        if self._counted is not None and case.id not in self._counted:
            reason = NotApplicable(f"it does not count for {self.dialect.id} in the set")
        if reason is not None:
            required = reason.declared and self._terms.require
            return Verdict(
                case.id, self.dialect.id, Status.FAIL if required else Status.NOT_APPLICABLE,
                detail=NotRun(reason, required),
                declared_gap=reason.declared,
            )  # fmt: skip
        try:
            bound = self.plan(case)
        except ValueError as error:
            return Verdict(case.id, self.dialect.id, Status.SUITE_BUG, detail=SuiteBug(str(error)))
        verdict = judge(bound, execute(bound, self.session_for(case)))
        if verdict.status is Status.OVER_BUDGET and verdict.mismatches:  # it was measured
            return self._verdict_when_warm(bound)
        return verdict

    def _verdict_when_warm(self, bound: Plan) -> Verdict:
        """Once more, on a fresh backend that has used the operations of the case before.

        The first use of an operation loads code (a kernel of a GPU takes 30 MB), which is not what
        the case asks for. What the case itself takes is taken again. A GPU compiles a kernel for
        each dtype and shape, which only the case itself may have: there it warms the backend too.
        """
        session = self.session_for(bound.case)
        session.close()
        for case in self._warming(bound.case):
            execute(plan(case, self.dialect, self.suite.tensors_of(case)), session)
        if self.handshake.implementation.accelerated:
            execute(bound, session)
        return judge(bound, execute(bound, session))

    def _warming(self, wanted: Case) -> list[Case]:
        """Ordinary cases that use operations of another one and ask for little."""
        operations = {step.operation for step in wanted.steps if not step.operation.looks}
        capabilities = frozenset(self.handshake.capabilities)
        found = (
            case
            for case in self.suite.cases.values()
            if HOSTILE not in case.tags
            and case.budget.memory_mb is None
            and any(step.operation in operations for step in case.steps)
            and applicability(case, self.dialect, capabilities) is None
        )
        return list(itertools.islice(found, WARMING))

    def plan(self, case: Case, dialect: Dialect | None = None) -> Plan:
        """A case as this implementation is asked it, in the dialect of the run or another one.

        ValueError when a literal is wrong.
        """
        who = self.handshake.implementation
        chosen = self.dialect if dialect is None else dialect
        return plan(case, chosen, self.suite.tensors_of(case), who.name, who.mlx)

    def session_for(self, case: Case) -> RestartingBackend:
        """The live backend, or one in a process of its own; a process serves for both."""
        hostile = self._terms.isolate or HOSTILE in case.tags
        if not hostile or self._session.is_process:
            return self._session
        if self._apart is None:
            self._apart = self._restarting(self._served, self.dialect.id, self._forked())
        return self._apart

    @property
    def _served(self) -> str:
        return served(self.target.backend, self.dialect.id, self._terms.device)

    def _forked(self) -> Forks:
        if self._forks is None:
            self._forks = Forks(command(self._served) or [])
        return self._forks

    def restarting(self, spec: str, dialect: str) -> RestartingBackend:
        """A backend by the terms of this run."""
        self._spares.append(Spares())
        return self._restarting(spec, dialect, self._spares[-1])

    def _restarting(self, spec: str, dialect: str, start: Start) -> RestartingBackend:
        problem = self.suite.kinds.problem
        terms = self._terms
        return RestartingBackend(
            lambda: connect(spec, dialect, terms.timeout, problem, terms.device, start)
        )

    def _dialect(self, backend: str, asked: str | None) -> Dialect:
        declared = self.handshake.dialect
        chosen = asked or declared
        if not chosen and backend == "reference":
            chosen = self.suite.default_dialect.id
        if chosen not in self.suite.dialects:
            said = (
                f"declares the unknown dialect {declared!r}" if declared else "declares no dialect"
            )
            raise BackendUnusable(
                Unusable.NO_DIALECT,
                f"{backend} {said}; say by which to judge it: "
                f"--dialect {' | '.join(self.suite.dialects)}",
            )
        return self.suite.dialects[chosen]

    def _check_capabilities(self, backend: str) -> None:
        unknown = sorted(set(self.handshake.capabilities) - self.suite.kinds.declarable)
        if unknown:
            raise BackendUnusable(
                Unusable.UNKNOWN_CAPABILITY,
                f"{backend} declares capabilities that are not operations: {', '.join(unknown)}",
            )


def select(
    suite: Suite,
    ids: Iterable[str] = (),
    tags: Iterable[str] = (),
    shard: tuple[int, int] | None = None,
) -> list[Case]:
    """The cases that options choose, in file order. ValueError for an unknown id or tag."""
    return [suite.cases[name] for name in select_ids(suite, ids, tags, shard)]


def select_ids(
    suite: Suite,
    ids: Iterable[str] = (),
    tags: Iterable[str] = (),
    shard: tuple[int, int] | None = None,
) -> list[str]:
    """The ids of the cases that options choose; only tags need the cases themselves."""
    chosen = list(suite.cases)
    ids, tags = list(ids), list(tags)
    if ids:
        found: set[str] = set()
        for pattern in ids:
            matching = [pattern] if pattern in suite.cases else fnmatch.filter(chosen, pattern)
            if not matching:
                near = did_you_mean(pattern, suite.cases)
                near = near or "; see mlx-cache-conformance list"
                raise ValueError(f"no case is called {pattern}{near}")
            found.update(matching)
        chosen = [name for name in chosen if name in found]
    if tags:
        known = {tag for case in suite.cases.values() for tag in case.tags}
        for tag in tags:
            if tag not in known:
                raise ValueError(
                    f"no case has the tag {tag}; the tags are {', '.join(sorted(known))}"
                    f"{did_you_mean(tag, known)}"
                )
        chosen = [name for name in chosen if set(suite.cases[name].tags) & set(tags)]
    if shard:
        index, count = shard
        chosen = chosen[index - 1 :: count]
    return chosen


def parse_shard(text: str) -> tuple[int, int]:
    """`i/n` as numbers, 1 <= i <= n; ValueError otherwise."""
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise ValueError(f"--shard {text}: write i/n with 1 <= i <= n, such as 1/4")
    return int(index), int(count)
