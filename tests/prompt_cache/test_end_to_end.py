"""A real model's cache, converted, goes on with the very logits of the uninterrupted run."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path

import pytest

from conformance.filetools.conversion import convert
from conformance.transport import released as pypi
from reference_impl.files import load
from reference_impl.files.content import differences

PROGRAM = Path(__file__).with_name("program.py")
LAYOUT = {"0.31.3": "mlx-lm-0.31", "0.32.2": "mlx-lm-0.32"}
MODELS = ("qwen3_next", "lfm2", "falcon_h1")
# Between the two releases the model itself came to round in another way, so that not even the
# logits of the prompt are the same. What must be the same there is a run whose caches got the very
# tensors by hand.
CHANGED = {"qwen3_next"}


# One process a release: its start costs more than what is asked of it.
STARTED: dict[str, subprocess.Popen[str]] = {}


@pytest.fixture(scope="module", autouse=True)
def ended():
    """All that were started end with the tests."""
    yield
    while STARTED:
        _, process = STARTED.popitem()
        process.communicate()
        assert process.returncode == 0


def run(version: str, what: str, model: str, path: Path) -> list[str]:
    if version not in STARTED:
        python = pypi.environment(pypi.parse(f"mlx-lm=={version}"))
        STARTED[version] = subprocess.Popen([str(python), str(PROGRAM)], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)  # fmt: skip
    process = STARTED[version]
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps([what, model, str(path)]) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    assert line, f"mlx-lm {version} has ended; see its stderr"
    digests: list[str] = json.loads(line)
    return digests


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """(release, model) -> the file of its cache after a prompt, and the logits from there on."""
    folder = tmp_path_factory.mktemp("saved")

    @functools.cache
    def save(version: str, model: str) -> tuple[Path, list[str]]:
        path = folder / f"{model}-{version}.safetensors"
        return path, run(version, "save", model, path)

    return save


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("origin", "target"), [("0.31.3", "0.32.2"), ("0.32.2", "0.31.3")])
def test_a_converted_cache_goes_on(origin, target, model, saved, tmp_path):
    path, uninterrupted = saved(origin, model)
    converted = tmp_path / "converted.safetensors"
    assert len(set(uninterrupted)) == len(uninterrupted), "the digests do not vary"
    assert load(path).layout == LAYOUT[origin]
    done = convert(path, converted, LAYOUT[target])
    assert done.losses == ()
    if model in CHANGED:
        by_hand = run(target, "transplant", model, path)
        assert run(target, "continue", model, converted) == by_hand != uninterrupted
    else:
        assert run(target, "continue", model, converted) == uninterrupted
    back = tmp_path / "back.safetensors"
    convert(converted, back, LAYOUT[origin])
    assert run(origin, "continue", model, back) == uninterrupted


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("between", ["mlx-swift-lm", "mlxrs-0.1"])
def test_through_the_other_layouts(between, model, saved, tmp_path):
    path, uninterrupted = saved("0.31.3", model)
    middle, out = tmp_path / "middle.safetensors", tmp_path / "out.safetensors"
    convert(path, middle, between)
    content = load(middle, between).content
    assert not list(differences(load(path).content, content))
    convert(middle, out, "mlx-lm-0.31")
    assert run("0.31.3", "continue", model, out) == uninterrupted
