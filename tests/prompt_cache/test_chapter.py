"""The chapter of files: complete, judged like any other, and able to fail."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.engine.runner import Run, Terms, select
from conformance.engine.verdict import Status
from conformance.filetools.goldens import goldens, read_chapter
from conformance.filetools.hostile import read_hostile
from conformance.filetools.model import folder, read_cases
from conformance.fixtures import lint
from conformance.fixtures.load import load_suite
from conformance.fixtures.read import read_suite
from conformance.kinds import KINDS
from conformance.reporting import words
from conformance.reporting.json_report import in_words
from conformance.transport import adapter, cachefiles, connect

SUITE = load_suite()
WRONG = Path(__file__).with_name("wrong_files.py")
FULL = "file.read.mlxrs-0.1-constructed.full"
RS = "mlxrs-0.1"


def verdicts(behaviour: str, *cases: str) -> list:
    command = shlex.join([sys.executable, str(WRONG), behaviour])
    run = Run(SUITE, f"cmd:{command}", RS)
    try:
        return [run.verdict(SUITE.cases[case]) for case in cases]
    finally:
        run.close()


def test_every_file_and_every_content_is_a_case():
    cases = [case.id for case in SUITE.cases.values() if case.id.startswith("file.")]
    read = [case for case in cases if case.startswith("file.read.")]
    assert len(read) == sum(1 for _ in goldens()) > 200
    written = {case.removeprefix("file.write.") for case in cases if ".write." in case}
    assert written == {case.id for case in read_cases().cases if case.asked}
    hostile = {case.removeprefix("file.hostile.") for case in cases if ".hostile." in case}
    assert hostile == {file.id for file in read_hostile()}
    saved = [case for case in cases if case.startswith("file.resave.")]
    chapter, contents = read_chapter(), {case.id: case for case in read_cases().cases}
    pairs = [(w, c) for w in set(chapter.writers.values()) for c in chapter.resaved]
    assert len(saved) == sum(contents[c].is_written_by(w) for w, c in pairs) > 40
    assert len(cases) == len(read) + len(written) + len(hostile) + len(saved)


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [("none", Status.PASS), ("destroys", Status.FAIL), ("destroys-as-mlxrs", Status.PASS)],
)
def test_a_file_saved_over_itself_stays_what_it_is(behaviour, status):
    (verdict,) = verdicts(behaviour, "file.resave.mlxrs-0.1.full")
    assert verdict.status is status
    if behaviour == "destroys":
        assert {row.place for row in in_words(verdict).mismatches} == {"tensor 0.0", "tensor 0.1"}


def test_hostile_files_have_tag_and_budget():
    for case in select(SUITE, ["file.hostile.*"]):
        assert case.tags == ["hostile"]
        assert case.budget.memory_mb == 64


@pytest.mark.parametrize("behaviour", ["dies", "aborts"])
def test_a_crash_is_no_rejection(behaviour):
    """SIGABRT is a trap in Swift; the dialect of mlxrs has none."""
    first, fine = verdicts(behaviour, "file.hostile.cut-in-data", FULL)
    assert first.status is Status.CRASH
    assert "in step 1: load(path=hostile/cut-in-data)" in words.detail(first)
    assert fine.status is Status.PASS


def test_memory_is_bounded():
    bomb, fine = verdicts("allocates", "file.hostile.cut-in-data", FULL)
    assert bomb.status is Status.OVER_BUDGET
    assert "64 MB" in words.detail(bomb)
    assert fine.status is Status.PASS


def test_time_is_bounded(monkeypatch):
    from msgspec.structs import replace

    from conformance.engine.case import Budget

    case = SUITE.cases["file.hostile.cut-in-data"]
    hurried = replace(case, budget=Budget(0.5, 64))
    monkeypatch.setitem(SUITE.chapter_of(case).cases, case.id, hurried)
    (verdict,) = verdicts("sleeps", case.id)
    assert verdict.status is Status.HANG


def test_hostile_files_are_read_in_a_process_apart():
    run = Run(SUITE, "reference", RS)
    try:
        assert run.session_for(SUITE.cases["file.hostile.cut-in-data"]).is_process
        assert not run.session_for(SUITE.cases[FULL]).is_process
    finally:
        run.close()


def test_slots_may_be_listed_by_index():
    """A file of few bytes can have more unset slots than a message can list."""
    from conformance.filetools.compare import reading

    cache = {"class_name": "ArraysCache", "left_padding": None, "lengths": None}
    content = {"caches": [{**cache, "slots": [None, 7, None]}], "user_metadata": {}}
    for slots, count, said in (
        ({"1": 7}, 3, "same"),
        ({"1": 7}, 2, "wrong: slots [unset, 7] for [unset, 7, unset]"),
        ({"0": 7}, 3, "wrong: slots [7, unset, unset] for [unset, 7, unset]"),
    ):
        got = {"caches": [{**cache, "slots": slots, "slot_count": count}], "user_metadata": {}}
        assert reading(content, got).spelled() == said


SLOTS = {"class_name": "ArraysCache", "slots": [], "left_padding": None, "lengths": None}
KEYS = {"class_name": "KVCache", "keys": [], "values": [], "numbers": {}}


def caches(*each: object) -> dict:
    return {"caches": list(each), "user_metadata": {}}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, 'the result is not of the form {"caches", "user_metadata"}'),
        ({"caches": []}, 'the result is not of the form {"caches", "user_metadata"}'),
        ({"caches": {}, "user_metadata": {}}, "caches is not a list"),
        (caches(None), "a cache is not an object with a class_name"),
        (caches({**SLOTS, "class_name": None}), "a cache is not an object with a class_name"),
        (caches({"class_name": "A"}), "a A has no slots, left_padding, lengths"),
        (caches({k: v for k, v in SLOTS.items() if k != "lengths"}), "a ArraysCache has no length"),
        (caches({k: v for k, v in KEYS.items() if k != "numbers"}), "a KVCache has no numbers"),
        (caches({**SLOTS, "slot_count": 2}), "of a ArraysCache are not listed by index beside"),
        (caches({**SLOTS, "slots": {}, "slot_count": -1}), "slot_count of a ArraysCache is not a"),
        (caches({**KEYS, "keys": {}}), "keys of a KVCache is not a list"),
        (caches({**KEYS, "numbers": []}), "numbers of a KVCache is not a dict"),
        (caches({"class_name": "CacheList", "caches": [None]}), "not an object with a class_name"),
    ],
)
def test_what_is_no_answer_is_told(result, said):
    assert said in KINDS.problem("load", result)
    sound = caches(SLOTS, KEYS, {"class_name": "CacheList", "caches": [SLOTS]})
    assert KINDS.problem("load", sound) is None


def test_what_is_no_answer_is_a_protocol_error():
    (verdict,) = verdicts("answers-nothing", FULL)
    assert verdict.status is Status.PROTOCOL_ERROR
    assert "load: the result is not of the form" in words.detail(verdict)


def test_what_is_no_file_is_none():
    written = {"full": "no file", "full-3": "a header of", "two-caches": "no file"}
    for verdict, got in zip(
        verdicts("writes", *(f"file.write.{name}" for name in written)),
        written.values(),
        strict=True,
    ):
        assert verdict.status is Status.FAIL
        (row,) = in_words(verdict).mismatches
        assert row.place == "file"
        assert row.got.startswith(got)


def test_the_file_is_a_copy_that_goes_away():
    before = (folder() / "mlxrs-0.1" / "full.safetensors").read_bytes()
    (verdict,) = verdicts("lists-the-folder", FULL)
    path, _, listed = words.detail(verdict).splitlines()[1].partition(" ")
    assert listed == "['full.safetensors']"
    assert not Path(path).exists()
    assert list(Path(path).parent.iterdir()) == []
    assert [v.status for v in verdicts("overwrites", FULL, FULL)] == [Status.PASS] * 2
    assert (folder() / "mlxrs-0.1" / "full.safetensors").read_bytes() == before


def test_a_failure_shows_every_difference_with_its_place():
    run = Run(SUITE, "mutant:file-holes-lost", None)
    try:
        verdict = run.verdict(SUITE.cases["file.read.mlxrs-0.1-constructed.everything"])
    finally:
        run.close()
    rows = in_words(verdict).mismatches
    assert [row.place for row in rows] == ["cache 1, slots", "cache 4.0, slots"]
    assert rows[0].expected.startswith("[null, float32[2,2,2] 110 111")
    assert rows[0].got.startswith("[float32[2,2,2] 110 111")


def test_a_wrong_file_shows_keys_and_tensors():
    run = Run(SUITE, "mutant:file-saved-as-0-31", None)
    try:
        verdict = run.verdict(SUITE.cases["file.write.full"])
    finally:
        run.close()
    rows = {row.place: (row.expected, row.got) for row in in_words(verdict).mismatches}
    assert rows["metadata 1.0"] == ("'ArraysCache'", "nothing")
    assert rows["metadata 2.0"] == ("''", "'ArraysCache'")
    assert rows["tensor 0.0"] == ("no tensor", "float32[2,3] 10 11 12 20 21 22")


def test_gaps_are_declared_and_can_be_required(tmp_path):
    for require, status in ((False, Status.NOT_APPLICABLE), (True, Status.FAIL)):
        run = Run(SUITE, "py:reference_impl:ArraysCache", RS, Terms(require=require))
        try:
            verdict = run.verdict(SUITE.cases[FULL])
        finally:
            run.close()
        assert (verdict.status, verdict.declared_gap) == (status, True)
        assert "the backend declares no load" in words.detail(verdict)


def test_the_adapter_alone_declares_no_files(tmp_path):
    """adapter.py is one file; with cachefiles.py beside it, and a module that can, it does more."""
    shutil.copy(adapter.__file__, tmp_path)
    (tmp_path / "cache.py").write_text(
        "class ArraysCache:\n    state = None\n"
        "def save_prompt_cache(): ...\ndef load_prompt_cache(): ...\n"
    )
    command = [sys.executable, str(tmp_path / "adapter.py"), "--class", "cache:ArraysCache"]
    for beside, declared in ((False, set()), (True, {"save", "load"})):
        if beside:
            shutil.copy(cachefiles.__file__, tmp_path)
        with connect(f"cmd:{shlex.join(command)}", RS) as backend:
            assert {"save", "load"} & set(backend.handshake.capabilities) == declared
    (tmp_path / "cache.py").write_text("class ArraysCache:\n    state = None\n")
    with connect(f"cmd:{shlex.join(command)}", RS) as backend:
        assert not {"save", "load"} & set(backend.handshake.capabilities)


def test_a_folder_of_ones_own_needs_no_files(tmp_path):
    (tmp_path / "chapters").mkdir()
    shutil.copy(SUITE.root / "chapters" / "identity.yaml", tmp_path / "chapters")
    assert not [case for case in read_suite(tmp_path).cases if case.startswith("file.")]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The fixtures with one chapter beside that of the files; nothing is wrong with them."""
    root = tmp_path_factory.mktemp("sound") / "fixtures"
    (root / "chapters").mkdir(parents=True)
    for name in ("hazards.yaml", "dialects.yaml", "tensors.yaml", "chapters/identity.yaml"):
        shutil.copy(SUITE.root / name, root / name)
    shutil.copytree(SUITE.root / "prompt_cache", root / "prompt_cache")
    assert list(lint.problems(read_suite(root))) == []
    return root


