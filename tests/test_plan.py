"""From a case to calls: which expectation holds where, what `given` becomes, what applies."""

from __future__ import annotations

import pytest
from support.judging import A0, TENSORS, case, dialect

from conformance.engine.plan import applicability, expectation, operations, plan
from conformance.kinds import KINDS
from conformance.tensor import tensor

ALL = ("mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32", "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4")


def bound(text, name="mlx-lm-0.31", **fields):
    return plan(case(text, **fields), dialect(name), TENSORS)


def calls(made):
    return [(step.number, step.call.op, step.call.arguments) for step in made.steps]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", (None,) * 5),
        (", expect: {value: 0}", (0, 0, 0, 0, 0)),
        (", expect: {value: 0}, unless: {mlx-lm: {value: 1}}", (0, 1, 1, 0, 0)),
        (", expect: {value: 0}, unless: {mlx-lm-0.32: {value: 2}}", (0, 0, 2, 0, 0)),
        (", expect: {value: 0}, unless: {mlx-lm: {value: 1}, mlx-lm-0.32: {value: 2}}",
         (0, 1, 2, 0, 0)),
        (", expect: {value: 0}, unless: {mlx-lm-0.32: {value: 2}, mlx-lm: {value: 1}}",
         (0, 1, 2, 0, 0)),
        (", unless: {mlx-swift-lm-3.31.4: {value: 4}}", (None, None, None, None, 4)),
        (", unless: {mlx: {value: 4}, mlx-lm-0.3: {value: 5}}", (None,) * 5),
    ],
)  # fmt: skip
def test_the_exact_id_wins_over_the_family_and_that_over_expect(text, values):
    text = f"- {{op: advance, n: 1{text}}}"
    (step,) = case(text).steps
    for name, value in zip(ALL, values, strict=True):
        chosen = expectation(step, dialect(name))
        assert (chosen and chosen.value) == value
        (planned,) = bound(text, name).steps
        assert (planned.expect and planned.expect.own.value) == value


NEW = {"cache": "c", "left_padding": None}


@pytest.mark.parametrize(
    ("spec", "made"),
    [
        ({"size": 3}, [("new", NEW | {"size": 3})]),
        ({"slots": []}, [("new", NEW | {"size": 0})]),
        ({"slots": [None, "a0", None], "left_padding": [1, 0]},
         [("new", NEW | {"size": 3, "left_padding": [1, 0]}),
          ("set", {"cache": "c", "slot": 1, "value": A0})]),
        ({"slots": ["a0", {"int8": [1]}], "lengths": [2]},
         [("new", NEW | {"size": 2}), ("set", {"cache": "c", "slot": 0, "value": A0}),
          ("set", {"cache": "c", "slot": 1, "value": tensor("int8", [1], [1])}),
          ("prepare", {"cache": "c", "lengths": [2]})]),
        ({"size": 1, "lengths": []},
         [("new", NEW | {"size": 1}), ("prepare", {"cache": "c", "lengths": []})]),
        ({"mamba": True, "left_padding": [4]}, [("new_mamba", NEW | {"left_padding": [4]})]),
        ({"mamba": True, "slots": [None, "a0"]},
         [("new_mamba", NEW), ("set", {"cache": "c", "slot": 1, "value": A0})]),
    ],
)  # fmt: skip
def test_given(spec, made):
    steps = bound("- {op: snapshot}", given={"c": spec}).steps
    assert [(step.call.op, step.call.arguments) for step in steps[:-1]] == made
    assert {(step.number, step.expect) for step in steps[:-1]} == {(0, None)}
    assert steps[-1].number == 1
    assert operations(case("- {op: snapshot}", given={"c": spec})) == {
        "snapshot", *(op for op, _ in made)
    }  # fmt: skip


def test_several_given_are_built_in_order():
    made = bound("- {op: snapshot}", given={"d": {"size": 1}, "c": {"size": 2}})
    assert [step.call.arguments["cache"] for step in made.steps] == ["d", "c", "c"]


@pytest.mark.parametrize(
    ("text", "op", "arguments"),
    [
        ("{op: new}", "new", NEW | {"size": 0}),
        ("{op: set, slot: 1, value: a0}", "set", {"cache": "c", "slot": 1, "value": A0}),
        ("{op: set, slot: 1, value: null}", "set", {"cache": "c", "slot": 1, "value": None}),
        ("{op: set_state, cache: d, state: [a0, null, [a0, null]]}", "set_state",
         {"cache": "d", "state": [A0, None, [A0, None]]}),
        ("{op: set_meta_state, meta_state: ['1', {count_to: 3}, {repeat: a, times: 2}]}",
         "set_meta_state", {"cache": "c", "meta_state": ["1", "0,1,2", "aa"]}),
        ("{op: from_state, class_name: A, state: []}", "from_state",
         {"cache": "c", "class_name": "A", "state": [], "meta_state": []}),
        ("{op: update, keys: a0, values: a0}", "update",
         {"cache": "c", "keys": A0, "values": A0}),
        ("{op: merge, caches: [c, d], into: e}", "merge", {"caches": ["c", "d"], "into": "e"}),
        ("{op: held, name: h}", "held", {"name": "h"}),
        ("{op: hold, what: state, name: h}", "hold",
         {"cache": "c", "what": "state", "name": "h", "slot": 0}),
        ("{op: filter, batch_indices: [1, 0]}", "filter",
         {"cache": "c", "batch_indices": [1, 0]}),
    ],
)  # fmt: skip
def test_arguments(text, op, arguments):
    assert calls(bound(f"- {text}")) == [(1, op, arguments)]


