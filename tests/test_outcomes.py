"""An outcome is one class: all that the suite knows of it comes from there."""

from __future__ import annotations

import ast
import importlib
import math
import pkgutil
from pathlib import Path

import msgspec
import pytest
from support.judging import A0, NAN, TENSORS, int32, planned, snapshot, verdict

import conformance
from conformance import outcomes, values
from conformance.calls import Refused, Returned
from conformance.engine import signature, transfer
from conformance.engine.literals import spelled
from conformance.engine.plan import AbsentOperation, NotApplicable, Undeclared
from conformance.engine.verdict import (
    Choice,
    Lost,
    Mismatch,
    NotRun,
    StaleEntry,
    Status,
    StepRecord,
    SuiteBug,
    TooMuchMemory,
    Unanswered,
    Verdict,
)
from conformance.kinds.slots import SLOTS
from conformance.outcomes import registry
from conformance.outcomes.difference import Difference
from conformance.outcomes.outcome import Outcome
from conformance.outcomes.registry import OUTCOMES, Expect, decoded
from conformance.outcomes.snapshots import Snapshots
from conformance.reporting.json_report import in_words
from conformance.tensor import Tensor, deviation, tensor
from conformance.transport.backend import BackendCrashed

# One of each, as YAML spells it.
SPELLED = {
    "value": {"value": [1, {"a": None}]},
    "tensor": {"tensor": "a0"},
    "tensors": {"tensors": ["a0", None]},
    "cache": {"cache": {"slots": ["a0", None], "lengths": [1]}},
    "same_as": {"same_as": "c"},
    "error": {"error": "E", "payload": {"n": 1}, "message": "m", "leaves": "unchanged"},
    "refused": {"refused": "why"},
    "trap": {"trap": "why"},
    "fault": {"fault": "why"},
    "undefined": {"undefined": "why"},
    "reading": {"reading": {"lossy": "left_padding lost"}},
    "written": {"written": "w/c"},
}


class Library:
    """Every name is that of a file."""

    def file(self, name):
        return name


TENSORS_AND_FILES = type(TENSORS)(*TENSORS.layers, files=Library())


def made(fields) -> registry.Expectation:
    return decoded(msgspec.convert(fields, SLOTS.expect), TENSORS_AND_FILES)


# --------------------------------------------------------------------------- one class


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.key)
def test_an_outcome_has_a_spelling_checks_a_comparison_and_words(outcome):
    own = made(SPELLED[outcome.key]).own
    assert type(own) is outcome
    assert outcome.__doc__
    assert f"`{outcome.key}`: " in Expect.__doc__
    assert values.clipped(own.words()) == own.words() != ""
    compares = {"differences", "compared"} & vars(outcome).keys()
    assert compares, "it inherits its comparison from nowhere"
    assert list(outcome.problems(SPELLED[outcome.key])) == []


def test_every_outcome_of_the_package_is_listed():
    modules = [importlib.import_module(f"{outcomes.__name__}.{module.name}")
               for module in pkgutil.iter_modules(outcomes.__path__)]  # fmt: skip
    defined = {each for module in modules for each in vars(module).values()
               if isinstance(each, type) and issubclass(each, Outcome) and each is not Outcome}
    assert defined == set(OUTCOMES)
    assert [outcome.key for outcome in OUTCOMES] == list(SPELLED)


def test_no_other_list_of_outcomes():
    """Three names of outcomes in one display or comparison are a second list of them."""
    root = Path(conformance.__file__).parent
    keys = {outcome.key for outcome in OUTCOMES}
    found = []
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            parts = [*getattr(node, "elts", ()), *getattr(node, "keys", ())]
            names = {part.value for part in parts if isinstance(part, ast.Constant)}
            if len(names & keys) > 2:
                found.append(f"{path.relative_to(root)}:{node.lineno}")
    assert found == []


def test_each_key_of_an_expectation_belongs_to_one_outcome():
    owned = [key for outcome in OUTCOMES for key in (outcome.key, *outcome.beside)]
    assert sorted([*owned, "hazard", "accept", "mlx"]) == sorted(Expect.__struct_fields__)


@pytest.mark.parametrize("key", ["hazard", "accept"])
def test_a_better_outcome_has_no_hazard_of_its_own(key):
    better = {"value": 2, key: "h" if key == "hazard" else []}
    with pytest.raises(msgspec.ValidationError, match=f"unknown field `{key}`"):
        msgspec.convert({"value": 1, "hazard": "h", "accept": [better]}, Expect)


