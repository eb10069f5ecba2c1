"""The steps of action.yml as a workflow runs them, and the names that its snippet uses."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"] if "name" in step}


def workflow(folder, **given):
    """Run the steps after the installation; the last exit code, what was printed, the outputs."""
    inputs = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | given
    program = folder / "bin" / "mlx-cache-conformance"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m conformance "$@"\n')
    program.chmod(0o755)
    summary, steps, said, code = folder / "summary.md", {}, "", 0
    for name in ("Judge", "Report", "Verdict"):
        step, output = STEPS[name], folder / f"{name}.out"

        def value(found):
            kind, *rest = found[1].split(".")
            return inputs[rest[0]] if kind == "inputs" else steps[rest[0]][rest[2]]

        own = {key: re.sub(r"\$\{\{ (\S+) \}\}", value, text) for key, text in step["env"].items()}
        output.touch()
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, **own, "GITHUB_OUTPUT": str(output),
                 "GITHUB_STEP_SUMMARY": str(summary),
                 "PYTHONPATH": str(ROOT), "PATH": f"{program.parent}:{os.environ['PATH']}"},
        )  # fmt: skip
        said, code = said + done.stdout + done.stderr, done.returncode
        lines = output.read_text().splitlines()
        steps[step.get("id", name)] = dict(line.split("=", 1) for line in lines)
        if code:
            break
    return code, said, steps, summary.read_text() if summary.exists() else ""


def test_a_red_run_is_annotated_summarized_and_red(tmp_path):
    code, said, steps, summary = workflow(
        tmp_path, backend="mutant:mask-padding-only", dialect="mlx-lm-0.32",
        arguments="--case mask.both.combination --case mask.none.is-null",
    )  # fmt: skip
    assert code == 1, said
    assert steps["report"] == {"passed": "1", "failed": "1", "known": "0", "not-applicable": "0"}
    assert "::error title=mask.both.combination::1 case of MASK-004 (MUST): " in said
    assert summary.count("## ❌ mutant:mask-padding-only") == 1
    assert (tmp_path / "conformance.html").read_text().lstrip().startswith("<!doctype html>")
    assert (tmp_path / "conformance.json").exists()


def test_every_input_is_used_and_every_output_is_made():
    text = (ROOT / "action.yml").read_text()
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    assert set(ACTION["outputs"]) == {"passed", "failed", "known", "not-applicable"}
    page = (ROOT / "docs" / "porting.md").read_text()
    snippet = yaml.safe_load(re.search(r"```yaml\n(jobs:.*?)```", page, re.DOTALL)[1])
    own = [step["with"] for job in snippet["jobs"].values() for step in job["steps"]
           if "mlx-cache-conformance@" in step.get("uses", "")]  # fmt: skip
    assert own
    assert all(set(each) <= set(ACTION["inputs"]) for each in own)
    assert all("timeout-minutes" in job for job in snippet["jobs"].values())
