"""The judge: for every kind of outcome, what passes, and each near miss that must not."""

from __future__ import annotations

import signal

import pytest
from support.judging import A0, A1, NAN, int32, planned, snapshot, verdict

from conformance.calls import Refused
from conformance.engine.verdict import Status
from conformance.reporting import words
from conformance.reporting.json_report import in_words
from conformance.tensor import Tensor, tensor
from conformance.transport.backend import (
    BackendCrashed,
    BackendGone,
    BackendHung,
    ProtocolViolation,
)
from conformance.transport.causes import Violation

WRONG_ID = ProtocolViolation(Violation.WRONG_ID, "p")
FLIPPED = Tensor("float32", (1, 3), A0.data[:8] + bytes([A0.data[8] ^ 1]) + A0.data[9:])  # one bit
CAP = {"cap_name": "MAX", "cap": 4, "observed": 5}
OVER = Refused("CapExceeded", "5 is above MAX", CAP)
GIVEN = {"given": {"c": {"size": 1}}}


def rows(result) -> list[tuple[str, str, str]]:
    return [(row.place, row.expected, row.got) for row in in_words(result).mismatches]


# expectation, what passes, and (what fails, place, expected, got)
OUTCOMES = [
    ("{value: 1}", 1, [
        (True, "", "1", "true"), (1.0, "", "1", "1.0"), (2, "", "1", "2"),
        ("1", "", "1", '"1"'), (None, "", "1", "null"), ([1], "", "1", "[1]"),
        (tensor("int32", [], [1]), "", "1", "int32[] 1"),
        (Refused("ValueError", "no"), "", "1", "refused with ValueError (no)"),
    ]),
    ("{value: true}", True, [(1, "", "true", "1"), (False, "", "true", "false")]),
    ("{value: false}", False, [(0, "", "false", "0"), (None, "", "false", "null")]),
    ("{value: null}", None, [
        (0, "", "null", "0"), (False, "", "null", "false"), ([], "", "null", "[]"),
        (A0, "", "null", "float32[1,3] 1 2 3"),
    ]),
    ("{value: 1.5}", 1.5, [(1, "", "1.5", "1")]),
    ("{value: ''}", "", [([""], "", '""', '[""]'), (None, "", '""', "null")]),
    ("{value: ['3', '']}", ["3", ""], [
        (["3"], "", '["3", ""]', '["3"]'), (["", "3"], "", '["3", ""]', '["", "3"]'),
        ([3, ""], "", '["3", ""]', '[3, ""]'), (["3", "", ""], "", '["3", ""]', '["3", "", ""]'),
    ]),
    ("{tensor: a0}", A0, [
        (A1, "", "float32[1,3] 1 2 3",
         "float32[1,3] 4 5 6: [0,0] is 4.0 instead of 1.0"),
        (FLIPPED, "", "float32[1,3] 1 2 3",
         "float32[1,3] 1 2 3: [0,2] is 3.000000238418579 instead of 3.0"),
        (None, "", "float32[1,3] 1 2 3", "null"),
        ([A0], "", "float32[1,3] 1 2 3", "[float32[1,3] 1 2 3]"),
        (Tensor("float32", (3,), A0.data), "", "float32[1,3] 1 2 3",
         "float32[3] 1 2 3: shape [3] instead of [1, 3]"),
        (Tensor("uint32", (1, 3), A0.data), "", "float32[1,3] 1 2 3",
         "uint32[1,3] 1065353216 1073741824 1077936128: dtype uint32 instead of float32"),
    ]),
    ("{tensor: nan}", NAN, [
        (Tensor("float32", (1,), bytes.fromhex("0000c07f")), "", "float32[1] nan",
         "float32[1] nan: [0] is nan instead of nan (bits 0000c07f instead of 0100c07f)"),
    ]),
    ("{tensors: [a0, null, [a1, null]]}", [A0, None, [A1, None]], [
        ([A0, None, [A0, None]], "[2][0]", "float32[1,3] 4 5 6",
         "float32[1,3] 1 2 3: [0,0] is 1.0 instead of 4.0"),
        ([A0, None, [A1]], "[2]", "2 items", "1 items: [float32[1,3] 4 5 6]"),
        ([A0, A0, [A1, None]], "[1]", "null", "float32[1,3] 1 2 3"),
        ([None, None, [A1, None]], "[0]", "float32[1,3] 1 2 3", "null"),
        ([A0, None, A1], "[2]", "[float32[1,3] 4 5 6, null]", "float32[1,3] 4 5 6"),
    ]),
    ("{tensors: []}", [], [([None], "", "0 items", "1 items: [null]"), (None, "", "[]", "null")]),
    ("{undefined: nobody knows}", 7, [
        (Refused("Trap", "gone"), "", "undefined, but no crash: nobody knows",
         "refused with Trap (gone)"),
    ]),
    ("{undefined: nobody knows}", Refused("Anything", ""), []),
    ("{error: E, payload: {a: 1}}", Refused("E", "", {"a": 1, "more": [None]}), []),
    ("{error: CapExceeded, payload: {cap_name: MAX, cap: 4}, message: above}", OVER, [
        (Refused("CapExceeded", "5 is above MAX", {"cap_name": "MAX"}), "payload.cap", "4",
         "not in the payload"),
        (Refused("CapExceeded", "is above", CAP | {"cap": 4.0}), "payload.cap", "4", "4.0"),
        (Refused("CapExceeded", "is above", CAP | {"cap_name": "MIN"}), "payload.cap_name",
         '"MAX"', '"MIN"'),
        (Refused("CapExceeded", "too many", CAP), "message", "contains 'above'", "'too many'"),
    ]),
    ("{error: ValueError}", Refused("ValueError", "whatever", {"more": 1}), [
        (Refused("valueerror", ""), "", "refused with ValueError", "refused with valueerror"),
        (Refused("UnknownCache", "c"), "", "refused with ValueError",
         "refused with UnknownCache (c)"),
        (Refused("Trap", ""), "", "refused with ValueError", "refused with Trap"),
        (None, "", "refused with ValueError", "null"),
    ]),
    ("{error: E, payload: {sizes: [1, 2], ok: true}}",
     Refused("E", "", {"sizes": [1, 2], "ok": True}), [
        (Refused("E", "", {"sizes": [1, 2], "ok": 1}), "payload.ok", "true", "1"),
        (Refused("E", "", {"sizes": [1, True], "ok": True}), "payload.sizes", "[1, 2]",
         "[1, true]"),
    ]),
    ("{trap: out of bounds}", Refused("Trap", "index"), [
        (Refused("IndexError", "index"), "", "the process traps: out of bounds",
         "refused with IndexError (index)"),
        (None, "", "the process traps: out of bounds", "null"),
    ]),
]  # fmt: skip
FAILING = [(text, *miss) for text, _, misses in OUTCOMES for miss in misses]


