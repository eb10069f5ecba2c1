"""The tool that has the suite judge the reference with other versions of what it depends on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.fixtures.dialects import read_dialects
from tools import versions


def test_the_setups_follow_what_the_project_says_it_needs():
    setups = {setup.name: setup for setup in versions.setups()}
    assert {f"mlx-{version}" for version in versions.MLX} < setups.keys()
    assert {setup.python for setup in setups.values()} == {"", "3.10", "3.13"}
    bounds = dict(versions.bounds())
    assert {"pytest", "hypothesis", "msgspec"} < bounds.keys()
    mlx = next(name for name in bounds if name.startswith("mlx"))
    assert f"{mlx}=={versions.MLX[0]}" in setups["lowest"].requirements, "the lowest is tried"
    assert f"pytest=={bounds['pytest']}" in setups["lowest"].requirements
    assert {"pytest", f"{mlx}==0.31.2"} < {*setups["mlx-0.31.2"].requirements}
    assert setups["mlx-lm-0.31.3-mlx-0.31.2"].dialects() == ["mlx-lm-0.31"]
    assert setups["lowest"].dialects() == list(read_dialects())


def test_a_release_is_judged_by_the_suite_that_runs_the_tool(monkeypatch):
    asked = []
    monkeypatch.setattr(
        versions.subprocess, "run",
        lambda command, **_: asked.append(command)
        or subprocess.CompletedProcess(command, 0, "all\n", ""),
    )  # fmt: skip
    assert versions.judged("/there/python", "mlx-lm-0.31", release=True) == (True, "all")
    (command,) = asked
    assert command[0] == sys.executable
    backend = command[command.index("--backend") + 1]
    assert backend.startswith("cmd:/there/python ")
    assert backend.endswith("--distribution mlx-lm")


@pytest.mark.parametrize(("code", "red"), [(0, 0), (1, 1)])
def test_one_red_run_makes_all_red(tmp_path, monkeypatch, capsys, code, red):
    commands = []

    def run(command, **_):
        commands.append(command)
        failed = code if command[-1] == "mlx-lm-0.31" or "mlx-lm-0.31" in command else 0
        return subprocess.CompletedProcess(command, failed, "a line\nthe last line\n", "")

    monkeypatch.setattr(versions.subprocess, "run", run)
    (tmp_path / "lowest").mkdir()
    monkeypatch.setattr(versions, "interpreter", lambda version: sys.executable)
    assert versions.main(["lowest", "--environments", str(tmp_path)]) == red
    made = [command for command in commands if "conformance" in command]
    assert [command[command.index("--dialect") + 1] for command in made] == list(read_dialects())
    said = capsys.readouterr().out.splitlines()
    assert said.count("lowest: green: the last line") == len(made) - red
    assert versions.main(["lowest", "--environments", str(tmp_path)]) == red
    assert sum("install" in command for command in commands) == 1, "an environment is kept"


def test_what_this_machine_lacks_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(versions, "interpreter", lambda version: None)
    assert versions.main(["python-3.13", "--environments", str(tmp_path)]) == 0
    assert "NOT RUN: python-3.13, as this machine has no Python 3.13" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        versions.main(["mlx-0.1"])