def test_arguments_that_a_step_cannot_have_reach_no_backend():
    for kind in KINDS:
        for step in kind.steps.values():
            assert {"expect", "unless"} <= set(step.__struct_fields__)
    (step,) = bound("- {op: size, expect: {value: 1}, unless: {mlxrs: {value: 2}}}").steps
    assert step.call.arguments == {"cache": "c"}


def test_a_wrong_literal_is_an_error_of_the_suite():
    with pytest.raises(ValueError, match="no tensor is named 'zz'"):
        bound("- {op: set, slot: 0, value: zz}")


# --------------------------------------------------------------------------- applicability

STEPS = "- {op: filter, batch_indices: [0], expect: {error: A, leaves: unchanged}}"


@pytest.mark.parametrize(
    ("fields", "of_dialect", "reason"),
    [
        ({}, {}, None),
        ({"not_applicable": {"mlx-lm-0.31": "why not"}}, {}, "why not"),
        ({"not_applicable": {"mlx-lm": "no family"}}, {}, "no family"),
        ({"not_applicable": {"mlx-lm": "no family", "mlx-lm-0.31": "exactly"}}, {}, "exactly"),
        ({"not_applicable": {"mlx-lm-0.32": "another"}}, {}, None),
        ({}, {"absent": {"filter": "no batches"}}, "mlx-lm-0.31 has no filter: no batches"),
        ({"given": {"c": {"size": 1, "lengths": [1]}}}, {"absent": {"prepare": "x"}},
         "mlx-lm-0.31 has no prepare: x"),
        ({"given": {"c": {"mamba": True}}}, {"absent": {"new_mamba": "x"}},
         "mlx-lm-0.31 has no new_mamba: x"),
        ({"given": {"c": {"size": 1}}}, {"absent": {"prepare": "x", "set": "y"}}, None),
        ({}, {"absent": {"snapshot": "blind"}}, "mlx-lm-0.31 has no snapshot: blind"),
        ({}, {"absent": {"extend": "x"}}, None),
    ],
)  # fmt: skip
def test_what_a_dialect_lacks_does_not_apply(fields, of_dialect, reason):
    got = applicability(case(STEPS, **fields), dialect(**of_dialect))
    assert (got and (got.words(), got.declared)) == (reason and (reason, False))


@pytest.mark.parametrize(
    ("capabilities", "reason"),
    [
        ({"filter", "snapshot", "new", "set", "extend"}, None),
        ({"filter", "snapshot", "new"}, "the backend declares no set"),
        ({"snapshot"}, "the backend declares no filter, new, set"),
        ({"filter", "new", "set"}, "the backend declares no snapshot"),
    ],
)
def test_what_a_backend_does_not_declare_is_its_gap(capabilities, reason):
    one = case(STEPS, given={"c": {"slots": ["a0"]}})
    got = applicability(one, dialect(), capabilities)
    assert (got and (got.words(), got.declared)) == (reason and (reason, True))


def test_the_dialect_is_asked_before_the_backend():
    got = applicability(case(STEPS), dialect(absent={"filter": "x"}), set())
    assert not got.declared


# --------------------------------------------------------------------------- guards and traps


@pytest.mark.parametrize(
    ("text", "guarded", "may_trap"),
    [
        ("{op: advance, n: 1}", False, False),
        ("{op: advance, n: 1, expect: {error: A}}", False, False),
        ("{op: advance, n: 1, expect: {error: A, leaves: unchanged}}", True, False),
        (
            "{op: advance, n: 1, expect: {value: null, hazard: h, "
            "accept: [{error: A, leaves: unchanged}]}}",
            True,
            False,
        ),
        ("{op: advance, n: 1, unless: {mlx-lm: {error: A, leaves: unchanged}}}", True, False),
        ("{op: advance, n: 1, unless: {mlxrs: {error: A, leaves: unchanged}}}", False, False),
        ("{op: advance, n: 1, expect: {trap: x}}", False, True),
        ("{op: advance, n: 1, expect: {trap: x}, unless: {mlx-lm: {value: 1}}}", False, False),
        ("{op: advance, n: 1, expect: {value: 1, hazard: h, accept: [{trap: x}]}}", False, True),
    ],
)
def test_guarded_steps_and_traps(text, guarded, may_trap):
    made = bound(f"- {text}")
    assert ([step.guarded for step in made.steps], made.may_trap) == ([guarded], may_trap)
    needed = operations(case(f"- {text}"))
    assert ("snapshot" in needed) == ("unchanged" in text)