@pytest.mark.parametrize(("text", "good"), [row[:2] for row in OUTCOMES])
def test_the_outcome_passes(text, good):
    result = verdict(planned(f"- {{op: size, expect: {text}}}"), good)
    assert (result.status, result.mismatches, result.choices) == (Status.PASS, (), ())


@pytest.mark.parametrize(("text", "bad", "place", "expected", "got"), FAILING)
def test_a_near_miss_fails_and_shows_both_sides(text, bad, place, expected, got):
    result = verdict(planned(f"- {{op: size, expect: {text}}}"), bad)
    assert result.status is Status.FAIL
    assert words.place(result.mismatches[0]) == 'step 1: size(cache="c")'
    assert rows(result) == [(place, expected, got)]


# --------------------------------------------------------------------------- snapshots

CACHE = "- {op: snapshot, expect: {cache: {slots: [a0, null], left_padding: [1], lengths: [2]}}}"
WHOLE = snapshot(A0, None, left_padding=int32(1), lengths=int32(2))


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        ({}, []),
        ({"class_name": "Free"}, []),
        ({"slots": {"0": A1}}, [("slot 0", "float32[1,3] 1 2 3",
          "float32[1,3] 4 5 6: [0,0] is 4.0 instead of 1.0")]),
        ({"slots": {"1": A0}}, [("slot 0", "float32[1,3] 1 2 3", "null"),
                                ("slot 1", "null", "float32[1,3] 1 2 3")]),
        ({"slots": {"0": A0, "10": A1, "9": A1}},
         [("slot 9", "null", "float32[1,3] 4 5 6"), ("slot 10", "null", "float32[1,3] 4 5 6")]),
        ({"slots": {}}, [("slot 0", "float32[1,3] 1 2 3", "null")]),
        ({"slots": [A0]}, [("slots", "slots by index", "[float32[1,3] 1 2 3]")]),
        ({"slot_count": 3}, [("slot_count", "2", "3")]),
        ({"slot_count": None}, [("slot_count", "2", "null")]),
        ({"slot_count": 2.0}, [("slot_count", "2", "2.0")]),
        ({"left_padding": None}, [("left_padding", "int32[1] 1", "null")]),
        ({"left_padding": [1]}, [("left_padding", "int32[1] 1", "[1]")]),
        ({"left_padding": tensor("int64", [1], [1])},
         [("left_padding", "int32[1] 1", "int64[1] 1: dtype int64 instead of int32")]),
        ({"lengths": int32(2, 2)},
         [("lengths", "int32[1] 2", "int32[2] 2 2: shape [2] instead of [1]")]),
        ({"lengths": int32(3), "left_padding": int32(0), "slot_count": 1},
         [("slot_count", "2", "1"),
          ("left_padding", "int32[1] 1", "int32[1] 0: [0] is 0 instead of 1"),
          ("lengths", "int32[1] 2", "int32[1] 3: [0] is 3 instead of 2")]),
    ],
)  # fmt: skip
def test_whole_caches(change, differences):
    result = verdict(planned(CACHE), WHOLE | change)
    assert result.status is (Status.FAIL if differences else Status.PASS)
    assert rows(result) == differences


