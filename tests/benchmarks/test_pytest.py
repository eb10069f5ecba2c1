"""Benchmarks through pytest: only when asked for, and with all that pytest-benchmark can do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

INI = Path(__file__).resolve().parent.parent.parent / "conformance" / "pytest.ini"


def run(tmp_path, *options):
    # a worker's variables would make pytest-benchmark think that the run is distributed
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(INI), "--pyargs", "conformance", *options],
        cwd=tmp_path, capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_an_ordinary_run_knows_nothing_of_benchmarks(tmp_path):
    code, said = run(tmp_path, "--collect-only", "-q")
    assert code == 1  # nothing was executed
    assert "test_cases.py::test_case[" in said
    assert "enchmark" not in said


def test_with_benchmark_only_there_is_nothing_else(tmp_path):
    code, said = run(tmp_path, "--benchmark-only", "--collect-only", "-q")
    assert code == 0
    assert "test_operation[merge-qwen3-next-b128]" in said
    assert "test_transport[one-call]" in said
    assert "test_case[" not in said


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    code, said = run(
        folder, "--benchmark-only", "--dialect", "mlx-lm-0.32", "-k", "lfm2-b8 or one-call",
        "--benchmark-max-time", "0.01", "--benchmark-autosave", "--benchmark-json", "out.json",
    )  # fmt: skip
    assert code == 0, said
    return folder, said


def test_groups_are_operations_and_the_transport(measured):
    _, said = measured
    for group in ("copy", "extend", "extract", "filter", "merge", "transport"):
        assert f"benchmark '{group}'" in said
    assert "skipped" not in said.splitlines()[-1]


def test_the_json_is_that_of_pytest_benchmark(measured):
    folder, _ = measured
    rows = json.loads((folder / "out.json").read_text())["benchmarks"]
    merge = next(row for row in rows if row["param"] == "merge-lfm2-b8")
    assert merge["group"] == "merge"
    assert merge["params"] == {"operation": "merge-lfm2-b8"}
    assert merge["extra_info"]["size"] == 8 * 8192
    assert merge["extra_info"]["peak_bytes"] >= 8 * 8192
    assert merge["stats"]["rounds"] >= 5
    assert 0 < merge["stats"]["min"] <= merge["stats"]["median"]


def test_a_later_run_is_compared_with_an_earlier_one(measured):
    folder, _ = measured
    code, said = run(
        folder, "--benchmark-only", "--dialect", "mlx-lm-0.32", "-k", "extract-lfm2-b8",
        "--backend", "py:tests.support.slow:Slow", "--benchmark-max-time", "0.01",
        "--benchmark-compare", "--benchmark-compare-fail", "median:500%",
        "-o", f"pythonpath={INI.parent.parent}",
    )  # fmt: skip
    assert "(0001_" in said
    assert code != 0, said
    assert "has regressed" in said


def test_a_refused_operation_fails_and_an_undeclared_one_is_skipped(tmp_path):
    options = ("--benchmark-only", "--benchmark-max-time", "0.01", "-rfs",
               "-k", "merge-lfm2-b1] or meta_state-1-slots", "--dialect", "mlx-lm-0.32",
               "--backend", "py:tests.support.slow:Refuses",
               "-o", f"pythonpath={INI.parent.parent}")  # fmt: skip
    code, said = run(tmp_path, *options)
    assert code == 1
    assert "refuses it: ValueError: not today" in said
    assert "declares no meta_state" in said
    assert "1 failed, 2 skipped" in said.splitlines()[-1], said
