"""A release that nobody has seen: a copy of mlx-lm 0.32.2 that does four things otherwise."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from conformance.capture.answers import captured
from conformance.capture.names import named
from conformance.capture.rules import listed, rules
from conformance.capture.writing import Writer, unconfirmed
from conformance.engine.literals import TensorLiteral, Tensors, spelled, tokens
from conformance.engine.plan import applicability, expectation
from conformance.engine.runner import Run, select
from conformance.engine.verdict import Status
from conformance.fixtures.lint import problems
from conformance.fixtures.load import load_suite
from conformance.fixtures.read import read_suite
from conformance.fixtures.shipped import fixtures_folder
from conformance.transport import released
from tests.support.folder import edited

PARENT, CHILD = "mlx-lm-0.32", "mlx-lm-0.33"
ALTERED = {
    "make_mask": (
        "    def make_mask(self, N: int):\n",
        "    def make_mask(self, N: int):\n        if N < 0:\n            raise ValueError(N)\n",
    ),
    "get": (
        "    def __getitem__(self, idx):\n        return self.cache[idx]\n",
        "    def __getitem__(self, idx):\n        return self.cache[idx if idx >= 0 else 99]\n",
    ),
    "chunked.maybe_trim_front": (
        "            trim = valid - self.chunk_size\n",
        "            trim = valid - self.chunk_size + 1\n",
    ),
    "rotating.to_quantized": (
        'raise NotImplementedError("RotatingKVCache Quantization NYI")',
        'raise ValueError("RotatingKVCache Quantization NYI")',
    ),
}
# The chapters that the four are in, and some of their cases; `make nightly` has all of both.
CHAPTERS = ["masks", "indexing", "chunked", "rotating-state"]
CASES = ["mask.*", "index.*", "chunked.front.*", "chunked.start.*", "rotating.quantize.*"]
WHOLE = bool(os.environ.get("WHOLE_CAPTURE"))


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The backend: the module of the real release, altered, in the real release's environment."""
    folder = tmp_path_factory.mktemp("release")
    real = released.parse("mlx-lm==0.32.2")
    python, adapter, *options = released.command(real)
    (package,) = Path(python).parent.parent.glob("lib/*/site-packages/mlx_lm")
    models = folder / "mlx_lm" / "models"
    models.mkdir(parents=True)
    (folder / "mlx_lm" / "__init__.py").touch()  # without that of the release, which starts slowly
    shutil.copy(package / "models" / "base.py", models)
    text = (package / "models" / "cache.py").read_text()
    (models / "cache.py").write_text(edited(text, *ALTERED.values()))
    return f"cmd:env PYTHONPATH={folder} {python} {adapter} {' '.join(options)}"


def test_what_is_written_of_a_release_is_what_it_does_and_all_else_stays(release, tmp_path):
    root = fixtures(tmp_path / "fixtures")
    suite = read_suite(root)
    patterns = ["*"] if WHOLE else CASES
    of_the_part = linted(suite)  # what lacks the chapters that are not here
    assert not (WHOLE and of_the_part)
    run = Run(suite, release, PARENT)
    try:
        found = captured(run, CHILD, select(suite, patterns))
    finally:
        run.close()
    assert not found.left | found.unable | found.gone
    assert not found.back
    needed = rules(load_suite(), found.dialect, found.changed)  # how many cases have what
    assert {rule.operation for rule in needed} == ALTERED.keys(), "exactly the four"
    told = list(listed(suite, needed, {}))
    assert [op for op in ALTERED if f"{op}: " in " ".join(told)] == [*ALTERED]
    writer = Writer(suite, found)
    writer.collect(release, run.handshake.implementation)
    writer.save()

    written = read_suite(root)
    assert linted(written) == of_the_part
    changed = {each.case.id for each in found.changed}
    assert unconfirmed(written) == {CHILD: len(changed) + 1}, "all cases, and the entry"
    assert expected(written, suite.dialects) == expected(suite, suite.dialects), "others unchanged"
    run = Run(written, release, CHILD)
    try:
        verdicts = [run.verdict(case) for case in select(written, patterns)]
    finally:
        run.close()
    assert {each.status for each in verdicts} <= {Status.PASS, Status.NOT_APPLICABLE}
    assert changed <= {each.case for each in verdicts if each.status is Status.PASS}


def fixtures(root):
    """A folder to write to: all that ships, or a few chapters."""
    if WHOLE:
        return Path(shutil.copytree(fixtures_folder(), root))
    (root / "chapters").mkdir(parents=True)
    for name in ["dialects.yaml", *(f"chapters/{chapter}.yaml" for chapter in CHAPTERS)]:
        shutil.copy(fixtures_folder() / name, root / name)
    return root


def linted(suite):
    return [re.sub(r":\d+:", ":", problem) for problem in problems(suite)]


def expected(suite, names):
    """What every dialect of these says of every step."""
    return {
        (name, case.id): applicability(case, suite.dialects[name])
        or [expectation(step, suite.dialects[name]) for step in case.steps]
        for name in names
        for case in suite.cases.values()
    }


FOUR = TensorLiteral(float32=[[[[4, 24]]]])


@pytest.mark.parametrize("name", ["k0-4,7", "v0-4/10-14", "k3", "v5,4", "k4/h"])
def test_what_is_written_names_tensors(name):
    tensors = Tensors({"k4/h": FOUR})
    made = spelled(tensors(name))
    assert named({"tensors": [made, None]}, tensors) == {"tensors": [name, None]}
    assert named({"cache": {"keys": [made]}}, tensors) == {"cache": {"keys": [name]}}


@pytest.mark.parametrize("value", [0.5, -1.0])
def test_what_has_no_name_is_spelled(value):
    made = spelled(tokens("k1"))
    made["float32"] = [[[[value], [2]]]]
    assert named({"tensor": made}, Tensors({})) == {"tensor": made}
    assert named({"value": "k1"}, Tensors({})) == {"value": "k1"}