@pytest.mark.parametrize(
    ("expect", "got", "passes"),
    [
        ("{slots: [null, null]}", snapshot(None, None), True),
        ("{slots: [null, null]}", snapshot(None, None, lengths=int32()), False),
        ("{slots: [null, null]}", snapshot(None, None, left_padding=int32(0)), False),
        ("{slots: []}", snapshot(), True),
        ("{slots: []}", snapshot(None), False),
        ("{slots: [null], class_name: MambaCache}", snapshot(None, class_name="MambaCache"), True),
        ("{slots: [null], class_name: MambaCache}", snapshot(None), False),
        ("{slots: {count: 1000, present: {'999': a0}}}",
         snapshot(count=1000, slots={"999": A0}), True),
        ("{slots: {count: 1000, present: {'999': a0}}}", snapshot(count=1000), False),
        ("{slots: {count: 1000, present: {'999': a0}}}",
         snapshot(count=1000, slots={"999": A0, "0": A0}), False),
        ("{slots: {count: 1000}}", snapshot(count=999), False),
        ("{slots: [null], lengths: {int64: [1]}}",
         snapshot(None, lengths=tensor("int64", [1], [1])), True),
        ("{slots: [null]}", [], False),
        ("{slots: [null]}", None, False),
        ("{slots: [null]}", Refused("AttributeError", "no"), False),
    ],
)  # fmt: skip
def test_other_caches(expect, got, passes):
    result = verdict(planned(f"- {{op: snapshot, expect: {{cache: {expect}}}}}"), got)
    assert result.status is (Status.PASS if passes else Status.FAIL)


SAME = "- {op: snapshot, cache: d}\n- {op: snapshot, cache: %s, expect: {same_as: d}}"


@pytest.mark.parametrize("cache", ["c", "d"])
@pytest.mark.parametrize(
    ("change", "place"),
    [({}, None), ({"slots": {"0": A1}}, "slot 0"), ({"slots": {}}, "slot 0"),
     ({"slot_count": 3}, "slot_count"), ({"class_name": "X"}, "class_name"),
     ({"lengths": None}, "lengths"), ({"left_padding": int32(2)}, "left_padding")],
)  # fmt: skip
def test_same_as_compares_with_the_snapshot_before_also_of_the_cache_itself(cache, change, place):
    result = verdict(planned(SAME % cache), WHOLE, WHOLE | change)
    assert [row[0] for row in rows(result)] == ([place] if place else [])
    assert result.status is (Status.FAIL if place else Status.PASS)


