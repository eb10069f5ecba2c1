"""A machine that has little: what cannot be built is named, with the way out, and is not red."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import OF_PORTS, bare_path

from tools import toolchains

ROOT = Path(__file__).resolve().parents[2]
CARGO = "not run: Rust port, cargo missing (see https://rustup.rs; `rustup default stable`)"


def program(folder: Path, name: str, script: str = "exit 0") -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A folder that is all of the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_everything_is_named_where_there_is_nothing(empty, capsys):
    assert toolchains.main([]) == 0
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(toolchains.NEEDS)
    assert said[0].startswith("not run: C++ port, cmake missing (apt-get install cmake")
    assert CARGO in said


def test_nothing_is_said_where_all_is_there(empty, capsys):
    for name in ("cmake", "c++", "cargo", "swift", "go", "node", "npm"):
        program(empty, name)
    assert toolchains.main([]) == 0
    assert capsys.readouterr().out == ""
    (empty / "cargo").unlink()
    assert toolchains.main(["--targets"]) == 0
    assert capsys.readouterr().out == "port-cpp port-swift\n"


def test_a_proxy_without_a_toolchain_is_missing(empty):
    program(empty, "cargo", "echo 'no default toolchain' >&2; exit 1")
    assert CARGO in toolchains.lines()


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ((), "C++ port: cmake is missing: apt-get install cmake"),
        (("cmake",), "C++ port: a C++ compiler is missing: apt-get install g++"),
        (("cmake", "c++"), "C++ port: nlohmann-json is missing: apt-get install nlohmann-json3-"),
    ],
)
def test_a_build_names_the_first_thing_that_is_missing(empty, capsys, there, said):
    for name in there:
        program(empty, name, 'test "$1" = --version')
    assert toolchains.main(["C++ port"]) == 2
    assert capsys.readouterr().err.startswith(said)


def test_make_names_it_before_it_builds(tmp_path):
    """A PATH with all that there is but these; whether the header is there does not matter."""
    path = bare_path(tmp_path / "bin")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    done = subprocess.run(
        ["make", "--no-print-directory", "port-cpp", f"VENV={tmp_path / 'venv'}",
         f"--assume-old={tmp_path / 'venv' / 'installed'}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "MAKEFLAGS": ""},
    )  # fmt: skip
    assert done.returncode == 2
    assert "C++ port: cmake is missing: apt-get install cmake" in done.stderr


def test_a_bare_path_lacks_the_tools_and_nothing_else(tmp_path):
    path = bare_path(tmp_path / "bin")
    assert not any(shutil.which(name, path=path) for name in OF_PORTS)
    assert shutil.which("bash", path=path)
