"""What could make a failure look like a success, each from outside: none does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

SUPPORT = Path(__file__).parent / "support"
RUN = [sys.executable, "-m", "conformance", "run"]
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "conformance"]
DOORS = pytest.mark.parametrize("door", [RUN, PYTEST], ids=["run", "pytest"])
WRONG = ["--backend", "mutant:mask-inverted", "--case", "mask.left-padding.*"]
NOTHING = "no case was executed, which proves nothing: this run is a failure"
# What only a project's own files can do to a run of its own tests.
XFAIL = """
import pytest
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.xfail)
"""
RERUN = """
import pytest
from _pytest.runner import runtestprotocol
from conformance.engine import runner
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    runtestprotocol(item, nextitem=nextitem, log=False)[1]
    for report in runtestprotocol(item, nextitem=nextitem, log=False):
        if report.outcome == "failed":
            report.outcome = "rerun"
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""
GREEN = """
import pytest
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    session.exitstatus = 0
"""


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    paths = os.pathsep.join(filter(None, (str(SUPPORT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False,
                          env={**kept, "PYTHONPATH": paths, **environment})  # fmt: skip


# --------------------------------------------------------------------------- other plugins


@DOORS
@pytest.mark.parametrize("conftest", [XFAIL, RERUN, GREEN], ids=["xfail", "rerun", "green"])
def test_the_project_s_own_hooks_make_no_failure_green(tmp_path, door, conftest):
    (tmp_path / "conftest.py").write_text(conftest)
    done = run([*door, *WRONG], tmp_path)
    assert " failed" in done.stdout.splitlines()[-1], done.stdout
    assert ": 0 failed" not in done.stdout.splitlines()[-1]
    assert done.returncode == 1


def test_run_loads_no_conftest_of_the_folder_it_stands_in(tmp_path):
    (tmp_path / "conftest.py").write_text("raise SystemError('loaded')\n")
    done = run([*RUN, "--case", "mask.none.is-null"], tmp_path)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_a_plugin_that_repeats_failures_is_no_way_out_either(tmp_path):
    (tmp_path / "again.py").write_text(RERUN)
    done = run([*RUN, *WRONG, "--", "-p", "again"], tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1, done.stdout


# --------------------------------------------------------------------------- nothing executed


@DOORS
@pytest.mark.parametrize("options", [["--collect-only"], ["-k", "no-such-case"]])
def test_nothing_executed_is_red(tmp_path, door, options):
    more = ["--", *options] if door is RUN and options[0] != "-k" else options
    done = run([*door, *more], tmp_path)
    assert (done.stdout.splitlines()[-1], done.returncode) == (NOTHING, 1), done.stdout


@pytest.mark.parametrize("options", ["--collect-only", "--benchmark-only -k lfm2-b1]"])
def test_options_in_the_environment_hide_nothing(tmp_path, options):
    done = run([*PYTEST, *WRONG[:2], "-q"], tmp_path, PYTEST_ADDOPTS=options,
               MLX_CACHE_CONFORMANCE="")  # fmt: skip
    assert NOTHING in done.stdout
    assert done.returncode == 1


def test_benchmarks_are_no_verdict(tmp_path):
    options = ["--benchmark-only", "--benchmark-max-time", "0.01", "-k", "new and lfm2"]
    done = run([*RUN, "--dialect", "mlx-lm-0.32", "--", *options], tmp_path)
    assert (done.stdout.splitlines()[-1], done.returncode) == (NOTHING, 1), done.stdout


# --------------------------------------------------------------------------- a closed pipe


@pytest.mark.parametrize(
    "command",
    [
        "-m conformance run --backend mutant:mask-inverted --case 'mask.*'",
        "-m conformance run --quiet --backend mutant:mask-inverted --case 'mask.*'",
        "-m conformance doctor --backend 'cmd:true'",
        "-m tools.mutants check mask-inverted --jobs 1 --first",
    ],
)
def test_a_reader_that_goes_away_changes_no_exit_code(command):
    line = f"{sys.executable} {command} | head -c 0; echo ${{PIPESTATUS[0]}}"
    done = run(["bash", "-c", line], SUPPORT.parent.parent)
    assert (done.stdout, done.stderr) == ("0\n" if "tools.mutants" in command else "1\n", "")


# --------------------------------------------------------------------------- the process ends


@DOORS
@pytest.mark.parametrize(
    ("name", "how"),
    [("Leaving", "exit code 0"), ("LeavingFromC", "exit code 0"), ("Dying", "SIGABRT")],
)
def test_a_backend_that_ends_the_process_is_no_success(tmp_path, door, name, how):
    backend = ["--backend", f"py:tiny:{name}", "--dialect", "mlx-lm-0.31"]
    done = run([*door, *backend, "--case", "batch-size.*"], tmp_path)
    said = f"the process ended with {how} in batch-size."
    assert said in done.stdout, done.stdout + done.stderr
    assert "this run is a failure" in done.stdout
    assert done.returncode == 1


def test_a_sound_backend_in_this_process_is_judged_as_before(tmp_path):
    report = tmp_path / "report.json"
    backend = ["--backend", "py:reference_impl:ArraysCache", "--dialect", "mlxrs-0.1"]
    done = run([*RUN, *backend, "--case", "construct.size.two", "--report", str(report)], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [v["status"] for v in json.loads(report.read_text())["verdicts"]] == ["pass"]


def test_replay_is_no_success_either(tmp_path):
    wrong = ["--backend", "mutant:write-reaches-the-neighbour", "--dialect", "mlxrs-0.1"]
    law = ["--properties", "quick", "-k", "law-writing", "--found", str(tmp_path)]
    found = run([*RUN, *wrong, *law], tmp_path)
    assert found.returncode == 1, found.stdout
    (path,) = tmp_path.glob("*.jsonl")
    replay = [*RUN[:-1], "replay", str(path), "--backend"]
    assert run([*replay, "py:reference_impl:ArraysCache"], tmp_path).returncode == 0
    done = run([*replay, "py:tiny:LeavingAtOnce"], tmp_path)
    assert done.returncode == 1
    assert "the process ended with exit code 0" in done.stdout


def test_a_run_that_is_told_to_end_ends_its_child(tmp_path):
    command = [*RUN, "--backend", "py:tiny:Endless", "--dialect", "mlx-lm-0.31",
               "--case", "batch-size.*"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(SUPPORT)}) as running:  # fmt: skip
        deadline = time.monotonic() + 60
        while not (children := psutil.Process(running.pid).children()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(2)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=60)
    assert running.returncode == pytest.ExitCode.INTERRUPTED
    assert not any(child.is_running() for child in children)