@pytest.fixture
def copied(sound, tmp_path):
    """A copy of them, with links in the place of the files that no test changes."""
    root = tmp_path / "fixtures"
    for path in sorted(sound.rglob("*")):
        target = root / path.relative_to(sound)
        if path.is_dir():
            target.mkdir(parents=True)
        elif path.suffix == ".yaml":
            shutil.copy(path, target)
        else:
            os.link(path, target)
    return root


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("hazards.yaml", "id: cannot-be-saved", "id: mask-precedence", "the id mask-precedence"),
        ("hazards.yaml", "- id: cannot-be-saved", "- id: was-saved", "no hazard cannot-be-saved"),
        ("hazards.yaml", "not_in: [mlx-vlm-0.7]\n  hits: A file with a cache of no slots",
         "not_in: [mlx-vlm-0.7, mlx-lm-0.32]\n  hits: A file with a cache of no slots",
         "cache-without-tensors-vanishes does not list mlx-lm-0.32"),
        ("chapter.yaml", "- id: FILE-006", "- id: FILE-099", "no requirement FILE-006"),
        ("mlx-lm-0.32.2/expectations.yaml", "  hole-0:", "  hole-9:",
         "nothing is said about hole-0"),
        ("mlx-lm-0.32.2/expectations.yaml", "  hole-0:\n    mlxrs-0.1", "  hole-0:\n    mlxrs-0.2",
         "hole-0: no reader is called mlxrs-0.2"),
        ("mlx-lm-0.32.2/expectations.yaml", "  hole-0:\n    mlxrs-0.1: {error: LengthMismatch}\n",
         "  hole-0:\n", "hole-0: nothing is said about mlxrs-0.1"),
        ("mlx-lm-0.32.2/expectations.yaml", "  hole-0:\n", "  hole-0:\n"
         "    mlx-swift-lm-3.31.4: {error: KVCacheError}\n",
         "hole-0: mlx-swift-lm-3.31.4 does the same as mlx-swift-lm-3.31.3"),
        ("hostile.yaml", "mlx-lm-0.31: {wrong: 1 caches}, mlx-lm-0.32: {wrong: 0 caches}}\n"
         "  expect: {error: BadContainer, key: data, reason: of which the tensors take 56}",
         "mlx-lm-9: {wrong: 1 caches}}\n"
         "  expect: {error: BadContainer, key: data, reason: of which the tensors take 56}",
         "hostile/one-byte-too-many: no reader is called mlx-lm-9"),
        ("hostile.yaml", "  readers: {mlx-lm-0.31: {wrong: 0 caches}, mlx-lm-0.32: null}\n"
         "  expect: {error: BadCache, key: 0.0.1, reason: is not made of ASCII codes}",
         "  readers: {mlx-lm-0.31: {wrong: 0 caches}, mlx-lm-0.32: {wrong: 0 caches}}\n"
         "  expect: {error: BadCache, key: 0.0.1, reason: is not made of ASCII codes}",
         "hostile/class-of-a-child: mlx-lm-0.32 does the same as mlx-lm-0.31"),
        ("chapter.yaml", "14414441: mlx-swift-lm-3.31.4", "14414441: mlx-swift-lm-3.31.5",
         "readers: mlx-swift-lm-14414441: no dialect mlx-swift-lm-3.31.5"),
    ],
)  # fmt: skip
def test_faults_in_the_files_of_the_chapter_are_found(copied, name, old, new, said):
    path = copied / "prompt_cache" / name
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    try:
        problems = list(lint.problems(read_suite(copied)))
    except Exception as error:
        problems = [f"{type(error).__name__}: {error}"]
    assert any(said in problem for problem in problems), problems[:3]


def test_the_judge_needs_no_mlx():
    """A port's CI has none."""
    code = (
        "import sys; sys.modules['mlx'] = None\n"
        "from conformance.fixtures.read import read_suite\n"
        "from conformance.engine.runner import Run\n"
        "suite = read_suite()\n"
        f"run = Run(suite, 'cmd:{shlex.join([sys.executable, str(WRONG), 'none'])}', '{RS}')\n"
        "for case in ('file.write.everything', 'file.hostile.cut-in-data', sys.argv[1]):\n"
        "    print(run.verdict(suite.cases[case]).status.value)\n"
        "run.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, FULL], stdout=subprocess.PIPE, check=True)
    assert done.stdout.split() == [b"pass"] * 3
