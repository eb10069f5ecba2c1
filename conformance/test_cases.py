"""Every case of the fixtures as one test. Run with `pytest --pyargs conformance`."""

from __future__ import annotations

import pytest

from conformance.engine import transfer
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.plugin import ABOUT, VERDICT, about, state_of
from conformance.reporting import text as report
from conformance.reporting import words


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("case", state_of(metafunc.config).selected())


@pytest.fixture(scope="session")
def run(request: pytest.FixtureRequest) -> Run:
    """The live backend of this process, with the dialect that judges it."""
    return state_of(request.config).run()


def test_case(case: str, run: Run, request: pytest.FixtureRequest) -> None:
    verdict = run.verdict(run.suite.cases[case])
    # `record_property` would do the same, with a warning for each case where pytest writes XML.
    request.node.user_properties += [(VERDICT, transfer.dumped(verdict)), (ABOUT, about(run))]
    if verdict.status is Status.NOT_APPLICABLE:
        pytest.skip(f"not applicable: {words.detail(verdict)}")
    if verdict.known:
        pytest.xfail(f"known: {verdict.known}")
    if verdict.status.failed:
        pytest.fail(report.failure(verdict, run.suite, run.target), pytrace=False)
