"""The fixtures are kept as they were read, are found while nothing changes, and never needed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from conformance.engine.coverage import shares
from conformance.engine.runner import select_ids
from conformance.fixtures import compiled, load
from conformance.fixtures.load import load_suite
from conformance.fixtures.read import read_suite
from conformance.fixtures.userfile import FixtureError
from conformance.fixtures.userfolder import CACHE_VARIABLE

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """A cache folder of the test's own."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "fixtures"


def contents(suite):
    places = {case.id: suite.chapter_of(case).path for case in suite.cases.values()}
    files = suite.chapters
    chapters = [(file.name, file.path, msgspec.to_builtins(file.chapter)) for file in files]
    return suite.root, suite.dialects, suite.hazards, suite.tensors, chapters, places


def test_what_is_kept_is_what_was_read(kept, monkeypatch):
    first = load_suite()
    reading = "conformance.fixtures.read.read_suite"
    monkeypatch.setattr(reading, lambda *_: pytest.fail("read again"))
    again = load_suite()
    assert contents(first) == contents(again)
    assert list(first.cases) == list(again.cases)
    assert again.files.root == first.files.root
    monkeypatch.undo()
    assert contents(first) == contents(read_suite())


def test_any_change_of_fixtures_or_code_has_another_key(tmp_path, monkeypatch):
    root = tmp_path / "fixtures"
    shutil.copytree(FIXTURES, root)
    keys = {compiled.key(root)}
    assert keys == {compiled.key(root)}
    path = root / "chapters" / "masks.yaml"
    path.write_text(path.read_text().replace("mask", "mark", 1))
    keys.add(compiled.key(root))
    path.rename(root / "chapters" / "marks.yaml")
    keys.add(compiled.key(root))
    golden = next((root / "prompt_cache").rglob("*.safetensors"))
    golden.write_bytes(golden.read_bytes()[:-1])
    keys.add(compiled.key(root))
    code = tmp_path / "code"
    for name in compiled.CODE:
        (code / name).mkdir(parents=True)
    (code / "engine" / "model.py").write_text("x")
    monkeypatch.setattr(compiled, "__file__", str(code / "fixtures" / "compiled.py"))
    keys.add(compiled.key(root))
    (code / "engine" / "model.py").write_text("xy")
    keys.add(compiled.key(root))
    assert len(keys) == 6


def test_what_is_damaged_is_read_anew_and_replaced(kept):
    whole = load_suite()
    (path,) = kept.iterdir()
    raw = path.read_bytes()
    for damaged in (raw[:-9], raw[:99] + b"x" + raw[100:], b"", b"\xc1" * 99):
        path.write_bytes(damaged)
        assert contents(load_suite()) == contents(whole)
        assert path.read_bytes() == raw


def test_fixtures_that_are_wrong_are_not_kept(kept, monkeypatch):
    monkeypatch.setattr("conformance.fixtures.read.problems", lambda suite: iter(["wrong"]))
    for _ in range(2):
        with pytest.raises(FixtureError, match="wrong"):
            load_suite()
    assert not kept.exists()


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file" / "x"))
    assert load_suite().cases


def test_a_folder_of_ones_own_is_never_kept(kept, tmp_path):
    root = tmp_path / "fixtures"
    shutil.copytree(FIXTURES, root)
    load_suite(root)
    assert not kept.exists()


def test_only_the_latest_are_kept(kept):
    suite = load.packed(read_suite())
    for number in range(compiled.KEPT + 3):
        compiled.keep(f"{number}", suite)
    assert len(list(kept.iterdir())) == compiled.KEPT
    assert compiled.read("0") is None
    assert compiled.read(f"{compiled.KEPT + 2}") == suite


def test_one_that_is_in_use_is_kept(kept, monkeypatch):
    monkeypatch.setattr(compiled, "KEPT", 2)
    suite = load.packed(read_suite())
    for number, name in enumerate(("used", "idle")):
        compiled.keep(name, suite)
        os.utime(kept / f"{name}.json", (number, number))
    compiled.read("used")
    compiled.keep("new", suite)
    assert {path.stem for path in kept.iterdir()} == {"used", "new"}


def test_a_chapter_is_decoded_when_a_case_of_it_is_asked_for(monkeypatch):
    load_suite()
    suite = load_suite()
    dialect = suite.default_dialect
    assert select_ids(suite, ["mask.*"])
    assert shares(suite, dialect, [])
    assert not [file.name for file in suite.chapters if "chapter" in vars(file)]
    assert suite.cases["mask.both.combination"]
    assert [file.name for file in suite.chapters if "chapter" in vars(file)] == ["masks"]


def test_what_is_kept_of_the_requirements_is_what_the_cases_say():
    read = read_suite()
    kept = load.unpacked(load.packed(read), read.root)
    assert kept.levels == {name: row.level for name, row in read.requirements.items()}
    for dialect in read.dialects.values():
        assert shares(kept, dialect, []) == shares(read, dialect, [])


def test_what_a_wheel_ships_is_not_checked_again(monkeypatch):
    monkeypatch.setattr("conformance.fixtures.read.problems", lambda suite: iter(["wrong"]))
    monkeypatch.setattr(load, "INSTALLED", load.fixtures_folder())
    assert load_suite().cases
