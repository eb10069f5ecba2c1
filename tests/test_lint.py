"""Every problem that lint can report, provoked by a fixture folder with just that fault."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap

import pytest
from support.folder import CHAPTER, HAZARDS, TENSORS, edited, line, write

from conformance.fixtures import lint, lint_expectations
from conformance.fixtures.load import load_suite
from conformance.fixtures.read import read_suite
from conformance.fixtures.shipped import fixtures_folder
from conformance.fixtures.userfile import FixtureError
from conformance.outcomes.outcome import Outcome
from conformance.outcomes.registry import OUTCOMES

STEP = "    expect: {value: null}\n"
SOUND = edited(
    CHAPTER,
    (STEP, STEP + "  - {op: snapshot}\n  - {op: snapshot, expect: {same_as: c}}\n"
     "  - {op: hold, what: slot, name: kept}\n  - {op: held, name: kept}\n"),
)  # fmt: skip
HELD = "  - {op: held, name: kept}\n"


def then(*steps: str) -> tuple[str, str]:
    """An edit that puts more steps behind the last one."""
    return HELD, HELD + "".join(f"  - {step}\n" for step in steps)


def expecting(text: str) -> tuple[str, str]:
    """An edit of the first step's expectation."""
    return STEP, f"    expect: {text}\n"


def looking(cache: str) -> tuple[str, str]:
    """An edit that puts a snapshot with an expectation behind the last step."""
    return then(f"{{op: snapshot, expect: {{cache: {cache}}}}}")


LOOKS = "  - {op: snapshot, expect: {cache"


def unless(text: str) -> tuple[str, str]:
    return STEP, STEP + f"    unless: {text}\n"


def case(text: str) -> tuple[str, str]:
    """An edit that adds a field to the case."""
    return "  why: A mask costs time.\n", f"  why: A mask costs time.\n  {text}\n"


TWIN = "- id: mask.none\n  requires: [MASK-001]\n  why: Again.\n  steps:\n" \
       "  - {op: new, size: 1, expect: {value: null}}\n"  # fmt: skip
ROW = "- id: MASK-002\n  level: MAY\n  text: A mask is lazy.\n  cites: [somewhere]\n"
S0, S5, C0 = "mask.none.steps[0]", "mask.none.steps[5]", "mask.none"
ONE_OUTCOME = "an expectation has exactly one of value, tensor, tensors, cache, same_as, error, " \
              "refused, trap, fault, undefined, reading, written; got "  # fmt: skip

