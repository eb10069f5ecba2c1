"""A new dialect is one entry and one module; what it changes, it changes in two places."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.engine.plan import applicability
from conformance.fixtures.load import load_suite

ROOT = Path(__file__).resolve().parent.parent
PARENT, CHILD = "mlx-lm-0.32", "mlx-lm-0.33"
ENTRY = f"- id: {CHILD}\n  extends: {PARENT}\n"
MODULE = f'''"""mlx-lm 0.33: as 0.32."""

from reference_impl.dialects import mlx_lm_0_32


class ArraysCache(mlx_lm_0_32.ArraysCache):
    dialect = "{CHILD}"
'''
RULE = """
    def make_mask(self, N):
        if N < 0 and self.left_padding is not None:
            raise ValueError("a chunk has no negative length")
        return super().make_mask(N)
"""
CASE = "mask.left-padding.negative-count"
OTHERS = "mlx-swift-lm: {trap: a range that ends before it starts}"


class Checkout:
    """A copy of what a dialect is made of, in which the new one is written down."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("conformance", "reference_impl", "fixtures"):
            shutil.copytree(ROOT / name, root / name)
        entries = root / "fixtures" / "dialects.yaml"
        entries.write_text(entries.read_text() + ENTRY)
        self.module = root / "reference_impl" / "dialects" / "mlx_lm_0_33.py"
        self.module.write_text(MODULE)

    def command(self, *words: str) -> tuple[int, str]:
        """The exit code and the output of the suite that stands here."""
        done = subprocess.run(
            [sys.executable, "-m", "conformance", *words], cwd=self.root, text=True,
            capture_output=True, env={**os.environ, "PYTHONPATH": str(self.root)}, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def verdicts(self, dialect: str, *words: str) -> tuple[dict[str, str], str]:
        """Case -> status of the reference in a dialect, and what was printed."""
        report = self.root / "report.json"
        words = ("run", "--quiet", "--dialect", dialect, "--report", str(report), *words)
        code, said = self.command(*words)
        assert code in (0, 1), said
        read = json.loads(report.read_text())["verdicts"]
        return {each["case"]: each["status"] for each in read}, said


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """A checkout with the dialect that changes nothing; its verdicts, and what was printed."""
    checkout = Checkout(tmp_path_factory.mktemp("unchanged"))
    return checkout, *checkout.verdicts(CHILD, "--properties", "quick")


def test_a_dialect_that_changes_nothing_is_an_entry_and_a_module(unchanged):
    checkout, child, said = unchanged
    code, linted = checkout.command("lint")
    suite = load_suite()
    count = len(suite.dialects) + 1
    assert (code, linted.count(f", {count} dialects: 0 problems")) == (0, 1), linted
    parent = suite.dialect(PARENT)
    assert child == {
        case.id: "pass" if applicability(case, parent) is None else "not-applicable"
        for case in suite.cases.values()
    }
    assert re.search(r"\d+ laws, \d+ sequences, .* 0 of \d+ parts failed", said), said


def test_what_a_dialect_changes_stands_in_two_places(checkout, unchanged):
    _, before, _ = unchanged
    checkout.module.write_text(MODULE + RULE)
    found, _ = checkout.verdicts(CHILD)
    assert {case: found[case] for case in found if found[case] != before[case]} == {CASE: "fail"}
    masks = checkout.root / "fixtures" / "chapters" / "masks.yaml"
    head, case, tail = masks.read_text().partition(f"- id: {CASE}\n")
    own = f"    unless:\n      {CHILD}: {{error: ValueError}}\n      {OTHERS}\n"
    masks.write_text(head + case + tail.replace(f"    unless: {{{OTHERS}}}\n", own, 1))
    assert checkout.command("lint")[0] == 0
    # No other case went wrong above.
    assert checkout.verdicts(CHILD, "--case", CASE)[0] == {CASE: "pass"}


BATCHES = '''

class BatchKVCache(mlx_lm_0_32.BatchKVCache):
    """One that the new dialect has changed."""
'''
KINDS = f"""
import json
from reference_impl import cache_classes, prompt_functions
ours, before = cache_classes("{CHILD}"), cache_classes("{PARENT}")
batch = ours["KVCache"].merge([ours["KVCache"]()])
layer, = prompt_functions("{CHILD}").make_prompt_cache(type("Model", (), dict(layers=[0])))
print(json.dumps([
    list(ours) == list(before), sorted({{kind.dialect for kind in ours.values()}}),
    ours["KVCache"].__base__ is before["KVCache"], type(batch).__doc__,
    type(batch) is ours["BatchKVCache"], type(layer) is ours["KVCache"],
    before["KVCache"].classes is before,
]))
"""


def test_kinds_that_a_dialect_does_not_define_are_its_own_all_the_same(checkout):
    checkout.module.write_text(MODULE + BATCHES)
    done = subprocess.run(
        [sys.executable, "-c", KINDS], cwd=checkout.root, text=True, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(checkout.root)}, check=True,
    )  # fmt: skip
    doc = "One that the new dialect has changed."
    assert json.loads(done.stdout) == [True, [CHILD], True, doc, True, True, True]
