"""Golden files: unchanged, read as expected by every reader, written again to the same content."""

from __future__ import annotations

import pytest

from conformance.filetools.expectations import Local, check
from conformance.filetools.goldens import goldens, read_expectations, unchanged
from conformance.filetools.model import folder, read_cases
from reference_impl.files import LAYOUTS, READ_ONLY, encode, load
from reference_impl.files.content import differences
from reference_impl.files.errors import BadCache
from reference_impl.files.readers import READERS
from tools.capture.writers import WRITERS

ALL = [(record, golden, path) for record, golden, path in goldens()]
# Their lists do not say which classes their children have.
LISTS_LOST = {f"mlx-lm-{version}" for version in ("0.26.4", "0.28.0", "0.28.1", "0.29.1", "0.30.5")}
# A tensor beyond 64 KiB, many layers, room for 256 tokens five times.
LARGE = {"large-tensor", "hundred-layers", "quantized-forms"}
IDS = [f"{record.writer}/{golden.case}" for record, golden, _ in ALL]


def test_every_writer_and_every_case_is_there():
    writers = {record.writer: {golden.case for golden in record.files} for record, _, _ in ALL}
    assert set(writers) == {*WRITERS, "mlxrs-0.1.0"}
    cases = read_cases().cases
    for name in WRITERS:
        assert writers[name] == {case.id for case in cases if case.is_written_by(name)}
    on_disk = {str(path.relative_to(folder())) for path in folder().glob("*/*.safetensors")}
    assert on_disk == {f"{name}.safetensors" for name in IDS}


@pytest.mark.parametrize(("record", "golden", "path"), ALL, ids=IDS)
def test_the_file_is_the_one_that_was_captured(record, golden, path):
    assert unchanged(golden, path)
    assert path.stat().st_size < (98304 if golden.case in LARGE else 16384)


@pytest.mark.parametrize(("record", "golden", "path"), ALL, ids=IDS)
def test_the_layout_is_recognised_and_written_again(record, golden, path):
    if record.writer in LISTS_LOST and golden.case.startswith("list"):
        with pytest.raises(BadCache, match="classes of its children are lost"):
            load(path)
        return
    loaded = load(path)
    assert record.layout in loaded.candidates
    for layout in loaded.candidates:  # where keys fit several layouts, all say the same
        assert not list(differences(loaded.content, load(path, layout).content))
        if layout not in READ_ONLY:
            again = encode(loaded.content, layout).flat
            assert set(again.metadata.items()) == set(_metadata(path).items())


def _metadata(path):
    from reference_impl.files import container

    return container.read(path).metadata


@pytest.mark.parametrize("reader", [*READERS, "strict"])
def test_every_reader_does_what_is_expected(reader):
    assert list(check(Local(reader), reader)) == []


def test_expectations_name_every_reader_and_nothing_else():
    expected = read_expectations()
    assert set(expected) == {record.writer for record, _, _ in ALL}
    for record, golden, _ in ALL:
        said = expected[record.writer].expectations[golden.case]
        assert set(said) == {*READERS, "strict"}, golden.case
    for name, each in expected.items():
        files = {golden.case for record, golden, _ in ALL if record.writer == name}
        assert set(each.expectations) == files


def test_the_strict_reader_is_never_wrong_and_never_ends_the_process():
    for each in read_expectations().values():
        for readings in each.expectations.values():
            assert readings["strict"].wrong is None
            assert readings["strict"].trap is None


def test_every_layout_has_a_golden_file():
    assert {record.layout for record, _, _ in ALL} == {*LAYOUTS, *READ_ONLY}
