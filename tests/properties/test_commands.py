"""`run --properties` and `replay`, as a port's author meets them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "conformance"]
MUTANT = ["--backend", "mutant:write-reaches-the-neighbour", "--dialect", "mlxrs-0.1"]


def run(folder, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], cwd=folder, capture_output=True, text=True,
                          check=False)  # fmt: skip


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """A folder in which a run found something, and what it said."""
    folder = tmp_path_factory.mktemp("found")
    return folder, run(folder, "run", *MUTANT, "--properties", "quick", "-k", "law-writing")


def test_a_failure_says_everything(failed):
    folder, done = failed
    assert done.returncode == 1
    (path,) = folder.glob("conformance-found/*.jsonl")
    for words in ("law-writing", "INDEX-00", "expected:", "- id: found.", "--seed 0", path.name):
        assert words in done.stdout


def test_a_transcript_is_replayed_on_any_backend(failed):
    (path,) = failed[0].glob("conformance-found/*.jsonl")
    again = run(failed[0], "replay", str(path), *MUTANT)
    assert again.returncode == 1, again.stderr
    assert "expected:" in again.stdout
    sound = run(failed[0], "replay", str(path))
    assert sound.returncode == 0, sound.stderr


@pytest.mark.parametrize("text", ["", "{}\n", "no json\n", '{"transcript": 2}\n'])
def test_a_broken_transcript_is_one_line(tmp_path, text):
    path = tmp_path / "broken.jsonl"
    path.write_text(text)
    done = run(tmp_path, "replay", str(path))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "broken.jsonl" in done.stderr


def test_an_unknown_profile_is_one_line(tmp_path):
    done = run(tmp_path, "run", "--properties", "huge")
    assert done.returncode == 2
    assert "the profiles are quick, default, thorough" in done.stdout + done.stderr


def test_workers_draw_the_same_sequences(tmp_path):
    ways = [
        run(tmp_path, "run", "--quiet", "--properties", "quick", "-k", "sequences-", "--", "-n", n)
        for n in ("0", "2")
    ]
    digests = [re.findall(r"\d+ sequences.*digest (\w+)", done.stdout) for done in ways]
    assert digests[0]
    assert digests[0] == digests[1], ways[1].stdout


def test_properties_are_not_tried_unasked(tmp_path):
    done = run(tmp_path, "run", "--case", "mask.both.combination")
    assert done.returncode == 0
    assert "properties" not in done.stdout


@pytest.mark.parametrize(("behaviour", "verdict"), [("dies", "crash"), ("logs", "protocol-error")])
def test_trouble_is_its_own_verdict(tmp_path, behaviour, verdict):
    unruly = Path(__file__).resolve().parent.parent / "support" / "unruly.py"
    backend = f"cmd:{sys.executable} {unruly} {behaviour} {tmp_path}"
    done = run(tmp_path, "run", "--properties", "quick", "-k", "sequences-1", "--backend", backend,
               "--dialect", "mlx-lm-0.31", "--found", "/dev/null/found")  # fmt: skip
    assert done.returncode == 1
    assert "the answers of both: not kept: /dev/null/found/" in done.stdout
    assert "0 passed, 1 failed of 1 parts of the properties: " in done.stdout.splitlines()[-1]
    assert f": {verdict}" in done.stdout
    assert "- id: found." in done.stdout
