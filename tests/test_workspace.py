"""The folder of a case's files, and the ways to find the processes of a backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.engine.filearguments import Workspace
from conformance.transport import memory


def test_a_case_finds_nothing_of_the_one_before():
    workspace = Workspace()
    with workspace.use() as folder:
        (folder / "left.safetensors").write_bytes(b"x")
        (folder / "sub").mkdir()
        (folder / "sub" / "deep").write_text("x")
        (folder / "link").symlink_to(folder / "nowhere")
    with workspace.use() as again:
        assert (again, list(again.iterdir())) == (folder, [])


def test_files_go_also_when_the_case_ends_in_trouble():
    workspace = Workspace()
    with pytest.raises(FileNotFoundError) as caught, workspace.use() as folder:
        (folder / "left").write_text((folder / "absent").read_text())
    assert list(Path(caught.value.filename).parent.iterdir()) == []


def test_a_folder_that_the_backend_removed_is_made_anew():
    workspace = Workspace()
    with workspace.use() as folder:
        folder.rmdir()
    with workspace.use() as another:
        assert another.is_dir()


def test_what_cannot_be_removed_is_left_behind(monkeypatch):
    workspace = Workspace()
    with workspace.use() as folder:
        (folder / "left").write_text("x")
        monkeypatch.setattr(os, "unlink", _refuse)
    monkeypatch.undo()
    with workspace.use() as another:
        assert (another != folder, list(another.iterdir())) == (True, [])


def _refuse(*_: object, **__: object) -> None:
    raise PermissionError


@pytest.mark.parametrize("listed", [True, False])
def test_a_process_and_its_children_are_measured(monkeypatch, listed):
    """`listed`: as Linux lists children, or as other systems make one ask every process."""
    if listed and not sys.platform.startswith("linux"):
        pytest.skip("needs Linux, whose kernel lists the children of a process")
    monkeypatch.setattr(memory, "_kernel_lists_children", lambda: listed)
    child = "import sys; sys.stdin.read()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE) as started:
        try:
            while len(found := memory.family(started.pid)) < 2:
                pass
            assert found[0] == started.pid
            assert memory.resident(started.pid) > 1
        finally:
            started.stdin.close()
    assert (memory.family(started.pid), memory.resident(started.pid)) == ([], 0)
