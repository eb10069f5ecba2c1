"""Whole runs whose backend is killed at random moments, again and again.

One run in CI; `make nightly` has fifty (KILLED_RUNS=50).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil
import pytest

from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.reporting import json_report
from conformance.transport.family import MARK

SUPPORT = Path(__file__).parent / "support"
RUNS = int(os.environ.get("KILLED_RUNS", "1"))


def carrying(mark: str) -> list[psutil.Process]:
    """The live processes that descend from what was started with this mark."""
    found = []
    for one in psutil.process_iter():
        try:
            if mark in one.environ().get(MARK, "") and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("seed", range(RUNS))
def test_exactly_the_interrupted_cases_say_crash(tmp_path, seed):
    mark, written, report = uuid.uuid4().hex, tmp_path / "kills", tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "conformance", "run", "--isolate", "--quiet", "--report", report,
         "--", "-p", "killer"],
        capture_output=True, text=True, timeout=600, check=False,
        env={**os.environ, "PYTHONPATH": str(SUPPORT), "KILLER": f"{seed}:{written}", MARK: mark},
    )  # fmt: skip
    assert not carrying(mark), "processes are left"
    whole = json_report.read(report)
    cases = list(load_suite().cases)
    assert [verdict.case for verdict in whole.verdicts] == cases, "the report is complete"

    crashed = {v.case for v in whole.verdicts if v.status is Status.CRASH}
    executed = [v.case for v in whole.verdicts if v.status is not Status.NOT_APPLICABLE]
    assert {v.status for v in whole.verdicts} <= {
        Status.PASS, Status.CRASH, Status.NOT_APPLICABLE
    }, done.stdout  # fmt: skip
    assert all(v.detail.startswith("SIGKILL") for v in whole.verdicts if v.case in crashed)
    explained = set()
    kills = json.loads(written.read_text())
    for kill in kills:
        # A kill hits the case that runs or, when that has had its answers, the next that is run.
        first, last = cases.index(kill["from"]), cases.index(kill["to"])
        after = next((cases.index(c) for c in executed if cases.index(c) > last), len(cases))
        hit = crashed & set(cases[first : after + 1])
        assert hit or after == len(cases), f"{kill} left no trace"
        explained |= hit
    assert crashed == explained, "crashes that nobody caused"
    assert crashed
    assert len(crashed) <= len(kills)
    assert done.returncode == 1
    print(f"{len(kills)} kills, {len(crashed)} crashes, {len(executed)} cases executed")


def test_a_run_that_is_told_to_end_leaves_no_backend_behind(tmp_path):
    mark = uuid.uuid4().hex
    adapter = f"cmd:{sys.executable} -I -S {SUPPORT / 'unruly.py'} silent {tmp_path}"
    with subprocess.Popen(
        [sys.executable, "-m", "conformance", "run", "--backend", adapter,
         "--case", "ident.size.*"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, MARK: mark},
    ) as running:  # fmt: skip
        deadline = time.monotonic() + 60
        while not any("silent" in p.cmdline() for p in carrying(mark)):
            assert time.monotonic() < deadline, "the backend was never started"
            time.sleep(0.05)
        time.sleep(0.5)
        running.send_signal(signal.SIGTERM)
        said, _ = running.communicate(timeout=60)
    assert running.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt: ended by SIGTERM" in said
    assert not carrying(mark)
