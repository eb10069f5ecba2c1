"""docs/prompt-cache-files.md: its table and its example are what the commands give today."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.filetools import matrix
from conformance.filetools.goldens import read_expectations
from tools.pages import cache_files, damaged_files

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "prompt-cache-files.md"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == cache_files.page(), "run: make schemas"
    for writer in read_expectations():
        assert f"\n| {writer} | " in PAGE.read_text()


def test_the_page_of_damaged_files_is_up_to_date():
    page = PAGE.with_name("damaged-files.md")
    assert page.read_text() == damaged_files.page(), "run: make schemas"
    assert page.read_text().count("| **memory** |") > 20


def test_the_page_follows_the_fixtures(monkeypatch):
    before = cache_files.page()
    known = matrix.known()
    known["full"]["mlx-lm-0.32.2"]["strict"] = "ValueError"
    monkeypatch.setattr(matrix, "known", lambda: known)
    assert cache_files.page() != before


def test_the_example_is_what_inspect_says(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    example = r"```sh\n\.venv/bin/mlx-cache-conformance (inspect [^\n]*)\n```\n\n```\n(.*?)```"
    command, shown = re.search(example, PAGE.read_text(), re.DOTALL).groups()
    assert run(*command.split()) == 0
    assert capsys.readouterr().out == shown


def test_what_the_fixtures_know_as_json_and_markdown(tmp_path, capsys):
    for name in ("all.json", "all.md"):
        option = "--json" if name.endswith("json") else "--markdown"
        assert run("interop", "--known", option, tmp_path / name) == 0
    found = json.loads((tmp_path / "all.json").read_text())
    assert found["full"]["mlx-lm-0.32.2"]["mlx-lm-0.31"] == "wrong: 0 of 1 caches"
    assert found["hole-0"]["mlx-lm-0.31.3"]["strict"] == "cannot write: RuntimeError"
    assert "## hole-0" in (tmp_path / "all.md").read_text()


@pytest.mark.parametrize("arguments", [(), ("--known", "--backend", "reference")])
def test_it_is_either_known_or_run(capsys, arguments):
    assert run("interop", *arguments) == 2
    assert "give --backend, once or more; or --known" in capsys.readouterr().err