# edits of the chapter, the text that begins on the blamed line, and what is said
CHAPTER_FAULTS = {
    "dangling requirement": (
        [("requires: [MASK-001]", "requires: [MASK-001, MASK-009]")],
        "  requires:", "cases[0].requires: mask.none: no requirement MASK-009"),
    "case without requirement": (
        [("requires: [MASK-001]", "requires: []"), ("cites: [somewhere]", "cites: [somewhere]\n  "
         "untested: It cannot be.")],
        "  requires:", "cases[0].requires: mask.none cites no requirement"),
    "requirement without case": (
        [("cases:\n", ROW + "cases:\n")], "- id: MASK-002",
        "requirements[1]: MASK-002: no case requires it; say why in `untested`"),
    "tests and a reason for none": (
        [("cites: [somewhere]", "cites: [somewhere]\n  untested: It cannot be.")],
        "  untested:", "requirements[0].untested: MASK-001: has cases and a reason why not"),
    "requirement without source": (
        [("cites: [somewhere]", "cites: []")], "  cites:",
        "requirements[0].cites: MASK-001: cites no source"),
    "form of a requirement id": (
        [("- id: MASK-001", "- id: MASK-1"), ("requires: [MASK-001]", "requires: [MASK-1]")],
        "- id: MASK-1", "requirements[0].id: 'MASK-1' is not of the form MASK-001"),
    "form of a case id": (
        [("- id: mask.none", "- id: mask_none")], "- id: mask_none",
        "cases[0].id: 'mask_none' is not of the form a.b-c.d"),
    "chapter evidence for no dialect": (
        [("about:", "evidence: {mlx: run}\nabout:")], "evidence:",
        "evidence.mlx: mlx is neither a dialect nor a family"),
    "chapter tensor": (
        [("about:", "tensors:\n  a: {int8: [1]}\n  b: {int8: [300]}\nabout:")], "  b: {int8",
        "tensors.b: 300 does not fit int8: byte format requires -128 <= number <= 127"),
    "unless for no dialect": (
        [unless("{mlx-ml: {error: ValueError}}")], "    unless:",
        f"{S0}.unless.mlx-ml: mlx-ml is neither a dialect nor a family"),
    "not_applicable to no dialect": (
        [case("not_applicable: {mlx-lm-0.33: why}")], "  not_applicable:",
        f"{C0}.not_applicable.mlx-lm-0.33: mlx-lm-0.33 is neither a dialect nor a family"),
    "evidence for no dialect": (
        [case("evidence: {mlx-lm-9: run}")], "  evidence:",
        f"{C0}.evidence.mlx-lm-9: mlx-lm-9 is neither a dialect nor a family"),
    "python evidence that was read": (
        [case("evidence: {mlx-lm-0.32: read}")], "  evidence:",
        f"{C0}.evidence: mlx-lm-0.32 can be run, so its expectations must be"),
    "null that takes back nothing": (
        [case("not_applicable: {mlx-swift-lm: null}")], "  not_applicable:",
        f"{C0}.not_applicable.mlx-swift-lm: mlx-swift-lm says the same as "
        "what holds without it"),
    "reason that is inherited": (
        [case("not_applicable: {mlxrs: why, mlxrs-0.1: why}")], "  not_applicable:",
        f"{C0}.not_applicable.mlxrs-0.1: mlxrs-0.1 says the same as mlxrs"),
    "unless that is inherited": (
        [unless("{mlx-lm-0.31: {error: A}, mlx-lm-0.32: {error: A}}")], "    unless:",
        f"{S0}.unless.mlx-lm-0.32: unless.mlx-lm-0.32 says the same as unless.mlx-lm-0.31"),
    "unless that takes back nothing": (
        [unless("{mlx-lm: null}")], "    unless:",
        f"{S0}.unless.mlx-lm: unless.mlx-lm says the same as expect"),
    "unless that is dead below": (
        [unless("{mlx-lm: {error: A}, mlx-lm-0.31: {error: B}}")], "    unless:",
        f"{S0}.unless.mlx-lm: unless.mlx-lm is dead: each dialect there has its own"),
    "dead unless": (
        [unless("{mlxrs: {error: OutOfRange}}"), case("not_applicable: {mlxrs: why}")],
        "    unless:", f"{S0}.unless.mlxrs: unless.mlxrs is dead: the case does not apply there"),
    "dead unless of a family": (
        [unless("{mlxrs: {error: OutOfRange}, mlxrs-0.1: {error: CapExceeded}}")],
        "    unless:", f"{S0}.unless.mlxrs: unless.mlxrs is dead: each dialect there has its own"),
    "unless same as expect": (
        [unless("{mlx-lm: {value: null}}")], "    unless:",
        f"{S0}.unless.mlx-lm: unless.mlx-lm says the same as expect"),
    "unless same as the family's": (
        [unless("{mlx-lm: {error: A}, mlx-lm-0.32: {error: A}}")], "    unless:",
        f"{S0}.unless.mlx-lm-0.32: unless.mlx-lm-0.32 says the same as unless.mlx-lm"),
    "dead expect": (
        [unless("{mlx-lm: {error: A}, mlx-swift-lm: {error: B}}"),
         case("not_applicable: {mlxrs: why}")], "    expect: {value",
        f"{S0}.expect: expect is dead: `unless` replaces it in every dialect"),
    "two outcomes": (
        [expecting("{value: null, error: A}")], "    expect: {value",
        f"{S0}.expect: {ONE_OUTCOME}value, error"),
    "no outcome": ([expecting("{}")], "    expect: {}", f"{S0}.expect: {ONE_OUTCOME}none"),
    "two outcomes in unless": (
        [unless("{mlxrs: {value: 1, tensor: a0}}")], "    unless:",
        f"{S0}.unless.mlxrs: {ONE_OUTCOME}value, tensor"),
    "two outcomes in accept": (
        [expecting("{value: null, hazard: bad-mask, accept: [{error: A, trap: b}]}"),
         case("not_applicable: {mlxrs: a, mlx-lm-0.32: b, mlx-swift-lm: c}")],
        "    expect: {value", f"{S0}.expect.accept[0]: {ONE_OUTCOME}error, trap"),
    "payload without error": (
        [expecting("{value: null, payload: {cap: 1}}")], "    expect: {value",
        f"{S0}.expect: `payload` goes with `error`"),
    "message without error": (
        [expecting("{trap: why, message: x}")], "    expect: {trap",
        f"{S0}.expect: `message` goes with `error`"),
    "leaves without error": (
        [expecting("{undefined: why, leaves: unchanged}")], "    expect: {undefined",
        f"{S0}.expect: `leaves` goes with `error`"),
    "reading without load": (
        [then("{op: empty, expect: {reading: same}}")], "  - {op: empty, expect",
        "mask.none.steps[5].expect: `reading` goes with `load`"),
    "leaves on a cache that is not there": (
        [then("{op: merge, caches: [c], into: d, expect: {error: A, leaves: unchanged}}"),
         case("not_applicable: {mlxrs: why, mlx-swift-lm: why}")], "  - {op: merge",
        "mask.none.steps[5].expect: `leaves` needs a cache that is there before the step"),
    "leaves on a new cache": (
        [then("{op: from_state, cache: d, class_name: A, state: [], expect: {error: A, "
              "leaves: unchanged}}")], "  - {op: from_state",
        "mask.none.steps[5].expect: `leaves` needs a cache that is there before the step"),
    "a trap as an error": (
        [expecting("{error: Trap}")], "    expect: {error",
        f"{S0}.expect: a trap is written `trap: reason`"),
    "accept without hazard": (
        [expecting("{value: null, accept: [{error: A}]}")], "    expect: {value",
        f"{S0}.expect: `accept` goes with the `hazard` that the dialect's own outcome is"),
    "cache on another operation": (
        [expecting("{cache: {slots: []}}")], "    expect: {cache",
        f"{S0}.expect: `cache` goes with `snapshot`"),
    "an older mlx that does the same": (
        [expecting('{value: null, mlx: {"<0.32.3": {error: A}, "<0.32.0": {error: A}}}')],
        "    expect: {value",
        f"{S0}.expect.mlx.<0.32.0: mlx.<0.32.0 says the same as what is newer"),
    "two outcomes with an older mlx": (
        [expecting('{value: null, mlx: {"<0.32.3": {error: A, trap: b}}}')],
        "    expect: {value", f"{S0}.expect.mlx.<0.32.3: {ONE_OUTCOME}error, trap"),
    "hazard of another dialect with an older mlx": (
        [expecting('{value: null, mlx: {"<0.32.3": {error: A, hazard: bad-mask}}}'),
         case("not_applicable: {mlx-swift-lm: c}")], "  - op: make_mask",
        f"{S0}: hazard bad-mask does not list mlxrs-0.1"),
    "unknown hazard": (
        [expecting("{value: null, hazard: none-such}")], "    expect: {value",
        f"{S0}.expect: no hazard none-such"),
    "hazard of another dialect": (
        [expecting("{value: null, hazard: bad-mask}"),
         case("not_applicable: {mlx-swift-lm: c}")], "  - op: make_mask",
        f"{S0}: hazard bad-mask does not list mlxrs-0.1"),
    "an unsafe hazard that nobody else can avoid": (
        [expecting("{value: null, hazard: bad-memory}"),
         case("not_applicable: {mlx-lm: b, mlx-swift-lm: c}")],
        "  - op: make_mask",
        f"{S0}: hazard bad-memory is unsafe: `accept` says what all others must do"),
    "a fault that anybody may have": (
        [expecting("{fault: why, hazard: bad-mask, accept: [{error: A}]}"),
         case("not_applicable: {mlxrs: a, mlx-lm-0.32: b, mlx-swift-lm: c}")],
        "  - op: make_mask",
        f"{S0}: `fault` goes with a hazard that is unsafe"),
    "same_as of no snapshot": (
        [("same_as: c", "same_as: d"), ("{c: {size: 2}}", "{c: {size: 2}, d: {size: 2}}")],
        "  - {op: snapshot, expect",
        "mask.none.steps[2].expect: same_as: there is no snapshot of 'd' before"),
    "same_as on another operation": (
        [then("{op: make_mask, n: 1, expect: {same_as: c}}")], "  - {op: make_mask",
        "mask.none.steps[5].expect: `same_as` goes with `snapshot`"),
    "unknown handle": (
        [then("{op: make_mask, cache: e, n: 1}")], "  - {op: make_mask",
        "mask.none.steps[5]: no cache is called 'e' yet"),
    "unknown handle in merge": (
        [then("{op: merge, caches: [c, e], into: f}"),
         case("not_applicable: {mlxrs: why, mlx-swift-lm: why}")], "  - {op: merge",
        "mask.none.steps[5]: no cache is called 'e' yet"),
    "unknown handle in extend": (
        [then("{op: extend, other: e}"), case("not_applicable: {mlxrs: why}")], "  - {op: extend",
        "mask.none.steps[5]: no cache is called 'e' yet"),
    "handle that is made later": (
        [then("{op: make_mask, cache: e, n: 1}", "{op: copy, into: e}")], "  - {op: make_mask",
        "mask.none.steps[5]: no cache is called 'e' yet"),
    "held and never kept": (
        [(HELD, "  - {op: held, name: other}\n")], "  - {op: held",
        "mask.none.steps[4]: nothing is held as 'other' yet"),
    "unknown tensor in a step": (
        [then("{op: set, slot: 0, value: a9}")], "  - {op: set",
        "mask.none.steps[5]: no tensor is named 'a9'"),
    "unknown tensor in a list": (
        [then("{op: set_state, state: [a0, [null, a9]]}")], "  - {op: set_state",
        "mask.none.steps[5]: no tensor is named 'a9'"),
    "unknown tensor in a large case": (
        [then("{op: from_state, cache: d, class_name: A, state: [a9], meta_state: [x]}"),
         case("tags: [large]")], "  - {op: from_state",
        "mask.none.steps[5]: no tensor is named 'a9'"),
    "unknown tensor in given": (
        [("{c: {size: 2}}", "{c: {slots: [a9]}}")], "  given:",
        "mask.none.given.c: no tensor is named 'a9'"),
    "unknown tensor in tensor": (
        [expecting("{tensor: a9}")], "    expect: {tensor",
        f"{S0}.expect: no tensor is named 'a9'"),
    "unknown tensor in tensors": (
        [expecting("{tensors: [a0, [a9]]}")], "    expect: {tensors",
        f"{S0}.expect: no tensor is named 'a9'"),
    "unknown tensor in cache": (
        [looking("{slots: [a9]}")], LOOKS,
        f"{S5}.expect: no tensor is named 'a9'"),
    "unknown tensor in a large cache": (
        [looking("{slots: {count: 9, present: {'3': a9}}}")], LOOKS,
        f"{S5}.expect: no tensor is named 'a9'"),
    "unknown tensor in lengths": (
        [looking("{slots: [], lengths: a9}")], LOOKS,
        f"{S5}.expect: no tensor is named 'a9'"),
    "unknown tensor in unless": (
        [unless("{mlx-lm: {tensor: a9}}")], "    unless:",
        f"{S0}.unless.mlx-lm: no tensor is named 'a9'"),
    "index beyond the count": (
        [looking("{slots: {count: 3, present: {'3': a0}}}")], LOOKS,
        f"{S5}.expect: slots.present: '3' is not an index below 3"),
    "cache without slots": (
        [looking("{lengths: [1]}")], LOOKS,
        f"{S5}.expect: `cache` needs `slots`"),
    "nan as a value": (
        [expecting("{value: .nan}")], "    expect: {value",
        f"{S0}.expect: `value: .nan` equals nothing; a tensor can spell a NaN"),
    "malformed tensor in a case": (
        [case("tensors: {x: {int8: [1], int16: [1]}}")], "  tensors:",
        f"{C0}.tensors.x: a tensor is written in one form: a dtype key, or dtype + shape + hex, "
        "iota or fill"),
    "malformed text": (
        [then("{op: set_meta_state, meta_state: [{repeat: a, times: -1}]}")],
        "  - {op: set_meta", "mask.none.steps[5]: times: -1 is out of bounds"),
    "given with slots and size": (
        [("{c: {size: 2}}", "{c: {size: 2, slots: [a0]}}")], "  given:",
        f"{C0}.given.c: exactly one of slots and size (mamba: true needs neither)"),
    "given with neither": (
        [("{c: {size: 2}}", "{c: {lengths: [1]}}")], "  given:",
        f"{C0}.given.c: exactly one of slots and size (mamba: true needs neither)"),
    "given with mamba and size": (
        [("{c: {size: 2}}", "{c: {mamba: true, size: 2}}")], "  given:",
        f"{C0}.given.c: `mamba: true` has two slots; leave out size"),
    "expects nothing": (
        [(STEP, ""), ("{op: snapshot, expect: {same_as: c}}", "{op: snapshot}")], "  steps:",
        f"{C0}.steps: no step expects anything"),
    "applies nowhere": (
        [case("not_applicable: {mlxrs: a, mlx-lm: b, mlx-swift-lm: c}")], "- id: mask.none",
        f"{C0}: applies to no dialect"),
}  # fmt: skip


