"""Which fixture cases tell a mutant from the reference."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from conformance.cli.progress import Step
from conformance.engine.case import LARGE
from conformance.engine.dialect import lookup
from conformance.engine.execute import execute
from conformance.engine.judge import judge
from conformance.engine.plan import Plan, applicability, plan
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status
from conformance.filetools.goldens import read_chapter
from conformance.fixtures.read import read_suite
from conformance.mutants.mutant import Mutant
from conformance.transport import connect
from conformance.transport.backend import Backend
from conformance.transport.restarting import RestartingBackend
from tools.mutants import named
from tools.mutants.backend import opened, over_stdio

ADDRESS_SPACE = 8 << 30  # bytes of a process that examines
_AT_ONCE = 4  # mutants that are worth the start of a process

T = TypeVar("T")


@dataclass(frozen=True)
class Terms:
    """How to examine: `stdio` with the mutant in a process of its own, `first` up to one kill."""

    stdio: bool = False
    first: bool = False


@dataclass(frozen=True)
class Kills:
    """The cases that a mutant fails, by id in the order of the suite, of so many that it faced."""

    mutant: str
    cases: tuple[str, ...]
    faced: int


class Examiner:
    """Has mutants face the cases of their dialects, each of which is planned once."""

    def __init__(self, suite: Suite, terms: Terms) -> None:
        self._suite = suite
        self._terms = terms
        self._plans: dict[str, list[Plan]] = {}

    def kills(self, mutant: Mutant) -> Kills:
        """The cases that fail. BackendUnusable when the mutant cannot be made at all."""
        session = RestartingBackend(partial(self._opened, mutant))
        failed, faced = [], 0
        try:
            for bound in self._in_order(mutant):
                faced += 1
                status = judge(bound, execute(bound, session)).status
                if status is Status.SUITE_BUG:
                    raise ValueError(f"{bound.case.id} cannot be judged in {mutant.dialect}")
                if status.failed:
                    failed.append(bound.case.id)
                    if self._terms.first or mutant.one_kill:
                        break
        finally:
            session.close()
        place = {name: index for index, name in enumerate(self._suite.cases)}
        return Kills(mutant.name, tuple(sorted(failed, key=place.__getitem__)), faced)

    def _opened(self, mutant: Mutant) -> Backend:
        if self._terms.stdio:
            problem = self._suite.kinds.problem
            return connect(over_stdio(mutant), mutant.dialect, problem=problem)
        return opened(mutant)

    def _in_order(self, mutant: Mutant) -> Iterator[Plan]:
        """The cases with caches of the mutant's kind: first those of what it violates; large ones
        only if they are among these.

        A mutant of slots serves no other kind, and a case that needs one does not apply to it.
        """
        # Files go by readers and writers of their own, of which the classes are no part.
        of_files = mutant.files is not None
        plans = [
            bound
            for bound in self._plans_of(mutant.dialect)
            if bound.files == of_files
            and (
                of_files
                or (bound.kinds == {mutant.kind} if mutant.of_slots else mutant.kind in bound.kinds)
            )
        ]
        meant = [bound for bound in plans if set(bound.case.requires) & set(mutant.violates)]
        own = f"file.read.{self._writer(mutant.dialect)}."  # what its writer wrote tells most
        yield from sorted(
            meant, key=lambda b: (LARGE in b.case.tags, not b.case.id.startswith(own))
        )
        chosen = {bound.case.id for bound in meant}
        for bound in plans:
            if bound.case.id not in chosen and LARGE not in bound.case.tags:
                yield bound

    def _writer(self, dialect: str) -> str | None:
        return lookup(read_chapter().writers, self._suite.dialect(dialect).lineage)

    def _plans_of(self, name: str) -> list[Plan]:
        if name not in self._plans:
            dialect, suite = self._suite.dialect(name), self._suite
            self._plans[name] = [
                plan(case, dialect, suite.tensors_of(case))
                for case in suite.cases.values()
                if applicability(case, dialect) is None
            ]
        return self._plans[name]


def examine(
    suite: Suite,
    chosen: Sequence[Mutant],
    terms: Terms,
    jobs: int | None = None,
    step: Step = lambda name, count: None,
) -> list[Kills]:
    """What kills each of `chosen`, on `jobs` processes; `step` gets each name when it is done."""
    here = Examiner(suite, terms)
    return spread(chosen, here.kills, partial(_examined, suite.root, terms), jobs, step)


def spread(
    chosen: Sequence[Mutant],
    here: Callable[[Mutant], T],
    elsewhere: Callable[[str], T],
    jobs: int | None = None,
    step: Step = lambda name, count: None,
) -> list[T]:
    """What a function says of each mutant, in order, on `jobs` processes (default: processors).

    `here` is called in this process where one is enough, `elsewhere` in others, with the name.
    """
    found: dict[str, T] = {}
    jobs = min(jobs or os.cpu_count() or 1, -(-len(chosen) // _AT_ONCE))
    if jobs <= 1:
        for mutant in chosen:
            found[mutant.name] = here(mutant)
            step(mutant.name, 1)
    else:
        spawn = get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=_bounded) as pool:
            waiting = {pool.submit(elsewhere, mutant.name): mutant.name for mutant in chosen}
            for done in as_completed(waiting):
                found[waiting[done]] = done.result()
                step(waiting[done], 1)
    return [found[mutant.name] for mutant in chosen]


def _bounded() -> None:
    """A mutant that takes all memory gets an error for it, and the machine goes on."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, most))


def _examined(root: Path, terms: Terms, name: str) -> Kills:
    return _examiner(root, terms).kills(named(name))


@cache
def _examiner(root: Path, terms: Terms) -> Examiner:
    """One a worker process, which plans the cases once."""
    return Examiner(read_suite(root), terms)
