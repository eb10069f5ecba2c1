"""`make mutation` tells a change that matters from one that does not."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tools.mutation import report

ROOT = Path(__file__).resolve().parents[2]
MODULE = Path("reference_impl/slots/rules/refusals.py")
ZERO = "    return 0\n"


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with one function that holds both, after mutmut tried its changes."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("conformance", "fixtures", "reference_impl", "tools"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    source = (copy / MODULE).read_text()
    assert source.count(ZERO) == 1
    (copy / MODULE).write_text(source.replace(ZERO, "    unused = 7\n" + ZERO))
    settings = (ROOT / "pyproject.toml").read_text()
    head = "[tool.mutmut]\n"
    assert settings.count(head) == 1
    settings = settings.replace(head, f'{head}only_mutate = ["{MODULE}"]\n')
    (copy / "pyproject.toml").write_text(settings)
    return copy


def run(tried: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.run(
        [sys.executable, *command, "reference_impl.slots.rules.refusals.x_always_zero*"],
        cwd=tried, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_change_that_matters_is_noticed_and_another_is_reported(tried):
    trying = run(tried, "-m", "tools.mutation.one_process", "--tests", "[identity-")
    assert trying.returncode == 0, trying.stdout + trying.stderr
    report = run(tried, "-m", "tools.mutation.report")
    assert report.returncode == 1, report.stdout + report.stderr
    assert "+ unused = 8" in report.stdout
    assert "+ return 1" not in report.stdout
    assert report.stdout.splitlines()[-1].startswith("1 of 3 killed")


def functions() -> Iterator[tuple[str, list[str]]]:
    """module.Class.name of each function of the reference, with its lines."""
    for path in (ROOT / "reference_impl").rglob("*.py"):
        text = path.read_text()
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        for owner in ast.walk(ast.parse(text)):
            if not isinstance(owner, ast.ClassDef | ast.Module):
                continue
            prefix = f"{module}.{owner.name}" if isinstance(owner, ast.ClassDef) else module
            for node in owner.body:
                if isinstance(node, ast.FunctionDef):
                    segment = ast.get_source_segment(text, node) or ""
                    yield f"{prefix}.{node.name}", segment.splitlines()


def test_every_explanation_is_about_code_that_is_there():
    known = list(functions())
    for entry in report.explanations():
        found = [lines for name, lines in known if fnmatchcase(name, entry.function)]
        assert found, f"no function is called {entry.function}"
        lines = [line.strip() for each in found for line in each]
        assert any(report.like(line, entry.before) for line in lines), (
            entry.function,
            entry.before,
        )
