"""Records of operations: handles of any kind, forms of arguments, names on the wire."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from support.judging import TENSORS

from conformance.engine.kind import Kind, OnCache
from conformance.engine.kinds import Kinds
from conformance.engine.operation import ANY, Handle, Operation, Use
from conformance.kinds import KINDS, common
from conformance.kinds.files import FILES
from conformance.transport import adapter, measuring
from conformance.transport.adapter import Adapter
from conformance.transport.cachefiles import ModuleFiles
from conformance.transport.measuring import Measuring

# --------------------------------------------------------------------------- a pile of other caches


class New(OnCache, frozen=True, kw_only=True):
    children: list[str]


class Child(OnCache, frozen=True, kw_only=True):
    index: int
    into: str
    of: str


class TakeApart(OnCache, frozen=True, kw_only=True):
    into: list[str]
    of: list[str]


PILE = Kind(
    name="pile",
    title="Piles",
    records=(
        Operation("new", New, "null", makes=Handle("cache"), reads=(Handle("children", kind=ANY),)),
        Operation("child", Child, "null", makes=Handle("into", kind_from="of")),
        Operation("take_apart", TakeApart, "null", makes=Handle("into", kind_from="of")),
        common.CLASS_NAME,
    ),
)
MORE = Kinds((*KINDS, PILE))
GIVEN = {"a": {"size": 1}, "b": {"size": 2}}


def wires(*steps: dict[str, Any]) -> list[str]:
    """What the steps of a case with slot caches `a` and `b` call."""
    whole = {"id": "a.b", "requires": [], "why": "x", "given": GIVEN, "steps": list(steps)}
    return [step.operation.wire for step in MORE.read_case(whole).steps]


PILED = {"op": "pile.new", "cache": "p", "children": ["a", "b"]}


def test_a_step_names_the_operation_as_the_kind_of_its_cache_has_it():
    assert wires(PILED, {"op": "class_name", "cache": "p"}, {"op": "class_name", "cache": "a"}) == [
        "pile.new", "pile.class_name", "class_name"
    ]  # fmt: skip


def test_a_step_may_say_what_it_takes_out():
    child = {"op": "child", "cache": "p", "index": 0, "into": "d", "of": "slots"}
    inner = {"op": "child", "cache": "p", "index": 1, "into": "e", "of": "pile"}
    names = [{"op": "class_name", "cache": cache} for cache in ("d", "e")]
    assert wires(PILED, child, inner, *names)[-2:] == ["class_name", "pile.class_name"]
    apart = {"op": "take_apart", "cache": "p", "into": ["d", "e"], "of": ["pile", "slots"]}
    assert wires(PILED, apart, *names)[-2:] == ["pile.class_name", "class_name"]


def test_what_it_takes_out_is_not_sent():
    assert [each.name for each in PILE.operations["child"].sent] == ["cache", "index", "into"]
    assert PILE.operations["child"].kinds == PILE.operations["new"].kinds == {"pile"}


@pytest.mark.parametrize(
    ("op", "kind", "said"),
    [
        ("new", "slots", None),
        ("new", "pile", None),
        ("new", None, "no cache is called 'a' yet"),
        ("child", "pile", None),
        ("child", "slots", "pile.child is an operation of pile, and 'a' is of slots"),
    ],
)
def test_handles_of_any_kind_and_of_one(op, kind, said):
    operation = PILE.operations[op]
    assert operation.misfit(operation.reads[0], "a", kind) == said


@pytest.mark.parametrize("steps", [5, ["x"], [{"op": 5}], [{"op": "no"}], [{"op": "get"}]])
def test_what_is_no_case_is_told_by_converting_it(steps):
    with pytest.raises(msgspec.ValidationError):
        MORE.read_case({"id": "a.b", "requires": [], "why": "x", "steps": steps})


def test_a_type_without_a_form_is_named():
    class Odd(OnCache, frozen=True, kw_only=True):
        x: set[int]

    with pytest.raises(ValueError, match="odd: the type of x has no form"):
        assert Operation("odd", Odd, "null").sent


def test_texts_are_known_as_such():
    operations = KINDS.operations
    assert operations["set_meta_state"].texts == {"meta_state"}
    assert operations["get"].texts == set()
    step = KINDS["slots"].steps["set_meta_state"](meta_state=["a", "b"])
    assert operations["set_meta_state"].spelled(step, TENSORS)["meta_state"] == ["a", "b"]


# ---------------------------------------------------------------- what ships free of dependencies


@pytest.mark.parametrize("name", [n for k in KINDS if not k.prefixed for n in k.steps])
def test_the_python_adapter_takes_what_an_operation_sends(name):
    import inspect

    operation = KINDS.operations[name]
    of_file = name in FILES.operations
    method = getattr(ModuleFiles, name) if of_file else getattr(Adapter, f"op_{name}")
    parameters = inspect.signature(method).parameters
    assert list(parameters)[1:] == [argument.name for argument in operation.sent]


def test_the_tables_of_the_python_adapter_are_of_operations():
    assert set(adapter.FILE_OPERATIONS) == set(FILES.operations)
    assert set(adapter.NEEDS) < set(KINDS["slots"].operations)


def test_the_tables_of_the_stopwatch_are_of_operations():
    operations = KINDS["slots"].operations
    timed = {**dict.fromkeys(measuring.ATTRIBUTES, ()), **measuring.METHODS}
    for name, parameters in timed.items():
        sent = [each.name for each in operations[name].sent]
        beside = [each for each in sent if each not in ("cache", "into")]
        assert beside == list(parameters), name
    assert operations.keys() | KINDS["kv"].operations.keys() > measuring.MAKE_ARRAYS
    declared = {f"op_{o.name}" for o in KINDS.operations.values() if o.use is Use.BENCHMARK}
    assert {name for name in vars(Measuring) if name.startswith("op_")} == declared
