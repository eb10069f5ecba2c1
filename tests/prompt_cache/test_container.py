"""Faults of a file's frame: one file a layout, refused by all where memory would be handed out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.filetools.container import read_container, twin, twins, whole
from conformance.filetools.hostile import build
from conformance.fixtures.load import load_suite
from reference_impl.files import load

CONTAINER = read_container()
SUITE = load_suite()
WRONG = Path(__file__).with_name("wrong_files.py")
UNSAFE, HARMLESS = "offsets-before-the-data.mlx-swift-lm", "offsets-of-another.mlx-swift-lm"


@pytest.mark.parametrize("layout", CONTAINER.layouts)
def test_the_small_file_itself_is_read(layout, tmp_path):
    path = tmp_path / "whole.safetensors"
    path.write_bytes(build(whole(CONTAINER, layout)))
    loaded = load(path)
    assert layout in loaded.candidates
    (entry,) = loaded.content.entries
    assert [slot.tolist() for slot in entry.slots] == [[97, 98], [99, 100]]


def test_every_change_makes_a_case_in_every_layout():
    found = [case.removeprefix("file.hostile.") for case in SUITE.cases if ".hostile." in case]
    made = {file.id for file in twins(CONTAINER)}
    assert made <= set(found)
    assert len(made) == len(CONTAINER.changes) * len(CONTAINER.layouts)


def test_every_change_changes_the_file():
    for layout in CONTAINER.layouts:
        right = build(whole(CONTAINER, layout))
        files = [build(twin(CONTAINER, change, layout)) for change in CONTAINER.changes]
        assert right not in files
        assert len({*files}) == len(files)


def verdict(behaviour: str, file: str, dialect: str = "mlxrs-0.1"):
    command = shlex.join([sys.executable, str(WRONG), behaviour])
    run = Run(SUITE, f"cmd:{command}", dialect)
    try:
        return run.verdict(SUITE.cases[f"file.hostile.{file}"])
    finally:
        run.close()


def test_a_port_that_reads_memory_that_is_not_the_files_fails():
    failed = verdict("reads-everything", UNSAFE)
    assert failed.status is Status.FAIL
    passed = verdict("reads-everything-as-mlxrs", UNSAFE)
    assert passed.status is Status.PASS
    assert [choice.hazard for choice in passed.choices] == ["memory-is-handed-out"]
    assert verdict("none", UNSAFE).status is Status.PASS


def test_what_the_file_defines_may_be_read_as_the_dialect_reads_it():
    for behaviour in ("reads-everything", "reads-everything-as-mlxrs", "none"):
        assert verdict(behaviour, HARMLESS).status is Status.PASS
    other = "offsets-of-another.mlx-lm-0.32"  # its keys are refused whatever its offsets are
    assert verdict("reads-everything", other).status is Status.FAIL


def test_where_the_dialects_mlx_refuses_a_file_so_must_a_port():
    for cut in ("cut-in-a-tensor", "cut-before-the-data", "shape-of-more"):
        file = f"{cut}.mlx-swift-lm"
        assert verdict("reads-everything-as-mlxrs", file).status is Status.FAIL


def test_a_reader_that_never_ends_is_not_given_the_file():
    for change in ("shape-below-zero", "shape-that-overflows"):
        case = SUITE.cases[f"file.hostile.{change}.mlx-swift-lm"]
        assert "never ends" in case.not_applicable["mlx-swift-lm-3.31.3"]
