"""A port that mended a known defect passes sequences and laws as it passes the cases."""

from __future__ import annotations

import pytest

from conformance.calls import Call
from conformance.fixtures.load import load_suite
from conformance.kinds import KINDS
from conformance.properties import driver, shorten
from conformance.properties.better import Mended, mended
from conformance.properties.breaches import try_law
from conformance.properties.comparison import Comparison
from conformance.properties.kind_properties import laws_of
from conformance.properties.search import search
from conformance.properties.shorten import redrawn
from conformance.tensor import tensor
from conformance.transport import connect
from conformance.transport.backend import BackendHung
from conformance.transport.in_process import InProcessBackend
from conformance.transport.python_adapters import python_class
from conformance.transport.restarting import RestartingBackend
from tests.support import better

SUITE = load_suite()
DIALECT = SUITE.dialect("mlx-lm-0.31")
SLOTS = KINDS["slots"]
NEW = Call("new", {"cache": "c", "size": 1, "left_padding": [3]})
SLOT = {"cache": "c", "slot": 0, "value": tensor("int32", [1, 1], [7])}


def held(what: str, change: Call) -> list[Call]:
    return [NEW, Call("hold", {"cache": "c", "what": what, "name": "h"}), change,
            Call("held", {"name": "h"})]  # fmt: skip


# Calls that the dialect's own answers part from.
SEEN = {
    "StateIsACopy": held("state", Call("set", SLOT)),
    "AdvanceReplaces": held("left_padding", Call("advance", {"cache": "c", "n": 1})),
    "ExtractChecks": [NEW, Call("set", SLOT),
                      Call("extract", {"cache": "c", "index": 3, "into": "d"}),
                      Call("snapshot", {"cache": "d"})],
}  # fmt: skip


@pytest.fixture(scope="module")
def reference():
    with connect("reference", DIALECT.id) as backend:
        yield backend


def session_of(name: str) -> RestartingBackend:
    return RestartingBackend(lambda: InProcessBackend(python_class(f"{better.__name__}:{name}")))


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(driver, "SHRINK_ATTEMPTS", 5)
    monkeypatch.setattr(shorten, "SECONDS", 0.1)


@pytest.mark.parametrize("name", better.MENDED)
def test_sequences_and_laws_take_the_better_outcome_too(name, reference):
    session = session_of(name)
    found = mended(SUITE, DIALECT, session)
    assert found.operations
    comparison = Comparison(reference, session, DIALECT, KINDS, found)
    assert search(comparison, SLOTS, 1, 30)[0] is None
    assert not comparison.rules.hazards & found.hazards
    for law in (law for kind, law in laws_of(KINDS).values() if kind is SLOTS):
        if law.not_applicable(SLOTS, comparison.rules, comparison.operations) is None:
            assert try_law(law, comparison, SLOTS, 1, 2)[0] is None, law.id
    if name in SEEN:
        drawn = redrawn(comparison, [Call("reset"), *SEEN[name]])
        assert drawn is not None
        assert comparison.compare(drawn) is None
        assert Comparison(reference, session, DIALECT, KINDS).compare(drawn) is not None


def test_what_mended_nothing_is_held_to_the_dialect(reference):
    session = RestartingBackend(lambda: connect("reference", DIALECT.id))
    assert mended(SUITE, DIALECT, session) == Mended()


def test_a_backend_that_hangs_is_asked_once():
    asked = []

    class Hangs:
        handshake = connect("reference", DIALECT.id).handshake
        pid = None

        def call_all(self, calls, seconds):
            asked.append(calls)
            raise BackendHung("no answer")

        def close(self):
            pass

    assert mended(SUITE, DIALECT, RestartingBackend(Hangs)) == Mended()
    assert len(asked) <= 2


def test_another_mistake_of_such_a_port_is_found(reference):
    """It stays at the operation that is wrong, though looks in between are left out to shorten."""
    session = session_of("ExtractChecksAndForgets")
    found = mended(SUITE, DIALECT, session)
    assert found == Mended(frozenset({"extract-slices-unchecked"}), frozenset({"extract"}))
    disagreement, _ = search(Comparison(reference, session, DIALECT, KINDS, found), SLOTS, 1, 200)
    assert disagreement is not None
    acting = [c.op for c in disagreement.drawn.calls if c.op not in ("snapshot", "held")]
    assert acting[-1] == "finalize"
