"""`python -m tools.evidence`: how many expectations of each dialect were run, and on what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from conformance.engine.dialect import Dialect
from conformance.engine.plan import applicability, expectation
from conformance.engine.suite import Suite
from conformance.fixtures.load import load_suite


def lines(suite: Suite) -> Iterator[str]:
    """A dialect each, and what of it was only read, by requirement."""
    for dialect in suite.dialects.values():
        run, read = _counted(suite, dialect)
        yield f"{dialect.id}: {run} expectations run on {dialect.ran_on or 'nothing'}"
        if dialect.backend:
            yield f"  again in every run of the tests, with {dialect.backend}"
        if read:
            said = ", ".join(f"{name} ({count})" for name, count in sorted(read.items()))
            yield f"  only read: {sum(read.values())} expectations: {said}"


def _counted(suite: Suite, dialect: Dialect) -> tuple[int, Counter[str]]:
    """Expectations that were run, and those that were read by the first requirement they test."""
    run, read = 0, Counter[str]()
    for case in suite.cases.values():
        if applicability(case, dialect) is not None:
            continue
        count = sum(expectation(step, dialect) is not None for step in case.steps)
        if suite.evidence(case, dialect) == "run":
            run += count
        else:
            read[case.requires[0]] += count
    return run, read


if __name__ == "__main__":
    print("\n".join(lines(load_suite())))