def test_same_as_without_a_snapshot_before_fails():
    bound = planned("- {op: snapshot, cache: c, expect: {same_as: d}}")
    assert rows(verdict(bound, WHOLE))[0][1] == "the snapshot of d"


# --------------------------------------------------------------------------- leaves unchanged

GUARDED = planned("- {op: advance, n: 1, expect: {error: E, leaves: unchanged}}")


@pytest.mark.parametrize(
    ("after", "place"),
    [
        (WHOLE, None),
        (WHOLE | {"slots": {"0": FLIPPED}}, "cache after the refusal, slot 0"),
        (WHOLE | {"slots": {}}, "cache after the refusal, slot 0"),
        (WHOLE | {"slot_count": 0}, "cache after the refusal, slot_count"),
        (WHOLE | {"lengths": int32(1)}, "cache after the refusal, lengths"),
        (WHOLE | {"left_padding": None}, "cache after the refusal, left_padding"),
        (WHOLE | {"class_name": "X"}, "cache after the refusal, class_name"),
        (Refused("UnknownCache", "c"), "cache"),
        (None, "cache"),
    ],
)
def test_a_refusal_must_leave_the_cache_unchanged(after, place):
    result = verdict(GUARDED, Refused("E", ""), before=WHOLE, after=after)
    assert [row[0] for row in rows(result)] == ([place] if place else [])
    assert result.status is (Status.FAIL if place else Status.PASS)


# --------------------------------------------------------------------------- what is accepted

CHOICE = planned("- {op: size, expect: {value: 1, hazard: h, accept: [{error: E}, {value: 2}]}}")


@pytest.mark.parametrize(
    ("got", "chose"),
    [(1, "the dialect's own outcome"), (Refused("E", ""), "refused with E"), (2, "2"),
     (3, None), (True, None), (Refused("F", ""), None)],
)  # fmt: skip
def test_better_outcomes_are_accepted_and_told(got, chose):
    result = verdict(CHOICE, got)
    assert [(c.hazard, words.chose(c)) for c in result.choices] == ([("h", chose)] if chose else [])
    assert result.status is (Status.PASS if chose else Status.FAIL)
    if not chose:
        assert [row[:2] for row in rows(result)] == [("", "1")]


# --------------------------------------------------------------------------- ends

TRAPS = [signal.SIGILL, signal.SIGTRAP, signal.SIGABRT]
FAULTS = [signal.SIGSEGV, signal.SIGBUS, signal.SIGKILL, signal.SIGTERM]
TRAP = "- {op: size}\n- {op: size, expect: {trap: bounds}}\n- {op: size, expect: {value: 1}}"
TWICE = """
- {op: size, expect: {value: 1, hazard: h, accept: [{value: 2}]}}
- {op: size, expect: {value: 3, hazard: %s, accept: [{value: 4}]}}
"""


@pytest.mark.parametrize("replies", [(1, 3), (2, 4)])
def test_a_case_takes_the_same_side_of_a_hazard_throughout(replies):
    assert verdict(planned(TWICE % "h"), *replies).status is Status.PASS


@pytest.mark.parametrize(
    ("replies", "expected", "got"),
    [
        ((1, 4), "the dialect's own outcome, as an earlier step took", "a better outcome"),
        ((2, 3), "a better outcome, as an earlier step took", "the dialect's own outcome"),
    ],
)
def test_a_mixture_of_both_sides_is_neither(replies, expected, got):
    result = verdict(planned(TWICE % "h"), *replies)
    assert result.status is Status.FAIL
    assert rows(result) == [("hazard h", expected, got)]
    assert words.place(result.mismatches[0]).startswith("step 2")
    assert verdict(planned(TWICE % "other"), *replies).status is Status.PASS


def test_an_outcome_that_fits_both_sides_decides_nothing():
    either = planned("""
- {op: size, expect: {undefined: any, hazard: h, accept: [{value: 2}]}}
- {op: size, expect: {value: 3, hazard: h, accept: [{value: 4}]}}
""")
    assert verdict(either, 2, 3).status is Status.PASS
    assert verdict(either, 2, 4).status is Status.PASS
    assert verdict(either, 9, 4).status is Status.FAIL