@pytest.mark.parametrize("reading", [{}, {"lossy": "a", "wrong": "b"}, "lossy: a"])
def test_a_reading_is_one_thing(reading):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"reading": reading}, Expect)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"trap": "a"}, {"trap": "b"}, True),
        ({"trap": "a"}, {"undefined": "a"}, False),
        ({"undefined": "a"}, {"undefined": "b"}, True),
        ({"refused": "a"}, {"refused": "b"}, True),
        ({"error": "E", "message": "a"}, {"error": "E", "message": "b"}, True),
        ({"error": "E"}, {"error": "E", "payload": {"n": 1}}, False),
        ({"error": "E"}, {"error": "E", "leaves": "unchanged"}, False),
        ({"value": 1}, {"value": 1.0}, False),
        ({"value": 1}, {"value": True}, False),
        ({"tensor": "a0"}, {"tensor": {"float32": [[1, 2, 3]]}}, True),
        ({"tensor": "nan"}, {"tensor": "nan"}, True),
        ({"cache": {"slots": ["a0"]}},
         {"cache": {"slots": {"count": 1, "present": {"0": "a0"}}}}, True),
        ({"reading": "same"}, {"reading": {"lossy": "x"}}, False),
    ],
)  # fmt: skip
def test_outcomes_are_equal_as_data_whatever_reasons_they_give(one, other, alike):
    assert values.same(made(one).own, made(other).own) is alike


@pytest.mark.parametrize(
    ("reply", "fields"),
    [
        (Returned(None), {"value": None}),
        (Returned([1, "a"]), {"value": [1, "a"]}),
        (Returned([]), {"value": []}),
        (Returned(A0), {"tensor": spelled(A0)}),
        (Returned([A0, None]), {"tensors": [spelled(A0), None]}),
        (Returned([[A0], None]), {"tensors": [[spelled(A0)], None]}),
        (Returned(snapshot(A0, None, lengths=int32(1))),
         {"cache": {"slots": [spelled(A0), None], "lengths": {"int32": [1]},
                    "class_name": "ArraysCache"}}),
        (Returned(snapshot(count=17, slots={"3": A0})),
         {"cache": {"slots": {"count": 17, "present": {"3": spelled(A0)}},
                    "class_name": "ArraysCache"}}),
        (Refused("E", "no"), {"error": "E"}),
        (Refused("Trap", "gone"), {"trap": "gone"}),
    ],
)  # fmt: skip
def test_what_was_found_is_spelled_as_the_expectation_that_it_meets(reply, fields):
    assert registry.spelled(reply, SLOTS.snapshots) == fields
    bound = planned(f"- {{op: size, expect: {spelled_flow(fields)}}}")
    assert verdict(bound, reply).status is Status.PASS


def spelled_flow(fields) -> str:
    return msgspec.json.encode(fields).decode()


OTHER = Snapshots(("class_name", "total", "rows"))
SHOWN = {"class_name": "Sums", "total": A0, "rows": {"0": A0, "10": None}}


@pytest.mark.parametrize(
    ("change", "places"),
    [({}, []), ({"class_name": "X"}, ["class_name"]), ({"total": None}, ["total"]),
     ({"total": NAN}, ["total"]), ({"rows": {"9": A0}}, ["row 0", "row 9"]),
     ({"rows": None}, ["rows"]), ({"free": 1}, [])],
)  # fmt: skip
def test_the_snapshots_of_any_kind_are_compared_key_by_key(change, places):
    found = list(OTHER.differences("d", SHOWN, SHOWN | change))
    assert [each.place for each in found] == places
    assert len(list(OTHER.differences("d", None, SHOWN))) == 1


# --------------------------------------------------------------------------- on the way

