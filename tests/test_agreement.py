"""Drawn sequences of operations: reference and real mlx-lm answer alike, errors included."""

from __future__ import annotations

import os

import pytest

from conformance.fixtures.dialects import read_dialects
from conformance.kinds import KINDS
from conformance.properties.agreement import differences
from conformance.properties.comparison import Comparison
from conformance.properties.search import search
from conformance.transport import connect
from conformance.transport.restarting import RestartingBackend

# More on request: AGREEMENT_SEQUENCES=20000 pytest tests/test_agreement.py
SEQUENCES = int(os.environ.get("AGREEMENT_SEQUENCES", "2000"))


def compare(backend: str, dialect: str, count: int):
    """The first difference of `count` sequences, and the tally."""
    session = RestartingBackend(lambda: connect(backend, dialect))
    with connect("reference", dialect) as reference:
        try:
            rules = read_dialects()[dialect]
            comparison = Comparison(reference, session, rules, KINDS)
            return search(comparison, KINDS["slots"], 0, count)
        finally:
            session.close()


@pytest.mark.parametrize(
    ("backend", "dialect"),
    [("pypi:mlx-lm==0.31.3", "mlx-lm-0.31"), ("pypi:mlx-lm==0.32.2", "mlx-lm-0.32")],
)
def test_reference_and_real_release_agree(backend, dialect):
    found, tally = compare(backend, dialect, SEQUENCES)
    assert found is None, "\n".join(differences(found.drawn, found.answers.replies))
    assert tally.sequences >= SEQUENCES
    for op in ("set", "filter", "extend", "extract", "merge", "advance", "make_mask", "round_trip",
               "copy", "held", "write_in_place", "from_state"):  # fmt: skip
        assert tally.operations[op] > SEQUENCES // 20, f"{op} was hardly exercised"
    for kind in ("TypeError", "ValueError", "IndexError", "StopIteration"):
        assert tally.refusals[kind], f"no sequence was refused with {kind}"


def test_a_disagreement_is_found_and_is_short():
    """The two versions do differ, so judging one by the other must not pass."""
    found, _ = compare("pypi:mlx-lm==0.32.2", "mlx-lm-0.31", 300)
    assert found is not None
    assert len(found.drawn.calls) <= 4
    assert "<>" in differences(found.drawn, found.answers.replies)[-1]