def found(root) -> list[str]:
    return list(lint.problems(read_suite(root)))


def test_the_sound_folder_is_sound(tmp_path):
    assert found(write(tmp_path, SOUND)) == []
    assert list(load_suite(tmp_path).cases) == ["mask.none"]


@pytest.mark.parametrize("name", CHAPTER_FAULTS)
def test_each_fault_is_the_one_problem_and_is_located(tmp_path, name):
    edits, blamed, said = CHAPTER_FAULTS[name]
    text = edited(SOUND, *edits)
    path = write(tmp_path, text) / "chapters" / "masks.yaml"
    assert found(tmp_path) == [f"{path}:{line(text, blamed)}: {said}"]
    with pytest.raises(FixtureError, match=re.escape(said)):
        load_suite(tmp_path)


def test_duplicate_ids_are_told_at_each_place(tmp_path):
    text = SOUND + TWIN + "- id: mask.other\n" + TWIN.partition("\n")[2]
    text = edited(text, ("cases:\n", ROW.replace("2", "1") + "cases:\n"))
    path = write(tmp_path, text) / "chapters" / "masks.yaml"
    rows = [i for i, row in enumerate(text.splitlines(), 1) if row == "- id: MASK-001"]
    cases = [i for i, row in enumerate(text.splitlines(), 1) if row == "- id: mask.none"]
    assert (len(rows), len(cases)) == (2, 2)
    assert found(tmp_path) == [
        *(f"{path}:{at}: cases[{i}].id: the id mask.none stands 2 times"
          for i, at in enumerate(cases)),
        *(f"{path}:{at}: requirements[{i}].id: the id MASK-001 stands 2 times"
          for i, at in enumerate(rows)),
    ]  # fmt: skip


