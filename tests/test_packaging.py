"""The wheel alone, in an empty directory of a fresh environment, is the whole suite."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_fixtures_schemas_and_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("conformance/_fixtures/dialects.yaml", "conformance/_fixtures/chapters/masks.yaml",
                 "conformance/schemas/protocol.schema.json", "conformance/pytest.ini",
                 "conformance/py.typed", "reference_impl/py.typed"):  # fmt: skip
        assert name in names
    assert not any(name.startswith(("tests/", "fixtures/", ".ci/")) for name in names)


def test_an_installed_wheel_runs_in_an_empty_directory(wheel, tmp_path):
    environment, empty = tmp_path / "env", tmp_path / "empty"
    empty.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, str(wheel)], check=True)
    done = subprocess.run(
        [str(python), "-m", "pytest", "--pyargs", "conformance", "-q", "-k", "mask"],
        cwd=empty, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout.splitlines()[-1]
    assert "reference 0.1.0 as mlxrs-0.1" in done.stdout.splitlines()[-1]
