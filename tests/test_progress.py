"""A bar for a person at a terminal, and silence everywhere else."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from conformance.cli.progress import along, progress
from conformance.engine.identification import identify

ROOT = Path(__file__).resolve().parent.parent
# The commands that take long, and the files that show how far they are.
LONG = {
    "baseline update": "conformance/cli/baseline.py",
    "bench": "conformance/cli/bench.py",
    "dialect capture": "conformance/cli/dialect.py",
    "identify": "conformance/cli/identify.py",
    "interop": "conformance/cli/interop.py",
    "mutants": "tools/mutants/check.py",
    "capture": "tools/capture/__main__.py",
}


@pytest.fixture
def shown(capsys, monkeypatch):
    """What is written to stderr where it is a terminal or not, in CI or not."""

    def shown(terminal: bool, ci: str | None) -> str:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
        monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes that for a terminal
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("CI", raising=False)
        if ci is not None:
            monkeypatch.setenv("CI", ci)
        assert list(along(["a", "b"], "judging")) == ["a", "b"]
        with progress(3, "starting") as step:
            step("mask-inverted", 1)
            step("mask-either", 2)
        out, err = capsys.readouterr()
        assert out == ""
        return err

    return shown


def test_a_terminal_shows_how_far_it_is(shown):
    said = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", shown(terminal=True, ci=None))
    assert "judging" in said
    assert "2/2" in said
    assert "mask-either" in said
    assert "3/3" in said


@pytest.mark.parametrize(("terminal", "ci"), [(False, None), (True, "true"), (False, "true")])
def test_a_log_has_nothing_of_it(shown, terminal, ci):
    assert shown(terminal, ci) == ""


@pytest.mark.parametrize("path", LONG.values(), ids=LONG)
def test_every_long_command_shows_it(path):
    text = (ROOT / path).read_text()
    assert "from conformance.cli.progress import " in text
    assert re.search(r"\b(along|progress)[()]", text)


def test_identify_takes_the_cases_one_by_one():
    """So that a bar moves with them: it makes no list of what it is given first."""

    class Stopped(Exception):
        pass

    def cases():
        raise Stopped
        yield

    class Backend:
        suite = type("Suite", (), {"dialects": {}, "cases": {}})()
        handshake = type("Handshake", (), {"capabilities": ()})()

    with pytest.raises(Stopped):
        identify(Backend(), cases())
