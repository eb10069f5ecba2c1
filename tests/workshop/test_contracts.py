"""The contracts about imports: each is kept, and each is broken by an import that it is about."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from grimp import ImportGraph

from tools.contracts import cycles

ROOT = Path(__file__).resolve().parents[2]
LINT = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]


def graph(*imports: tuple[str, str]) -> ImportGraph:
    made = ImportGraph()
    for importer, imported in imports:
        made.add_module(importer)
        made.add_module(imported)
        made.add_import(importer=importer, imported=imported)
    return made


def test_a_cycle_is_found_and_what_only_leads_to_it_is_not():
    made = graph(("a.x", "a.y"), ("a.y", "a.z"), ("a.z", "a.y"), ("a.z", "a.w"), ("b.p", "b.q"))
    assert list(cycles(made, ("a", "b"))) == [["a.y", "a.z"]]
    assert list(cycles(made, ("b",))) == []


def test_two_cycles_are_two():
    made = graph(("a.x", "a.y"), ("a.y", "a.x"), ("a.y", "a.p"), ("a.p", "a.q"), ("a.q", "a.p"))
    assert sorted(cycles(made, ("a",))) == [["a.p", "a.q"], ["a.x", "a.y"]]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name in ("conformance", "reference_impl", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def broken(folder: Path) -> list[str]:
    done = subprocess.run(LINT, cwd=folder, capture_output=True, text=True, check=False)
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    found = [line.partition(" BROKEN")[0] for line in done.stdout.splitlines() if " BROKEN" in line]
    assert bool(done.returncode) == bool(found)
    return found


@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("conformance/values.py", "", ""),
        ("conformance/cli/lint.py", "conformance.cli.lint_too", "No module imports itself"),
        ("conformance/engine/plan.py", "conformance.reporting.badge", "The engine knows no"),
        ("conformance/engine/literals.py", "conformance.engine.execute", "From the doors"),
        ("conformance/engine/judge.py", "conformance.kinds.slots", "The engine knows no kind"),
        ("conformance/transport/lines.py", "conformance.engine.case", "The way to a backend"),
        ("conformance/reporting/words.py", "mlx.core", "The suite computes with mlx"),
        ("reference_impl/traps.py", "conformance.values", "The reference stands alone"),
        ("conformance/values.py", "tools.pages", "The wheel needs nothing"),
    ],
)
def test_each_contract_can_be_broken(copy, module, imported, contract):
    path = copy / module
    before = path.read_text()
    (copy / "conformance/cli/lint_too.py").write_text("import conformance.cli.lint\n")
    (copy / "conformance/reporting/badge.py").write_text("")
    later = f"import {imported}" if imported else "pass"
    path.write_text(f"{before}\n\ndef later():\n    {later}\n")
    try:
        found = broken(copy)
    finally:
        path.write_text(before)
    assert any(name.startswith(contract) for name in found) if contract else not found
