"""The cases that depend on mlx, with the lowest one: the reference, and both releases.

Everything else is the same with each mlx, which `tools.versions` shows every night.
"""

from __future__ import annotations

import sys

import msgspec
import pytest

from conformance.engine.plan import applicability, expectation
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.fixtures.userfolder import cache_folder
from tools import versions

SUITE = load_suite()
SETUPS = {setup.name: setup for setup in versions.setups()}
REFERENCE = f"mlx-{versions.MLX[0]}"


def backend(setup):
    """What runs in its environment."""
    python = versions.environment(setup, sys.executable, cache_folder() / "versions")
    if setup.dialect:
        return versions.released(python), setup.dialect
    served = "-m conformance serve --backend reference --dialect mlx-lm-0.32"
    return f"cmd:env PYTHONPATH={versions.ROOT} {python} {served}", "mlx-lm-0.32"


def depending(dialect):
    """The cases that have another outcome there with an older mlx."""
    for case in SUITE.cases.values():
        expected = [expectation(step, dialect) for step in case.steps]
        if any(each and each.mlx for each in expected) and applicability(case, dialect) is None:
            yield case


@pytest.mark.parametrize("name", [REFERENCE, *(n for n, s in SETUPS.items() if s.dialect)])
def test_what_depends_on_mlx_holds_with_the_lowest(name):
    spec, dialect = backend(SETUPS[name])
    run = Run(SUITE, spec, dialect)
    try:
        assert run.handshake.implementation.mlx == name.rpartition("mlx-")[2]
        cases = list(depending(run.dialect))
        failed = {case.id for case in cases if run.verdict(case).status is not Status.PASS}
        assert cases
        assert failed == set()
        unsaid = msgspec.structs.replace(run.handshake.implementation, mlx="")
        run.handshake = msgspec.structs.replace(run.handshake, implementation=unsaid)
        as_newest = {case.id for case in cases if run.verdict(case).status is not Status.PASS}
    finally:
        run.close()
    assert as_newest, "judged by the newest mlx it is red"
