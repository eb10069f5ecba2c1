"""Hazards: a dialect that carries one shows it in a case, or this list says why none does."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from conformance.engine.plan import applicability, expectation
from conformance.fixtures.load import load_suite

SUITE = load_suite()
FILES_OF_MEMORY = "the files that show it are refused where memory ends"
UNSHOWN = {
    "index-decides-the-allocation": FILES_OF_MEMORY,
    "extend-joins-slots-before-it-fails": "read: only the state of 0.32 can be made wrong for it",
    "forged-start-believed": "0.32 takes it from its state, which no outcome spells",
    "numbers-of-a-ring-believed": "0.32 takes them from its state, which no outcome spells",
    "text-ends-at-nul": "read of mlx-swift-lm, whose files with NUL nobody has written",
    "state-taken-unseen": "the cases that show it need operations that older releases lack",
    "index-below-zero": "the cases that show it need operations that older releases lack",
}


def hazards(*expected):
    found = [each for one in expected if one is not None for each in (one, *one.mlx.values())]
    return {each.hazard for each in found if each.hazard is not UNSET}


NAMING = {
    case.id: steps for case in SUITE.cases.values()
    if (steps := [step for step in case.steps if hazards(step.expect, *step.unless.values())])
}  # fmt: skip


def shown(dialect):
    """The hazards that the outcomes of a dialect name."""
    applying = [steps for name, steps in NAMING.items()
                if applicability(SUITE.cases[name], dialect) is None]  # fmt: skip
    return hazards(*(expectation(step, dialect) for steps in applying for step in steps))


@pytest.mark.parametrize("name", SUITE.dialects)
def test_a_hazard_that_a_dialect_carries_is_shown_there(name):
    """Else `not_in` names the dialect: what is mended there, or cannot happen, is not carried."""
    dialect = SUITE.dialects[name]
    assert dialect.hazards - shown(dialect) - UNSHOWN.keys() == set()


def test_the_list_of_those_that_are_not_shown_is_no_longer_than_it_must_be():
    missing = {hazard for each in SUITE.dialects.values() for hazard in each.hazards - shown(each)}
    assert missing == UNSHOWN.keys()
