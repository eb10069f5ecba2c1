"""What a dialect inherits, and the lookup that everything said by dialect goes through."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.engine.dialect import (
    DialectEntry,
    DialectError,
    Hazard,
    carries,
    inherited,
    lookup,
    nearest,
    spread,
)

LINEAGE = ("lm-3", "lm-2", "lm-1", "lm")
ROOT: dict[str, Any] = {
    "id": "lm-1", "family": "lm", "follows": "lm 1", "evidence": "run", "summary": "the first",
    "state_shape": {"slots": "slots"}, "absent": {"trim": "there is none", "copy": "there is none"},
    "inexpressible": ["null-slot"],
}  # fmt: skip


def dialects(*entries: dict[str, Any], hazards: tuple[Hazard, ...] = ()) -> dict[str, Any]:
    return inherited([DialectEntry(**entry) for entry in entries], hazards)


def hazard(*names: str, not_in: tuple[str, ...] = ()) -> Hazard:
    return Hazard(id="loses", rule="x", hits="x", dialects=list(names), not_in=list(not_in))


@pytest.mark.parametrize(
    ("table", "name", "value"),
    [
        ({}, None, None),
        ({"rs": 1}, None, None),
        ({"lm": 1}, "lm", 1),
        ({"lm": 1, "lm-1": 2}, "lm-1", 2),
        ({"lm-1": 2, "lm-2": 3, "lm": 1}, "lm-2", 3),
        ({"lm-3": 4, "lm-2": 3}, "lm-3", 4),
        ({"lm-2": None, "lm-1": 2, "lm": 1}, "lm-2", None),
    ],
)
def test_the_nearest_name_of_the_lineage_holds(table, name, value):
    assert nearest(table, LINEAGE) == name
    assert lookup(table, LINEAGE) == value


@pytest.mark.parametrize(
    ("values", "table"),
    [
        ({"lm-1": 1, "lm-2": 1, "lm-3": 1}, {"lm-1": 1}),
        ({"lm-1": None, "lm-2": None, "lm-3": None}, {}),
        ({"lm-1": 1, "lm-2": None, "lm-3": None}, {"lm-1": 1, "lm-2": None}),
        ({"lm-1": None, "lm-2": 2, "lm-3": 1}, {"lm-2": 2, "lm-3": 1}),
    ],
)
def test_a_spread_table_says_what_differs_and_is_looked_up_to_the_same(values, table):
    lineages = {name: LINEAGE[LINEAGE.index(name) :] for name in values}
    assert spread(values, lineages) == table
    assert {name: lookup(table, lineages[name]) for name in values} == values


def test_an_entry_that_changes_nothing_is_its_parent():
    found = dialects(ROOT, {"id": "lm-2", "extends": "lm-1"}, {"id": "lm-3", "extends": "lm-2"})
    for name in ("lm-2", "lm-3"):
        for field in ("family", "follows", "evidence", "summary", "state_shape", "absent",
                      "inexpressible", "hazards"):  # fmt: skip
            assert getattr(found[name], field) == getattr(found["lm-1"], field), field
    assert [each.lineage for each in found.values()] == [LINEAGE[2:], LINEAGE[1:], LINEAGE]


def test_what_an_entry_says_replaces_what_its_parent_says():
    own = {"follows": "lm 2", "evidence": "read", "summary": "two",
           "state_shape": {"slots": "compacted"}, "inexpressible": []}  # fmt: skip
    absent = {"absent": {"copy": None, "merge": "not yet"}}
    found = dialects(ROOT, {"id": "lm-2", "extends": "lm-1", **own, **absent})["lm-2"]
    assert {name: getattr(found, name) for name in own} == own
    assert found.absent == {"trim": "there is none", "merge": "not yet"}


def test_a_known_defect_is_carried_on_until_a_dialect_is_without_it():
    chain = [ROOT, *({"id": f"lm-{n}", "extends": f"lm-{n - 1}"} for n in (2, 3))]
    found = dialects(*chain, hazards=(hazard("lm-1", not_in=("lm-3",)),))
    assert [sorted(each.hazards) for each in found.values()] == [["loses"], ["loses"], []]
    assert carries(LINEAGE, hazard("lm-1", "lm-3", not_in=("lm-2",)))
    assert not carries(LINEAGE, hazard("rs"))


@pytest.mark.parametrize(
    ("entries", "index", "keys", "said"),
    [
        ([{"id": "lm-1"}], 0, (), "extends no dialect and has no `evidence`"),
        ([{"id": "lm-1", "extends": "lm-0"}], 0, ("extends",), "no dialect lm-0 stands above"),
        ([{"id": "lm-2", "extends": "lm-1"}, ROOT], 0, ("extends",),
         "no dialect lm-1 stands above"),
        ([ROOT, {"id": "lm-2", "extends": "lm-1", "family": "ml"}], 1, ("family",),
         "the family must be the same as in lm-1"),
        ([ROOT, {"id": "lm-2", "extends": "lm-1", "absent": {"get": None}}], 1, ("absent", "get"),
         "no parent has get here"),
        ([ROOT | {"absent": {"get": None}}], 0, ("absent", "get"), "no parent has get here"),
    ],
)  # fmt: skip
def test_an_entry_that_makes_no_dialect_is_refused(entries, index, keys, said):
    with pytest.raises(DialectError) as caught:
        dialects(*entries)
    assert (caught.value.index, caught.value.keys, str(caught.value)) == (index, keys, said)