LARGE = tensor("int32", [5000], range(5000))
VALUES = [
    None, True, 1, 2**70, 1.5, math.inf, -0.0, "text", "\ud800", [], [[A0, NAN], None],
    {"a": A0, "is": "b", "of": {}}, snapshot(A0, None), Refused("E", "m", {"n": [1, A0]}),
    LARGE, "x" * 1000, list(range(1000)), {str(i): i for i in range(1000)}, [LARGE, "y" * 300],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_an_excerpt_is_said_in_the_same_words_and_tells_others_apart(value):
    kept = values.excerpt(value)
    assert values.words(kept) == values.words(value)
    assert len(msgspec.msgpack.encode(repr(kept))) < 20_000
    assert values.same(kept, values.excerpt(value))
    assert values.same(kept, values.excerpt(kept))


def test_excerpts_of_different_values_differ():
    other = Tensor(LARGE.dtype, LARGE.shape, LARGE.data[:-4] + b"\0\0\0\1")
    for one, two in ((LARGE, other), ("x" * 1000, "x" * 999 + "y"), ([0] * 99, [0] * 98 + [1])):
        assert not values.same(values.excerpt(one), values.excerpt(two))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_a_verdict_survives_the_way_to_another_process(value):
    step = StepRecord(1, "set", {"cache": "c", "value": values.excerpt(value)})
    kept = values.excerpt(value)
    rows = (Mismatch(step, Difference("slot 0", kept, kept)), Mismatch(None, Difference("", 1, 2)))
    sent = Verdict("a.b", "d", Status.FAIL, rows)
    got = transfer.loaded(transfer.dumped(sent))
    assert values.same(got.mismatches[0].difference.got, kept)
    assert in_words(got) == in_words(sent)
    assert isinstance(got.mismatches, tuple)


@pytest.mark.parametrize(
    "detail",
    [None, NotRun(NotApplicable("no class")), NotRun(AbsentOperation("why", "d", "get")),
     NotRun(Undeclared(operations=("get", "set")), required=True), StaleEntry("f:1", "passes"),
     Unanswered(1, 2), TooMuchMemory(64), SuiteBug("a", "b"),
     Lost("SIGILL", StepRecord(0, "new", {}), "last words"), Lost("no answer", granted=0.5)],
)  # fmt: skip
def test_every_detail_survives_the_way(detail):
    sent = Verdict("a.b", "d", Status.CRASH, detail=detail, seconds=1.25, known="why")
    assert transfer.loaded(transfer.dumped(sent)) == sent


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.key)
def test_every_outcome_survives_the_way(outcome):
    own = made(SPELLED[outcome.key]).own
    why = deviation(A0, tensor("float32", [1, 3], [1, 2, 4]))
    sent = Verdict("a.b", "d", Status.PASS, (Mismatch(None, Difference("", own, A0, why)),),
                   choices=(Choice("h", own), Choice("h", None)))  # fmt: skip
    got = transfer.loaded(transfer.dumped(sent))
    assert values.same(got.choices[0].chose, own)
    assert in_words(got) == in_words(sent)


def test_names_of_what_travels_are_unique():
    names = [one.__name__ for one in transfer.travelling()]
    assert len(names) == len(set(names))


def test_what_is_of_no_known_type_travels_by_its_words():
    sent = Verdict("a.b", "d", Status.FAIL, (Mismatch(None, Difference("", 1, {1, 2})),))
    assert in_words(transfer.loaded(transfer.dumped(sent))) == in_words(sent)


# --------------------------------------------------------------------------- signatures


def failed(got, text: str = "{value: 1}", op: str = "size"):
    return verdict(planned(f"- {{op: {op}, expect: {text}}}"), got)


@pytest.mark.parametrize(
    ("result", "listed"),
    [
        (failed(None), {"op": "size", "got": {"value": None}}),
        (failed(A0), {"op": "size", "got": {"tensor": {"float32": [[1, 2, 3]]}}}),
        (failed(Refused("E", "5 is too many")),
         {"op": "size", "got": {"error": "E", "message": "5 is too many"}}),
        (failed(Refused("E", "")), {"op": "size", "got": {"error": "E"}}),
        (failed(snapshot(A0), "{cache: {slots: [a1]}}", "snapshot"),
         {"op": "snapshot", "place": "slot 0", "got": {"tensor": {"float32": [[1, 2, 3]]}}}),
        (failed(Refused("E", "", {}), "{error: E, payload: {n: 1}}"),
         {"op": "size", "place": "payload.n", "got": {"Marker": {"text": "not in the payload"}}}),
        (failed([A0], "{tensors: [a0, a0]}", "state"),
         {"op": "state", "got": {"Items": {"count": 1, "items": [{"float32": [[1, 2, 3]]}]}}}),
        (verdict(planned("- {op: size}"), trouble=BackendCrashed("SIGSEGV", "last", 11)),
         {"op": "size", "how": "SIGSEGV"}),
        (verdict(planned("- {op: size}\n- {op: size}"), 1),
         {"how": "only 1 of 2 calls were answered"}),
    ],
)  # fmt: skip
def test_a_signature_is_data_and_holds_for_its_failure_alone(result, listed):
    assert msgspec.to_builtins(signature.signature(result)) == listed
    made = msgspec.convert(listed, signature.Signature)
    assert signature.holds(made, result)
    others = [failed(2), failed(tensor("float32", [1, 3], [1, 2, 4])), failed(Refused("F", ""))]
    assert not any(signature.holds(made, other) for other in others)
    assert signature.holds(signature.text(result), result), "as a list of before has it"


def test_a_signature_may_leave_out_the_message_or_give_a_part_of_it():
    result = failed(Refused("E", "5 is too many"))
    for message, fits in ((None, True), ("too many", True), ("too few", False)):
        got = {"error": "E"} | ({} if message is None else {"message": message})
        assert signature.holds(signature.Signature("size", got=got), result) is fits


@pytest.mark.parametrize("value", [LARGE, list(range(99)), "x" * 999, {"a": [LARGE] * 20}])
def test_the_signature_of_a_large_result_is_short(value):
    listed = signature.signature(failed(value))
    assert len(msgspec.json.encode(listed)) < 250
    assert signature.holds(listed, failed(value))
