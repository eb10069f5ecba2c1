"""Drawn sequences of operations: reference and real mlx-lm answer alike, errors included."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings

from conformance.backends import connect
from conformance.backends.base import Refused
from conformance.load import load_suite
from conformance.plan import Call
from conformance.sequences import differences, sequences

# More on request: AGREEMENT_SEQUENCES=20000 pytest tests/test_agreement.py
SEQUENCES = int(os.environ.get("AGREEMENT_SEQUENCES", "2000"))
SECONDS = 60.0


def compare(backend: str, dialect_id: str, count: int) -> Counter[str]:
    """Judge `count` sequences; the tally says how often each operation and refusal occurred."""
    dialect = load_suite().dialects[dialect_id]
    tally: Counter[str] = Counter()
    with (
        connect("reference", dialect_id) as author,
        connect("reference", dialect_id) as reference,
        connect(backend, dialect_id) as other,
    ):
        shared = set(reference.handshake.capabilities) & set(other.handshake.capabilities)

        @settings(
            max_examples=count,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(sequences(author, dialect, shared - {"hold", "held"}))
        def agree(calls: list[Call]) -> None:
            script = [Call("reset"), *calls]
            expected = list(reference.call_all(script, SECONDS))
            got = list(other.call_all(script, SECONDS))
            tally["sequences"] += 1
            for call, reply in zip(script, expected, strict=True):
                tally[call.op] += 1
                if isinstance(reply, Refused):
                    tally[reply.kind] += 1
            found = differences(script, expected, got)
            assert not found, "\n".join(found)

        agree()
    return tally


@pytest.mark.parametrize(
    ("backend", "dialect"),
    [("pypi:mlx-lm==0.31.3", "mlx-lm-0.31"), ("pypi:mlx-lm==0.32.2", "mlx-lm-0.32")],
)
def test_reference_and_real_release_agree(backend, dialect):
    tally = compare(backend, dialect, SEQUENCES)
    assert tally["sequences"] >= SEQUENCES
    for op in ("set", "filter", "extend", "extract", "merge", "advance", "make_mask", "round_trip"):
        assert tally[op] > SEQUENCES // 10, f"{op} was hardly exercised"
    for kind in ("TypeError", "ValueError", "IndexError", "StopIteration"):
        assert tally[kind], f"no sequence was refused with {kind}"


def test_a_disagreement_is_found():
    """The two versions do differ, so judging one by the other must not pass."""
    with pytest.raises(AssertionError, match="<>"):
        compare("pypi:mlx-lm==0.32.2", "mlx-lm-0.31", 300)
