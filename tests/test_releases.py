"""The main job on real input: real releases judged by their own dialect, and by another one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import pytest

from conformance.engine.plan import applicability
from conformance.engine.runner import Run, Target
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.reporting import words
from conformance.reporting.divergence import divergences
from conformance.reporting.text import last_line as line_of
from conformance.transport import connect, released
from conformance.transport.backend import BackendUnusable

OWN = [("pypi:mlx-lm==0.31.3", "mlx-lm-0.31"), ("pypi:mlx-lm==0.32.2", "mlx-lm-0.32")]
BY_COMMAND = [sys.executable, "-m", "conformance", "run", "--quiet"]
BY_PYTEST = [
    sys.executable,
    "-m",
    "pytest",
    "--pyargs",
    "conformance",
    "-q",
    "-p",
    "no:cacheprovider",
]


def last_line(command: list[str], backend: str, dialect: str, code: int) -> str:
    done = subprocess.run(
        [*command, "--backend", backend, "--dialect", dialect],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout[-4000:] + done.stderr
    return done.stdout.splitlines()[-1].rsplit(" in ", 1)[0]


@pytest.mark.parametrize(("backend", "dialect"), OWN)
def test_a_release_passes_in_its_own_dialect(backend, dialect):
    suite = load_suite()
    applying = sum(applicability(c, suite.dialects[dialect]) is None for c in suite.cases.values())
    expected = f"{applying} passed, 0 failed, {len(suite.cases) - applying} not applicable"
    with_properties = [*BY_COMMAND, "--properties", "quick"]
    line = last_line(with_properties, backend, dialect, code=0)
    assert line.startswith(expected), "every case that applies is executed, and passes"
    if (backend, dialect) == OWN[0]:
        assert last_line(BY_PYTEST, backend, dialect, code=0) == line


def test_a_release_judged_by_another_dialect_fails_on_the_documented_divergences():
    suite = load_suite()
    old, new = suite.dialects["mlx-lm-0.31"], suite.dialects["mlx-lm-0.32"]
    cases = suite.cases.values()
    differing = {row.case.id for row in divergences(suite, old, new)}
    only_old = {c.id for c in cases if not applicability(c, old) and applicability(c, new)}
    run = Run(suite, "pypi:mlx-lm==0.32.2", old.id)
    try:
        verdicts = [run.verdict(case) for case in cases]
    finally:
        run.close()
    failed = {v.case for v in verdicts if v.status is Status.FAIL}
    better = {v.case for v in verdicts if v.status is Status.PASS and v.choices}
    declared = {v.case for v in verdicts if v.declared_gap}
    assert failed <= differing | only_old, "a divergence that is not documented"
    # Where other kinds differ, some cases of the old dialect take the new answer as well.
    older = {c.id for c in cases if not any(step.operation.prefix for step in c.steps)}
    seen = failed | (better & differing) | declared
    assert (differing | only_old) & older == seen & older, "documented, not seen"
    assert not [v for v in verdicts if v.status.failed and v.status is not Status.FAIL]
    gaps = {words.detail(v) for v in verdicts if v.declared_gap}
    assert {gap for gap in gaps if "." not in gap} == {
        "the backend declares no meta_state",
        "the backend declares no set_meta_state",
    }
    assert all(re.search(r"\.(set_)?meta_state$", gap) for gap in gaps if "." in gap), gaps
    line = last_line(BY_COMMAND, "pypi:mlx-lm==0.32.2", old.id, code=1)
    assert f" {len(failed)} failed " in line


def test_mlx_vlm_fails_only_on_what_its_baseline_explains():
    backend, baseline = "pypi:mlx-vlm==0.7.10", "fixtures/baselines/mlx-vlm-0.7.10.yaml"
    line = last_line([*BY_COMMAND, "--baseline", baseline], backend, "mlx-lm-0.31", code=0)
    assert " 0 failed, " in line
    assert " known failures, " in line


@pytest.mark.parametrize(("fails", "asked"), [(0, 1), (1, 2), (2, 2)])
def test_an_environment_has_the_mlx_that_the_fixtures_were_made_with(
    tmp_path, monkeypatch, fails, asked
):
    installed = []

    def run(command, **_):
        if "venv" in command:
            Path(command[-1]).mkdir()
        if "install" in command:
            installed.append(command[-2:])
        failed = "install" in command and len(installed) <= fails
        return subprocess.CompletedProcess(command, int(failed), "", "ERROR: no such version")

    monkeypatch.setattr(released.subprocess, "run", run)
    monkeypatch.setattr(released, "cache_folder", lambda: tmp_path)
    if fails == 2:
        with pytest.raises(BackendUnusable, match="cannot be installed: ERROR: no such version"):
            released.environment(released.parse("mlx-lm==0.31.3"))
    else:
        released.environment(released.parse("mlx-lm==0.31.3"))
    mlx = "mlx[cpu]" if sys.platform == "linux" else "mlx"
    wanted = [["mlx-lm==0.31.3", f"{mlx}=={released.MLX}"], ["mlx-lm==0.31.3", mlx]]
    assert installed == wanted[:asked], "one that cannot be had is replaced by what there is"
    made = [dialect.ran_on for dialect in load_suite().dialects.values()
            if dialect.backend.startswith("pypi:")]  # fmt: skip
    assert made
    assert all(words_.endswith(f"mlx {released.MLX}") for words_ in made)


def test_a_run_names_the_mlx_that_it_was_on():
    with connect("reference", "mlx-lm-0.31") as backend:
        who = backend.handshake.implementation
    assert who.mlx == mx.__version__
    line = line_of([], who, Target("reference", "mlx-lm-0.31"), None)
    assert line.endswith(f": reference {who.version} on mlx {mx.__version__} as mlx-lm-0.31")
