"""What a failure says: all that a port's author needs, and a command that shows it again."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from support.folder import CHAPTER, edited, write

from conformance import invocation
from conformance.engine import runner
from conformance.engine.case import Budget
from conformance.engine.runner import Run, Terms
from conformance.engine.verdict import Status
from conformance.fixtures.load import load_suite
from conformance.reporting import words
from conformance.reporting.text import failure

ROOT = Path(__file__).parent.parent
SUPPORT = Path(__file__).parent / "support"
SUITE = load_suite()
MASK, READ = "mask.none.is-null", "index.get.one-past-the-end"


def unruly(behaviour: str, folder: Path) -> str:
    return "cmd:" + shlex.join([sys.executable, "-I", "-S", str(SUPPORT / "unruly.py"), behaviour,
                                str(folder)])  # fmt: skip


def told(backend: str, case: str, dialect: str = "mlx-lm-0.31", suite=SUITE, **terms) -> str:
    run = Run(suite, backend, dialect, Terms(**terms))
    try:
        verdict = run.verdict(suite.cases[case])
        assert verdict.red
        return failure(verdict, suite, run.target)
    finally:
        run.close()


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command], cwd=cwd, capture_output=True, text=True,
                          check=False, env={**os.environ, "COLUMNS": "500"})  # fmt: skip


# --------------------------------------------------------------------------- reproducing


def reproduced(text: str, cwd: Path) -> None:
    """The command of a failure shows the same failure, word for word."""
    (command,) = re.findall(r"^  reproduce: (.*)$", text, re.MULTILINE)
    done = shell(command, cwd)
    assert done.returncode == 1, done.stdout + done.stderr
    for line in text.splitlines():
        assert line in done.stdout
    assert "1 failed" in done.stdout.splitlines()[-1]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a space and a quote in its name, and a port of one's own in it."""
    folder = tmp_path / "my port's"
    folder.mkdir()
    (folder / "mine.py").write_text((SUPPORT / "tiny.py").read_text())
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


def test_the_command_shows_a_class_of_one_s_own_again(here):
    case = next(iter(c for c in SUITE.cases if c.startswith("construct.")))
    text = told("py:mine:Wrong", case)
    assert "at slot_count" in text
    reproduced(text, here)


def test_the_command_keeps_quotes_and_spaces(here):
    reproduced(told(unruly("swallows", here), READ), here)


def test_the_command_repeats_the_terms(here):
    baseline = here / "known failures.yaml"
    entry = f"{{case: {MASK}, verdict: fail, signature: make_mask, reason: b, date: c}}"
    baseline.write_text(f"backend: reference\ndialect: mlx-lm-0.31\nknown-failing:\n- {entry}\n")
    text = told("reference", MASK, baseline=baseline, isolate=True)
    assert "--isolate --baseline" in text
    reproduced(text, here)
    text = told(unruly("healthy", here), MASK, require=True)
    assert "and all are required" in text
    reproduced(text, here)


def test_the_command_names_one_s_own_fixtures(here):
    wrong = edited(CHAPTER, ("expect: {value: null}", "expect: {value: 5}"))
    suite = load_suite(write(here / "own fixtures", wrong))
    reproduced(told("reference", "mask.none", suite=suite), here)


def test_the_name_of_the_program_is_one_that_the_shell_finds(tmp_path, monkeypatch):
    script = Path(sys.executable).absolute().with_name(invocation.NAME)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(script.parent))
    assert invocation.command("run", "--case", "a b") == "mlx-cache-conformance run --case 'a b'"
    other = tmp_path / invocation.NAME
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert invocation.command("run") == f"{script} run", "another installation's name is no use"
    monkeypatch.chdir(script.parent.parent)
    assert invocation.command("run") == f"{script.parent.name}/{script.name} run"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    (tmp_path / invocation.NAME).unlink()
    assert invocation.command("lint") == f"{tmp_path / 'python'} -m conformance lint"


# --------------------------------------------------------------------------- the text

RULE = re.compile(r"  [A-Z]+-\d{3} \((MUST|SHOULD|MAY)\): .+\.\n    source: .+")


@pytest.mark.parametrize(
    ("behaviour", "case", "parts"),
    [
        ("swallows", READ,
         ['step 1: get(cache="c", slot=2)', "    expected: refused with IndexError",
          "    got:      null"]),
        ("dies-refusing", READ,
         [f'{READ}: crash (SIGABRT in step 1: get(cache="c", slot=2))',
          "    expected: refused with IndexError", "no answer of the port: SIGABRT"]),
        ("no-kind", READ,
         ["protocol-error (get: error 1 without data.kind: no such slot in step 1: get",
          "  the adapter must be fixed, not the port; ask: "]),
        ("logs", READ, ["invalid character (byte 1); got: [info] reset)", "doctor --backend"]),
        ("dies", READ, [f"{READ}: crash (exit code 3)", "  | out of cheese"]),
    ],
)  # fmt: skip
def test_a_failure_says_rule_source_both_sides_and_command(tmp_path, behaviour, case, parts):
    text = told(unruly(behaviour, tmp_path), case)
    assert text.startswith(f"{case}: ")
    assert RULE.search(text)
    assert f"  why: {SUITE.cases[case].why}" in text
    assert "  reproduce: " in text
    for part in parts:
        assert part in text, text
    assert len(text.splitlines()) <= 24, "it fits on one screen"


def test_what_an_adapter_lacks_in_sense_is_explained_by_the_doctor(tmp_path):
    text = told(unruly("no-kind", tmp_path), READ)
    (command,) = re.findall(r"ask: (.*)$", text, re.MULTILINE)
    done = shell(command, ROOT)
    assert done.returncode == 1
    assert "FIX      refusals: " in done.stdout


def test_what_goes_wrong_in_the_suite_is_a_verdict_and_says_so(monkeypatch):
    run = Run(SUITE, "reference", "mlx-lm-0.31")
    monkeypatch.setattr(runner, "judge", lambda *_: 1 / 0)
    verdict = run.verdict(SUITE.cases[MASK])
    text = failure(verdict, SUITE, run.target)
    assert verdict.status is Status.SUITE_BUG
    assert text.startswith(f"{MASK}: suite-bug (ZeroDivisionError: division by zero)")
    assert "please report this" in text


# --------------------------------------------------------------------------- time, in process


@pytest.mark.parametrize("name", ["Endless", "Stubborn"])
def test_a_loop_in_process_is_a_hang(monkeypatch, name):
    monkeypatch.syspath_prepend(SUPPORT)
    started = time.monotonic()
    run = Run(SUITE, f"py:tiny:{name}", "mlx-lm-0.31")
    case = next(c for c in SUITE.cases.values() if c.id.startswith("batch-size."))
    verdict = run.verdict(replace(case, budget=Budget(seconds=0.3)))
    assert (verdict.status, time.monotonic() - started < 60) == (Status.HANG, True)
    assert "the case grants 0.3 s" in words.detail(verdict)
    run.close()
