"""What a shell is told that may come next, and the versions that are printed."""

from __future__ import annotations

import importlib.metadata
import io
import os
import subprocess
import sys
from typing import NoReturn

import pytest

from conformance import __version__
from conformance.__main__ import main
from conformance.cli.commands import GROUPS
from conformance.cli.completion import SHELLS, answer


def no_descriptor(*_: object) -> NoReturn:
    raise OSError("no such descriptor")


def offered(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What argcomplete tells a shell in which this has been typed."""
    said, codes = io.StringIO(), []
    for name, value in {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "COMP_LINE": line,
                        "COMP_POINT": str(len(line))}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    # argcomplete takes descriptor 9 for its debugging, and closes it; here it is a file of pytest
    monkeypatch.setattr(os, "fdopen", no_descriptor)
    answer(said, codes.append)
    monkeypatch.undo()
    assert codes == [0]
    return [word.strip() for word in said.getvalue().split("\n")]


@pytest.mark.parametrize(
    ("typed", "first", "also", "never"),
    [
        ("exp", "explain", [], ["run"]),
        ("run --dial", "--dialect", [], ["--device"]),
        ("run --dialect mlx-lm-0.3", "mlx-lm-0.31", ["mlx-lm-0.32"], ["mlxrs-0.1"]),
        ("run --case mask.both.com", "mask.both.combination", [], ["mask.none.is-null"]),
        ("list haz", "hazards", [], []),
        ("diff mlxrs", "mlxrs-0.1", [], []),
        ("explain MASK-00", "MASK-001", ["MASK-004"], ["INDEX-001"]),
        ("explain mask-prec", "mask-precedence", [], []),
        ("spec mask", "masks", ["mask-precedence"], ["MASK-001"]),
        ("new-adapter ty", "typescript", [], []),
    ],
)
def test_names_are_completed(monkeypatch, typed, first, also, never):
    found = offered(f"mlx-cache-conformance {typed}", monkeypatch)
    assert found[0] == first
    assert {first, *also} <= set(found)
    assert not {*never} & {*found}


def test_every_command_is_offered(monkeypatch):
    known = {name for group in GROUPS.values() for name in group}
    assert known <= set(offered("mlx-cache-conformance ", monkeypatch))


@pytest.mark.parametrize("command", [name for group in GROUPS.values() for name in group])
def test_every_command_completes_its_options(monkeypatch, command):
    assert "--help" in offered(f"mlx-cache-conformance {command} --he", monkeypatch)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_code_for_a_shell_is_printed(capsys, shell):
    with pytest.raises(SystemExit) as ended:
        main(["completion", shell])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert "mlx-cache-conformance" in out
    assert "_ARGCOMPLETE" in out
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=out, text=True, check=True)


def test_without_argcomplete_it_says_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "argcomplete.shell_integration", None)
    with pytest.raises(SystemExit) as ended:
        main(["completion", "bash"])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert err.endswith("pip install 'mlx-cache-conformance[completion]'\n")


@pytest.mark.parametrize("mlx", ["0.32.4", None])
def test_the_version_names_mlx_s(capsys, monkeypatch, mlx):
    def version(name: str) -> str:
        if mlx is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return mlx

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert out.startswith(f"mlx-cache-conformance {__version__} (")
    assert (f"(mlx {mlx}, Python 3." if mlx else "(no mlx, Python 3.") in out
