"""Every command in every document is executed, in order, in a copy of the files alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.commands import bare_path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SUITE = ".venv/bin/mlx-cache-conformance run"
RELEASE = f"{SUITE} --backend pypi:mlx-lm==0.32.2 --dialect mlx-lm-0.32"
STDIO = f'{SUITE} --backend "cmd:{SUITE.removesuffix(" run")} serve" --dialect mlxrs-0.1'
CLASS = f"{SUITE} --backend py:reference_impl:ArraysCache --dialect mlxrs-0.1"
IDENTIFY = ".venv/bin/mlx-cache-conformance identify --backend"
IDENTIFIED = (f"{IDENTIFY} py:reference_impl:ArraysCache", f"{IDENTIFY} pypi:mlx-lm==0.32.2")
NOT_AGAIN = {
    # Its parts are what is running right now; running it inside itself would never end.
    "make test": "make --dry-run test",
    # Other tests see these pass in whole: `make run` above, test_releases.py, test_cli.py.
    **{command: f"{command} -k mask" for command in (SUITE, RELEASE, STDIO, CLASS)},
    # All cases in all dialects take a minute: test_identify.py.
    **{command: f'{command} --case "mask.*"' for command in IDENTIFIED},
}  # fmt: skip


def documents() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    # the README first: it makes the environment that the others use
    return sorted((ROOT / line for line in listed.stdout.splitlines()),
                  key=lambda path: (path != ROOT / "README.md", path))  # fmt: skip


def commands(document: Path) -> list[str]:
    lines = "".join(BLOCK.findall(document.read_text())).splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip()]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as a fresh clone would have it."""
    folder = tmp_path_factory.mktemp("clone") / "project"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return folder


def test_the_readme_opens_with_the_two_commands():
    assert commands(ROOT / "README.md")[:2] == ["make run", "make test"]


def test_what_is_shortened_stands_in_a_document():
    assert set(NOT_AGAIN) <= {command for document in documents() for command in commands(document)}


def test_every_command_works(copy, tmp_path):
    """On a machine without the tools that ports in other languages need."""
    ran = 0
    # as in a shell: a worker's variables would change what pytest does
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment["PATH"] = bare_path(tmp_path / "bin")
    for document in documents():
        for command in commands(document):
            done = subprocess.run(
                ["bash", "-c", NOT_AGAIN.get(command, command)],
                cwd=copy, capture_output=True, text=True, check=False, env=environment,
            )  # fmt: skip
            where = f"{document.relative_to(ROOT)}: {command}"
            assert done.returncode == 0, f"{where}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran > 10
