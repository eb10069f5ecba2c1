"""A case of the fixtures as an item of pytest, which has no fixtures of pytest's to set up.

Thousands of them are collected and run, and a parametrized function costs as much as judging does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.engine import transfer
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.reporting import text as report
from conformance.reporting import words

VERDICT = "mlx-cache-conformance verdict"
ABOUT = "mlx-cache-conformance about"


class CaseItem(pytest.Item):
    """One case; `run` gives the live run of this process when it is carried out."""

    def __init__(self, *, case: str, run: Callable[[], Run], **given: Any) -> None:
        super().__init__(**given)
        self._case = case
        self._run = run

    def runtest(self) -> None:
        run = self._run()
        verdict = run.verdict(run.suite.cases[self._case])
        # Where a test has `record_property`, which warns once a case where pytest writes XML.
        self.user_properties += [(VERDICT, transfer.dumped(verdict)), (ABOUT, about(run))]
        if verdict.status is Status.NOT_APPLICABLE:
            pytest.skip(f"not applicable: {words.detail(verdict)}")
        if verdict.known:
            pytest.xfail(f"known: {verdict.known}")
        if verdict.status.failed:
            pytest.fail(report.failure(verdict, run.suite, run.target), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it stands: in a module, at no line, as looking for one takes long."""
        return self.path, None, self.name


def carry_out(item: pytest.Item) -> None:
    """Run an item that has nothing to set up and nothing to tear down, in one phase of pytest's
    three: their hooks and reports take longer than a case.
    """
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    call = pytest.CallInfo.from_call(
        lambda: hook.pytest_runtest_call(item=item),
        when="call",
        reraise=(KeyboardInterrupt, pytest.exit.Exception),
    )
    hook.pytest_runtest_logreport(report=hook.pytest_runtest_makereport(item=item, call=call))
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def about(run: Run) -> str:
    """Who is judged, as each test records it."""
    said = {
        "backend": run.target.backend,
        "dialect": run.target.dialect,
        "implementation": run.handshake.implementation,
        "terms": run.target.terms,
    }
    return msgspec.json.encode(said).decode()
