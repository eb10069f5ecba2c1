"""A dialect from what a release answers: what is found, where it is written, which rules follow."""

from __future__ import annotations

import re

import pytest

from conformance.capture.answers import Unsteady, captured
from conformance.capture.edits import YamlEditor
from conformance.capture.rules import rules
from conformance.engine.runner import Run, select
from conformance.fixtures.load import load_suite
from conformance.fixtures.userfile import FixtureError
from conformance.fixtures.yamlfile import parse
from reference_impl import dialect_class

__all__ = ["Altered", "Unsure"]

SUITE = load_suite()
PARENT, CHILD = "mlx-lm-0.32", "mlx-lm-0.33"
CASES = ["mask.left-padding.negative-count", "index.*", "extract.*", "batch-size.*", "seq.*"]
Parent = dialect_class(PARENT)


class Altered(Parent):
    """A release with four other behaviours."""

    batch_size = property(lambda self: 7)

    def __getitem__(self, index):
        if index < 0:
            raise KeyError(index)
        return super().__getitem__(index)

    def make_mask(self, N):
        if N < 0:
            raise ValueError("a chunk has no negative length")
        return super().make_mask(N)

    def extract(self, index):
        raise NotImplementedError("not yet")


class Unsure(Parent):
    """A release that answers otherwise each time."""

    asked = 0

    @property
    def batch_size(self):
        Unsure.asked += 1
        return Unsure.asked


def opened(cls) -> Run:
    return Run(SUITE, f"py:{__name__}:{cls.__name__}", PARENT)


def known_cases():
    found = []
    for pattern in CASES:
        try:
            found += select(SUITE, [pattern])
        except ValueError:
            continue
    return [case for case in found if not {"hostile", "large"} & set(case.tags)]


def test_exactly_the_altered_behaviours_are_found():
    run = opened(Altered)
    try:
        found = captured(run, CHILD, known_cases())
    finally:
        run.close()
    altered = {"batch_size", "get", "make_mask", "extract"}
    assert {rule.operation for rule in rules(SUITE, found.dialect, found.changed)} == altered
    assert {each.operation for each in found.changed} <= altered
    assert {why.split()[0] for why in found.unable.values()} <= altered
    assert not found.left
    assert found.dialect.parents[0] == PARENT


def test_a_release_that_is_not_the_same_twice_is_refused_with_the_cases():
    cases = select(SUITE, ["batch-size.*", "index.set.*"])
    asked = {case.id for case in cases if any(s.operation.wire == "batch_size" for s in case.steps)}
    run = opened(Unsure)
    try:
        with pytest.raises(Unsteady, match="do not end in the same way in two runs") as caught:
            captured(run, CHILD, cases)
        found = captured(run, CHILD, cases, leave=asked)
    finally:
        run.close()
    assert {case.id for case in cases} > asked == caught.value.cases.keys()
    name, how = next(iter(caught.value.cases.items()))
    assert re.fullmatch(r"pass, then step 1: batch_size.*: expected \d+, got \d+", how), how
    assert f"  {name}: {how}" in str(caught.value)
    assert not found.changed
    assert found.left.keys() == asked


TEXT = """\
# head
cases:
- id: a   # the first
  requires: [X-001]
  steps:
  - {op: get, expect: {value: 1}}   # flow
  - op: set
    expect: {value: 2}
    unless:
      old: {value: 3}
      # a comment
- {id: b, requires: [X-002], captured: [old]}
"""


def test_pairs_are_put_where_they_belong_and_all_else_stays():
    editor = YamlEditor(TEXT, "f.yaml")
    editor.put(("cases", 0, "steps", 0), "unless", {"new": {"error": "E"}})
    editor.put(("cases", 0, "steps", 1, "unless"), "new", {"value": None})
    editor.put(("cases", 0), "captured", ["new"], after="requires")
    editor.append(("cases", 1, "captured"), "new")
    editor.extend(("cases",), "- id: c\n")
    made = editor.text
    assert made == TEXT.replace(
        "{op: get, expect: {value: 1}}", "{op: get, expect: {value: 1}, unless: {new: {error: E}}}"
    ).replace(
        "      old: {value: 3}\n", "      old: {value: 3}\n      new: {value: null}\n"
    ).replace(
        "  requires: [X-001]\n", "  requires: [X-001]\n  captured: [new]\n"
    ).replace("captured: [old]", "captured: [old, new]") + "- id: c\n"
    assert parse(made.encode(), "f")["cases"][2] == {"id": "c"}


def test_a_key_that_is_there_is_not_written_over():
    with pytest.raises(FixtureError, match="cannot get a key id"):
        YamlEditor(TEXT, "f.yaml").put(("cases", 0), "id", "z")
