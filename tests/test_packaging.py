"""The wheel in a fresh environment: it is the whole suite, and touches no other pytest run."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OWN_OPTION = {
    "conftest.py": """
        import pytest
        def pytest_addoption(parser):
            parser.addoption("--backend", default="mine")
            parser.addoption("--seed", type=int, default=1)
        @pytest.fixture
        def backend(request):
            return request.config.getoption("--backend")
        """,
    "test_own.py": """
        import sys
        def test_own(backend):
            assert backend == "theirs"
            assert not [name for name in sys.modules if name.split(".")[0] == "conformance"]
        """,
}
NAMESAKE = {
    "conformance/__init__.py": "OWN = 1\n",
    "conformance/plugin.py": "",
    "tests/test_own.py": """
        import conformance
        def test_own():
            assert conformance.OWN == 1
        """,
    "pytest.ini": "[pytest]\npythonpath = .\n",
}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment with nothing but the wheel and what it needs."""
    environment = tmp_path_factory.mktemp("installed") / "env"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    programs = environment / "bin"
    pip = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--quiet", str(wheel)], check=True)
    return programs


def write(folder: Path, files: dict[str, str]) -> Path:
    from textwrap import dedent

    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return folder


def run(cwd: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "PYTHONPATH"))}
    return subprocess.run(list(map(str, command)), cwd=cwd, env=kept, capture_output=True,
                          text=True, check=False)  # fmt: skip


def ways(programs: Path) -> list[list[Path | str]]:
    return [[programs / "pytest"], [programs / "python", "-m", "pytest"]]


def test_the_wheel_holds_fixtures_schemas_and_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("conformance/_fixtures/dialects.yaml", "conformance/_fixtures/chapters/masks.yaml",
                 "conformance/schemas/protocol.schema.json", "conformance/pytest.ini",
                 "conformance/py.typed", "reference_impl/py.typed",
                 "mlx_cache_conformance_plugin.py"):  # fmt: skip
        assert name in names
    tops = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"conformance", "reference_impl", "mlx_cache_conformance_plugin.py"}


@pytest.mark.parametrize("way", [0, 1], ids=["pytest", "python -m pytest"])
def test_an_installed_wheel_runs_in_an_empty_directory(installed, tmp_path, way):
    done = run(tmp_path, *ways(installed)[way], "--pyargs", "conformance", "-q", "-k", "mask",
               "--backend", "reference")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout.splitlines()[-1]
    assert " as mlxrs-0.1" in done.stdout.splitlines()[-1]


def test_the_test_files_by_their_path(installed, tmp_path):
    code = "import conformance; print(conformance.__file__)"
    package = Path(run(tmp_path, installed / "python", "-c", code).stdout.strip()).parent
    for path in (package, package / "test_cases.py"):
        done = run(tmp_path, installed / "pytest", path, "-q", "-k", "mask.none.is", "--require")
        assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize("way", [0, 1], ids=["pytest", "python -m pytest"])
def test_another_project_s_options_are_its_own(installed, tmp_path, way):
    pytest_ = ways(installed)[way]
    write(tmp_path, OWN_OPTION)
    done = run(tmp_path, *pytest_, "-q", "--backend", "theirs")
    assert (done.returncode, done.stdout.splitlines()[-1][:8]) == (0, "1 passed"), done.stdout
    assert "conformance" not in done.stdout
    said = run(tmp_path / "..", *pytest_, "--help").stdout
    assert "--fail-under" not in said
    assert "conformance" not in said


def test_the_suite_beside_another_project_s_options(installed, tmp_path):
    write(tmp_path, OWN_OPTION)
    done = run(tmp_path, installed / "pytest", "--pyargs", "conformance", "-k", "mask.none.is-null")
    (line,) = filter(None, (done.stdout + done.stderr).splitlines())
    assert "--backend" in line
    assert "use `mlx-cache-conformance run`, or pytest with --noconftest" in line
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    own = run(tmp_path, installed / "mlx-cache-conformance", "run", "-k", "mask.none.is-null")
    assert own.returncode == 0, own.stdout + own.stderr


@pytest.mark.parametrize("way", [0, 1], ids=["pytest", "python -m pytest"])
def test_another_package_of_the_same_name(installed, tmp_path, way):
    pytest_ = ways(installed)[way]
    write(tmp_path, NAMESAKE)
    done = run(tmp_path, *pytest_, "-q")
    assert (done.returncode, done.stdout.splitlines()[-1][:8]) == (0, "1 passed"), done.stdout
    assert "shadows" not in done.stdout + done.stderr


@pytest.mark.parametrize("way", [0, 1], ids=["pytest", "python -m pytest"])
def test_one_line_says_which_package_shadows_the_suite(installed, tmp_path, way):
    pytest_ = ways(installed)[way]
    write(tmp_path, NAMESAKE)
    done = run(tmp_path, *pytest_, "--pyargs", "conformance", "--backend", "reference")
    (line,) = filter(None, (done.stdout + done.stderr).splitlines())
    assert f"{tmp_path / 'conformance'} shadows the suite, {installed.parent}" in line
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    done = run(tmp_path, *pytest_, "--pyargs", "conformance")
    assert sum("shadows the suite" in line for line in done.stdout.splitlines()) == 1
    own = run(tmp_path, installed / "mlx-cache-conformance", "run", "-k", "mask.none.is-null")
    assert own.returncode == 0, own.stdout + own.stderr


def test_the_suite_from_a_folder_with_the_namesake(installed, tmp_path):
    """Where the namesake is not on the path, it is in nobody's way."""
    write(tmp_path, {name: text for name, text in NAMESAKE.items() if name != "pytest.ini"})
    done = run(tmp_path, installed / "pytest", "--pyargs", "conformance", "--backend", "reference",
               "-k", "mask.none.is-null", "-q")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