def test_duplicates_are_seen_across_chapters(tmp_path):
    write(tmp_path, SOUND)
    (tmp_path / "chapters" / "more.yaml").write_text(SOUND)
    assert len([p for p in found(tmp_path) if "stands 2 times" in p]) == 4


def dialects(*edits):
    return edited((fixtures_folder() / "dialects.yaml").read_text(), *edits)


MASK = "- id: mlxrs-0.1\n"
ABSENT = "    filter: the slot cache of mlxrs"
CHILD = "- id: mlx-lm-0.32\n  extends: mlx-lm-0.31\n"
HOLES = "{slots: slots}"
LACKS = "    meta_state: removed in mlx-lm 0.32.0\n"


SHARED_FAULTS = [
    ("hazards", edited(HAZARDS, ("[mlx-lm-0.31]", "[mlx-lm-0.31,\n    mlx-lm]")),
     "    mlx-lm]", "hazards[0].dialects[1]: no dialect mlx-lm"),
    ("hazards", edited(HAZARDS, ("[mlx-lm-0.31]", "[mlx-lm-0.31,\n    mlx-lm-0.32]")),
     "    mlx-lm-0.32]", "hazards[0].dialects[1]: mlx-lm-0.32 inherits it anyway"),
    ("hazards", edited(HAZARDS, ("[mlx-lm-0.31]", "[mlx-lm-0.31]\n  not_in: [mlxrs-0.1]")),
     "  not_in:", "hazards[0].not_in[0]: mlxrs-0.1 does not inherit it"),
    ("hazards", HAZARDS + "- {id: bad-mask, rule: a, dialects: [], hits: b}\n", "- {id:",
     "hazards[2].id: the id bad-mask stands 2 times"),
    ("tensors", TENSORS + "  a1: {float32: [[1, 2], [3]]}\n", "  a1:",
     "tensors.a1: rows have different lengths"),
    ("dialects", dialects((ABSENT, "    filer: it\n" + ABSENT)), "    filer",
     "dialects[0].absent.filer: no operation filer"),
    ("dialects", dialects((HOLES, "{slotz: slots, slots: slots}")), "  state_shape: {slotz",
     "dialects[1].state_shape.slotz: no kind slotz"),
    ("dialects", dialects((HOLES, "{slots: packed}")), "  state_shape: {slots: packed",
     "dialects[1].state_shape.slots: a state of slots is compacted or slots or slots and rows"),
    ("dialects", dialects((HOLES, "{}")), "  state_shape: {}",
     "dialects[1].state_shape: does not say what the state of slots is"),
    ("dialects", dialects(("null-slot,", "null-slots,")), "  inexpressible",
     "dialects[0].inexpressible[2]: no argument null-slots"),
    ("dialects", dialects((CHILD, CHILD + "  evidence: run\n")), "  evidence: run\n  fol",
     "dialects[2].evidence: mlx-lm-0.31 says the same"),
    ("dialects", dialects((LACKS, LACKS + "    max_size: ArraysCache has no max_size\n")),
     "    max_size: ArraysCache has no max_size\n    set",
     "dialects[2].absent.max_size: mlx-lm-0.31 says the same"),
    ("dialects", dialects((MASK, MASK.replace("mlxrs-0.1", "mlx-lm-0.32"))), None,
     "dialects[0].id: the id mlx-lm-0.32 stands 2 times"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "text", "blamed", "said"), SHARED_FAULTS)
