"""The real releases: golden files captured again, and every file read as expected."""

from __future__ import annotations

import os

import pytest

from conformance.filetools.compare import reading
from conformance.filetools.conversion import convert, known_classes
from conformance.filetools.exchange import session
from conformance.filetools.expectations import check as check_reader
from conformance.filetools.goldens import goldens
from conformance.filetools.participants import participants
from conformance.transport.backend import from_wire
from conformance.transport.reference_files import described
from reference_impl.files import load
from reference_impl.files.errors import BadCache
from tools.capture.writers import MAIN, WRITERS, check


def nothing(what: str, count: int) -> None:
    """Progress that nobody watches."""


NIGHTLY = "EVERY_RELEASE" in os.environ
# The others take an environment each; `make nightly` has them.
SELDOM = {"mlx-lm-0.19.1", "mlx-lm-0.22.5", "mlx-lm-0.26.4", "mlx-lm-0.28.1"}
CAPTURED = [name for name in WRITERS if name != MAIN and (name not in SELDOM or NIGHTLY)]


@pytest.mark.parametrize("name", CAPTURED)
def test_captured_again_byte_for_byte(name):
    assert list(check(WRITERS[name], None, nothing)) == []


@pytest.mark.parametrize(
    ("version", "reader"), [("0.31.3", "mlx-lm-0.31"), ("0.32.2", "mlx-lm-0.32")]
)
def test_the_release_reads_every_file_as_expected(version, reader):
    (who,) = participants(f"pypi:mlx-lm=={version}")
    with session(who) as live:
        assert list(check_reader(live, reader)) == []


OLD = ("mlx-lm-0.19.1", "mlx-lm-0.22.5", "mlx-lm-0.26.4", "mlx-lm-0.28.0", "mlx-lm-0.28.1")


@pytest.mark.parametrize(
    ("version", "layout"), [("0.31.3", "mlx-lm-0.31"), ("0.32.2", "mlx-lm-0.32")]
)
def test_a_file_of_an_old_release_is_converted_and_loaded_whole(version, layout, tmp_path):
    """Tensors, offsets and ring index, by the real package; a list without classes cannot be."""
    converted = 0
    (who,) = participants(f"pypi:mlx-lm=={version}")
    with session(who) as live:
        for record, golden, path in goldens():
            if record.writer not in OLD:
                continue
            if golden.case.startswith("list"):
                with pytest.raises(BadCache, match="classes of its children are lost"):
                    load(path)
                continue
            out = tmp_path / f"{record.writer}-{golden.case}.safetensors"
            convert(path, out, layout, allow_loss=golden.case == "mamba")
            content, _ = known_classes(load(path).content, layout)
            plain = {
                "caches": from_wire([described(entry) for entry in content.entries]),
                "user_metadata": dict(content.user_metadata),
            }
            got = live.call("load", path=str(out))
            if golden.case == "batch-rotating" and layout == "mlx-lm-0.31":
                got["caches"][0]["numbers"]["rotated"] = False  # its reader takes any text for true
            if golden.case == "user-metadata-numeric":  # both readers make a list of it
                plain["user_metadata"], got["user_metadata"] = {}, {}
            if golden.case == "no-slots":
                continue  # neither reader can have a cache of no slots
            assert reading(plain, got).spelled() == "same", (record.writer, golden.case)
            converted += 1
    assert converted == 79
