"""`python -m tools.kind_table`: kinds by dialect, with requirements, cases and wrong caches."""

from __future__ import annotations

import sys
from collections import defaultdict

from conformance.engine.dialect import Dialect
from conformance.engine.plan import applicability, plan
from conformance.engine.suite import Suite
from conformance.fixtures.load import load_suite
from tools.mutants import mutants


def kinds_of_cases(suite: Suite, dialect: Dialect) -> dict[str, set[str]]:
    """Kind -> its cases that apply in a dialect; one with caches of two kinds is of both."""
    found: dict[str, set[str]] = defaultdict(set)
    for case in suite.cases.values():
        if applicability(case, dialect) is not None:
            continue
        bound = plan(case, dialect, suite.tensors_of(case))
        for kind in ["files"] if bound.files else bound.kinds:
            found[kind].add(case.id)
    return found


def table(suite: Suite) -> str:
    """In Markdown: a row a kind, its cases in each dialect, and what is wrong with its mutants."""
    by_dialect = {name: kinds_of_cases(suite, each) for name, each in suite.dialects.items()}
    wrong: dict[str, int] = defaultdict(int)
    for mutant in mutants().values():
        wrong["files" if mutant.files is not None else mutant.kind] += 1
    head = ["kind", "requirements", "MUST", *by_dialect, "wrong caches"]
    rows = [head, ["---"] * len(head)]
    for kind in sorted({kind for found in by_dialect.values() for kind in found}):
        cases = set().union(*(found[kind] for found in by_dialect.values()))
        cited = {name for case in cases for name in suite.cases[case].requires}
        must = sum(suite.requirements[name].level == "MUST" for name in cited)
        counts = [len(found[kind]) for found in by_dialect.values()]
        rows.append([kind, *map(str, (len(cited), must, *counts, wrong[kind]))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table(load_suite()))
