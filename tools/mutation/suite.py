"""What judges a mutant of the reference: cases and quick laws, and nothing of `tests/`.

The name keeps pytest from collecting it with the project's own tests. Cases run in this process, in
groups that are small enough that a mutated function meets only the cases that reach it.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from conformance.engine import literals
from conformance.engine.case import LARGE, Case
from conformance.engine.execute import execute
from conformance.engine.judge import judge
from conformance.engine.plan import applicability, plan
from conformance.engine.suite import Suite
from conformance.fixtures.read import read_suite
from conformance.kinds import KINDS
from conformance.properties.breaches import try_law
from conformance.properties.comparison import Comparison
from conformance.properties.kind_properties import laws_of
from conformance.transport import connect
from conformance.transport.restarting import RestartingBackend

GROUP = 12
TRIALS = 10  # of each law
# In suite_files.py the readings of these cases are compared exactly, with no better ones taken.
EXACT = ("file.read.", "file.hostile.")
# Cases with longer texts are about time and memory; here each of their characters costs a detour.
MAX_TEXT = 100_000
ADDRESS_SPACE = 8 << 30  # bytes; a mutant that allocates without end must not take the machine


@cache
def suite() -> Suite:
    return read_suite()


@cache
def groups() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name of a group -> its dialect and cases: a dozen of a chapter, but large ones alone."""
    found = {}
    for file in suite().chapters:
        cases = [case for case in file.chapter.cases
                 if longest_text(case) <= MAX_TEXT and not case.id.startswith(EXACT)]  # fmt: skip
        small = [case.id for case in cases if LARGE not in case.tags]
        parts = [small[start : start + GROUP] for start in range(0, len(small), GROUP)]
        parts += [[case.id] for case in cases if LARGE in case.tags]
        for part in parts:
            for dialect in suite().dialects:
                if applicable := [case for case in part if applies(case, dialect)]:
                    mark = "" if part[0] in small else f"{LARGE}-"
                    found[f"{mark}{file.name}-{part[0]}-{dialect}"] = dialect, tuple(applicable)
    return found


def longest_text(case: Case) -> int:
    texts = [text for step in case.steps for text in _texts(getattr(step, "meta_state", ()))]
    return max((sum(map(len, literals.texts([text]))) for text in texts), default=0)


def _texts(value: Any) -> Iterator[Any]:
    """The texts of metadata, which a list of caches nests."""
    for each in value:
        if isinstance(each, list):
            yield from _texts(each)
        else:
            yield each


def applies(case: str, dialect: str) -> bool:
    return applicability(suite().cases[case], suite().dialect(dialect)) is None


@cache
def session(dialect: str) -> RestartingBackend:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, resource.RLIM_INFINITY))
    return RestartingBackend(lambda: connect("reference", dialect))


@pytest.mark.parametrize("group", groups())
def test_cases(group: str) -> None:
    dialect, cases = groups()[group]
    rules = suite().dialect(dialect)
    for case in map(suite().cases.__getitem__, cases):
        bound = plan(case, rules, suite().tensors_of(case))
        verdict = judge(bound, execute(bound, session(dialect)))
        assert not verdict.status.failed, f"{case.id}: {verdict.mismatches or verdict.detail}"


@pytest.mark.parametrize("dialect", suite().dialects)
@pytest.mark.parametrize("name", laws_of(KINDS))
def test_law(name: str, dialect: str) -> None:
    rules = suite().dialect(dialect)
    kind, law = laws_of(KINDS)[name]
    comparison = Comparison(connect("reference", dialect), session(dialect), rules, KINDS)
    if law.not_applicable(kind, rules, comparison.operations) is None:
        breach, _ = try_law(law, comparison, kind, number=1, count=TRIALS)
        assert breach is None, breach.why
