"""The reference stands in for mlx-lm's own class: same models, same batching, the same logits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from conformance.transport import released as pypi

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(__file__).with_name("dropin") / "program.py"
EVERY_KIND = PROGRAM.with_name("every_kind.py")
RELEASES = [("0.31.3", "mlx-lm-0.31"), ("0.32.2", "mlx-lm-0.32")]
# What the layers' caches are made of, and with which runs.
MODELS = {
    "llama": ({"KVCache"}, {"single", "reused", "batch", "generated", "limited", "quantized"}),
    "gemma3_text": ({"KVCache", "RotatingKVCache"}, {"single", "reused", "batch", "generated"}),
    "gpt_oss": ({"KVCache", "RotatingKVCache"}, {"single", "reused", "batch", "generated"}),
    "lfm2": ({"ArraysCache", "KVCache"}, {"single", "reused", "batch", "generated"}),
    "falcon_h1": (
        {"CacheList", "ArraysCache", "KVCache"},
        {"single", "reused", "batch", "generated"},
    ),
    "llama4": ({"ChunkedKVCache", "KVCache"}, {"single", "reused"}),
}


def digests(version: str, *which: str, program: Path = PROGRAM) -> dict[str, dict[str, list[str]]]:
    python = pypi.environment(pypi.parse(f"mlx-lm=={version}"))
    done = subprocess.run(
        [str(python), str(program), *which],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("version", "dialect"), RELEASES)
def test_mlx_lm_runs_unchanged_on_the_reference(version, dialect):
    original, ours = digests(version, "original"), digests(version, dialect)
    assert set(original) == {"qwen3_next", "lfm2", "falcon_h1"}
    for model, expected in original.items():
        assert expected.pop("classes") == ["mlx_lm.models.cache"]
        assert all(name.startswith("reference_impl.") for name in ours[model].pop("classes"))
        assert expected == ours[model], model
        assert len(set(expected["batch"])) == len(expected["batch"]), "the digests do not vary"
        assert len(expected["generated"]) == 4 + 7 + 5 + 6 + 3


@pytest.mark.parametrize(("version", "dialect"), RELEASES)
def test_mlx_lm_runs_unchanged_on_every_kind_of_the_reference(version, dialect):
    original, ours = (
        digests(version, which, program=EVERY_KIND) for which in ("original", dialect)
    )
    assert set(original) == set(ours) == set(MODELS)
    for model, (kinds, runs) in MODELS.items():
        expected, got = original[model], ours[model]
        assert made_by(expected.pop("classes"), "mlx_lm.models.cache") == kinds
        assert made_by(got.pop("classes"), "reference_impl.dialects") == kinds
        assert set(expected) == runs
        for run, entries in expected.items():
            assert got[run] == entries, (model, run)
            assert len(entries) > 9, f"{model}: {run} ended with {entries}"
            assert len(set(entries)) == len(entries), "the digests do not vary"


def made_by(names: list[str], package: str) -> set[str]:
    assert all(name.startswith(f"{package}.") for name in names), names
    return {name.rpartition(".")[2] for name in names}


def test_a_wrong_mask_or_token_changes_the_logits():
    right, wrong = (
        digests("0.32.2", "mlx-lm-0.32", *words, program=EVERY_KIND) for words in ([], ["wrong"])
    )
    differ = {(model, run) for model in right for run in right[model]
              if right[model][run] != wrong[model][run]}  # fmt: skip
    assert {("llama", "single"), ("gpt_oss", "generated"), ("gemma3_text", "reused")} <= differ


@pytest.mark.skipif("OWN_TESTS" not in os.environ, reason="downloads sources: make nightly")
@pytest.mark.parametrize(("version", "dialect"), RELEASES)
def test_mlx_lms_own_tests_end_alike_on_the_reference(version, dialect, tmp_path):
    download = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", f"mlx-lm=={version}"]
    subprocess.run([sys.executable, "-m", "pip", *download, "-d", str(tmp_path)], check=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as sources:
        sources.extractall(tmp_path, filter="data")
    folder = str(next(tmp_path.glob("mlx_lm-*/tests")))
    own_tests = PROGRAM.with_name("own_tests.py")
    original, ours = (
        digests(version, which, folder, program=own_tests) for which in ("original", dialect)
    )
    assert ours == original
    endings = list(original.values())
    assert endings.count("pass") > 40
    assert len(endings) - endings.count("pass") < 6  # those that know the words of the real model
