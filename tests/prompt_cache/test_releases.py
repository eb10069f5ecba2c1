"""The real releases: golden files captured again, and every file read as expected."""

from __future__ import annotations

import pytest

from conformance.filetools.exchange import session
from conformance.filetools.expectations import check as check_reader
from conformance.filetools.participants import participants
from tools.capture.writers import MAIN, WRITERS, check


def nothing(what: str, count: int) -> None:
    """Progress that nobody watches."""


@pytest.mark.parametrize("name", [name for name in WRITERS if name != MAIN])
def test_captured_again_byte_for_byte(name):
    assert list(check(WRITERS[name], None, nothing)) == []


@pytest.mark.parametrize(
    ("version", "reader"), [("0.31.3", "mlx-lm-0.31"), ("0.32.2", "mlx-lm-0.32")]
)
def test_the_release_reads_every_file_as_expected(version, reader):
    (who,) = participants(f"pypi:mlx-lm=={version}")
    with session(who) as live:
        assert list(check_reader(live, reader)) == []