MIXED = "- {op: size, expect: {value: 1, hazard: h, accept: [{trap: bounds}]}}"


def died(number=None):
    return BackendCrashed(signal.Signals(number).name if number else "exit code 3", "last", number)


@pytest.mark.parametrize(
    ("text", "replies", "trouble", "status"),
    [
        *((TRAP, [0], died(number), Status.PASS) for number in TRAPS),
        *((TRAP, [0], died(number), Status.CRASH) for number in (*FAULTS, None)),
        *((TRAP, [], died(number), Status.CRASH) for number in TRAPS),
        *((TRAP, [0, Refused("Trap", "")], died(number), Status.CRASH) for number in TRAPS),
        (TRAP, [0, Refused("Trap", ""), 99], None, Status.PASS),
        (TRAP, [0, 0, 1], None, Status.FAIL),
        (TRAP, [Refused("E", "")], died(TRAPS[0]), Status.FAIL),
        (TRAP, [0], BackendHung("h"), Status.HANG),
        (MIXED, [], died(signal.SIGILL), Status.PASS),
        (MIXED, [], died(signal.SIGSEGV), Status.CRASH),
        *((f"- {{op: size, expect: {expect}}}", [], died(signal.SIGILL), Status.CRASH)
          for expect in ("{error: Trap2}", "{error: E}", "{undefined: x}", "{value: null}")),
        ("- {op: size, expect: {value: 1}}", [], BackendHung("h"), Status.HANG),
        ("- {op: size, expect: {error: E}}", [], BackendHung("h"), Status.HANG),
        ("- {op: size, expect: {error: E}}", [], WRONG_ID, Status.PROTOCOL_ERROR),
        ("- {op: size, expect: {undefined: x}}", [], BackendGone("g"), Status.PROTOCOL_ERROR),
        ("- {op: size}\n- {op: size}", [1], None, Status.PROTOCOL_ERROR),
        ("- {op: size}", [], None, Status.PROTOCOL_ERROR),
    ],
)  # fmt: skip
def test_how_it_ends(text, replies, trouble, status):
    assert verdict(planned(text), *replies, trouble=trouble).status is status


def test_the_detail_says_where_it_ended_and_the_last_words():
    result = verdict(planned(TRAP), trouble=died(signal.SIGSEGV))
    assert words.detail(result) == 'SIGSEGV in step 1: size(cache="c")\nlast'
    assert words.detail(verdict(planned(TRAP), 0, trouble=BackendHung("no answer"))) == (
        'no answer in step 2: size(cache="c"); the case grants 10 s'
    )
    assert words.detail(verdict(planned("- {op: size}"))) == "only 0 of 1 calls were answered"


@pytest.mark.parametrize(
    ("text", "chose"),
    [(MIXED, "the process traps: bounds"),
     ("- {op: size, expect: {trap: x, hazard: h, accept: [{value: 1}]}}",
      "the dialect's own outcome")],
)  # fmt: skip
def test_dying_is_a_choice_where_there_is_one(text, chose):
    result = verdict(planned(text), trouble=died(signal.SIGILL))
    assert [(c.hazard, words.chose(c)) for c in result.choices] == [("h", chose)]


def test_an_unexpected_refusal_in_given_fails_and_stops_the_judging():
    bound = planned("- {op: snapshot, expect: {value: 1}}", **GIVEN)
    result = verdict(bound, Refused("E", "no"), 5)
    assert result.status is Status.FAIL
    (row,) = in_words(result).mismatches
    assert (row.expected, row.got) == ("success", "refused with E (no)")
    assert row.step.startswith('given: new(cache="c", size=1')


def test_a_step_without_expectation_must_succeed_and_its_result_is_free():
    assert verdict(planned("- {op: size}"), {"any": "thing"}).status is Status.PASS
    assert verdict(planned("- {op: size}"), Refused("E", "")).status is Status.FAIL


def test_all_steps_that_differ_are_told():
    bound = planned("- {op: size, expect: {value: 1}}\n- {op: size, expect: {value: 2}}")
    assert [row[1:] for row in rows(verdict(bound, 3, 4))] == [("1", "3"), ("2", "4")]
