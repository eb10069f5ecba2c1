"""Every choice of every list of choices is drawn: none is lost on the way to a backend.

What is drawn of files is looked at part by part, which is quick for two of the parts. The others,
and sequences and laws, which the reference carries out, are for `make nightly` (EVERY_CHOICE).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import strategies as st
from hypothesis.strategies._internal.strategies import SampledFromStrategy

from conformance.fixtures.load import load_suite
from conformance.kinds import KINDS
from conformance.kinds.files import contents, keyvalues, tensors, texts
from conformance.properties.breaches import breaking
from conformance.properties.comparison import Comparison
from conformance.properties.driver import Search
from conformance.properties.kind_properties import laws_of, properties_of
from conformance.properties.search import disagreeing, not_applicable
from conformance.tensor import DTYPES
from conformance.transport import connect
from conformance.transport.restarting import RestartingBackend

DIALECTS = load_suite().dialects
PYTHON = DIALECTS["mlx-lm-0.32"]
LONG = pytest.mark.skipif("EVERY_CHOICE" not in os.environ, reason="takes long: make nightly")


class Record:
    """What was drawn of each list of choices, by the strategy that has it."""

    def __init__(self) -> None:
        self.drawn: dict[int, tuple[SampledFromStrategy, list]] = {}

    def lost(self, wanted) -> dict[tuple, list]:
        """List -> what was never drawn of it."""
        nothing = (None, [])
        return {
            tuple(each.elements): missing
            for each in wanted
            if (missing := _without(each.elements, self.drawn.get(id(each), nothing)[1]))
        }

    def complete(self, strategy, wanted, count: int) -> bool:
        """Whether each choice of the `wanted` lists comes in so many draws."""
        def all_there(_):
            return None if self.lost(wanted) else "all"

        return Search(strategy, all_there, size=lambda found: 0).first(0, count) is not None


def _without(choices, got) -> list:
    return [choice for choice in choices if choice not in got]


@pytest.fixture
def record(monkeypatch):
    made = Record()
    draw = SampledFromStrategy.do_draw

    def recorded(self, data):
        got = draw(self, data)
        made.drawn.setdefault(id(self), (self, []))[1].append(got)
        return got

    monkeypatch.setattr(SampledFromStrategy, "do_draw", recorded)
    return made


def lists(module) -> list[SampledFromStrategy]:
    found = [*vars(module).values(), *getattr(module, "_extremes", {}).values()]
    return [each for each in found if isinstance(each, SampledFromStrategy)]


@pytest.mark.parametrize(
    ("module", "strategy"),
    [
        (texts, texts.user_metadata()),
        (keyvalues, keyvalues.key_values(PYTHON, empty=False)),
        pytest.param(tensors, tensors.slot_tensors(2), marks=LONG),
        pytest.param(contents, contents.contents(PYTHON), marks=LONG),
    ],
    ids=lambda value: getattr(value, "__name__", "").rpartition(".")[2] or None,
)
def test_each_choice_of_contents_is_drawn(module, strategy, record):
    wanted = lists(module)
    assert len(wanted) >= 5
    assert record.complete(strategy, wanted, 3000), record.lost(wanted)


def test_every_dtype_and_class_is_drawn(record):
    dtypes, classes = set(), set()

    def all_there(drawn):
        literal, cache = drawn
        dtypes.add(literal.get("dtype") or next(iter(literal)))
        classes.add(cache["class_name"])
        whole = dtypes == set(DTYPES) - {"float64"} and classes == set(keyvalues.FAMILY)
        return "all" if whole else None

    both = st.tuples(tensors.slot_tensors(1), keyvalues.key_values(PYTHON, empty=True))
    assert Search(both, all_there, size=lambda found: 0).first(0, 400)


def test_a_choice_that_is_lost_is_noticed(record):
    names = st.sampled_from(("float32", "bool_", "int8")).filter(DTYPES.__contains__)
    assert not record.complete(names, [names], 100)
    assert record.lost([names]) == {("float32", "bool_", "int8"): ["bool_"]}


@LONG
@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if properties_of(kind).drawing], ids=lambda kind: kind.name
)
def test_each_choice_of_sequences_and_laws_is_drawn(kind, record):
    """Of lists that are made once: those that are drawn from often."""
    for name in ("mlxrs-0.1", "mlx-lm-0.32", "mlx-swift-lm-3.31.4"):
        with connect("reference", name) as model:
            session = RestartingBackend(lambda model=model: model)
            comparison = Comparison(model, session, DIALECTS[name], KINDS)
            if not_applicable(comparison, kind) is None:
                assert disagreeing(comparison, kind).first(0, 400) is None
            for owner, law in laws_of(KINDS).values():
                if owner is not kind:
                    continue
                if law.not_applicable(kind, DIALECTS[name], comparison.operations) is None:
                    assert breaking(law, comparison, kind).first(0, 60) is None
    often = [each for each, got in record.drawn.values() if len(got) >= 100]
    assert len(often) >= 5
    assert not record.lost(often)
