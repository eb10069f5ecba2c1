"""Integers up to 2^64-1: an adapter that reads them as its language likes to fails a case."""

from __future__ import annotations

import pytest

from conformance.engine.execute import execute
from conformance.engine.judge import judge
from conformance.engine.plan import applicability, plan
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.transport.in_process import InProcessBackend
from conformance.transport.python_adapters import reference
from conformance.transport.restarting import RestartingBackend

SUITE = load_suite()
GET, SET = "hostile.edge.get-uint64-max", "hostile.edge.set-uint64-max"
ADVANCE = "seq.advance.over-int32.largest-usize"


def exact(number):
    return number


def signed(number):
    """What a cast from uint64 to int64 makes of it."""
    return number - 2**64 if number >= 2**63 else number


def rounded(number):
    """What JSON.parse of JavaScript makes of it."""
    return int(float(number))


class Misreading(InProcessBackend):
    """The reference behind an adapter that reads numbers in its own way."""

    def __init__(self, dialect, read):
        super().__init__(reference(dialect))
        self.read = read

    def call(self, op, **arguments):
        read = {key: self.read(value) if type(value) is int else value
                for key, value in arguments.items()}  # fmt: skip
        return super().call(op, **read)


@pytest.mark.parametrize(
    ("dialect", "read", "failing"),
    [
        ("mlx-lm-0.31", exact, set()),
        ("mlx-lm-0.32", exact, set()),
        ("mlxrs-0.1", exact, set()),
        ("mlx-lm-0.31", signed, {GET, SET, ADVANCE}),
        ("mlx-lm-0.32", signed, {GET, SET, ADVANCE}),
        ("mlxrs-0.1", signed, {GET, ADVANCE}),
        ("mlxrs-0.1", rounded, {GET, ADVANCE}),
    ],
)
def test_a_case_fails_who_reads_them_otherwise(dialect, read, failing):
    rules = SUITE.dialect(dialect)
    found = set()
    for name in (GET, SET, ADVANCE):
        case = SUITE.cases[name]
        assert applicability(case, rules) is None
        bound = plan(case, rules, SUITE.tensors_of(case))
        session = RestartingBackend(lambda: Misreading(dialect, read))
        if judge(bound, execute(bound, session)).status is not Status.PASS:
            found.add(name)
    assert found == failing