def test_faults_of_the_shared_files(tmp_path, file, text, blamed, said):
    write(tmp_path, SOUND, **{file: text})
    at = line(text, blamed) if blamed else 2
    assert f"{tmp_path / file}.yaml:{at}: {said}" in found(tmp_path)


def texts(tree: ast.AST) -> set[str]:
    """The pieces of text in code, but for its documentation."""
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    pieces = {str(node.value).strip() for node in constants if id(node) not in documentation}
    return {piece for piece in pieces if " " in piece}


def complaints(outcome: type[Outcome]) -> set[str]:
    """The pieces of text in what an outcome says of its spelling."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(outcome)))
    found = [node for node in ast.walk(tree) if isinstance(node, (ast.Raise, ast.Yield))]
    methods = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
               and node.name in ("decoded", "problems")]  # fmt: skip
    inside = {id(node) for method in methods for node in ast.walk(method)}
    return {piece for node in found if id(node) in inside for piece in texts(node)}


def test_every_problem_is_provoked_here():
    """Every piece of text in lint and in the outcomes stands in a message expected above."""
    sources = map(inspect.getsource, (lint, lint_expectations))
    pieces = set().union(*map(texts, map(ast.parse, sources)), *map(complaints, OUTCOMES))
    assert len(pieces) > 30
    tested = "\n".join(row[-1] for row in (*CHAPTER_FAULTS.values(), *SHARED_FAULTS))
    assert {piece for piece in pieces if piece not in tested} == set()


def test_the_shipped_fixtures_are_clean():
    assert found(None) == []


@pytest.mark.parametrize("folder", ["none", "."])
def test_a_folder_without_chapters(tmp_path, folder):
    with pytest.raises(FixtureError, match=r"no chapters/\*\.yaml there"):
        read_suite(tmp_path / folder)
