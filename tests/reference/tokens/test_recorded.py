"""The reference answers every recorded script as the real implementations did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from . import recorded, scripts

NAMES = ("standard", "rotating", "quantized", "chunked", "list", "batch", "batch_rotating")
CASES = [(name, dialect) for name in NAMES for dialect in recorded.dialects(name)]


def differences(dialect: str, script: recorded.Script) -> Iterator[str]:
    """Where the reference answers or shows something else."""
    player = scripts.Player(dialect, script.kind)
    for step in script.by_dialect[dialect]:
        if not step.done:
            continue
        got = None if step.op == "new" else player.answer(step.op)
        where = f"{script.kind}: {script.text}, at {step.op!r}"
        if not agrees(step.answer, got):
            yield f"{where}: {got!r} instead of {step.answer!r}"
        if isinstance(got, dict) and "trap" in got:
            return
        shown = player.shown()
        for field, value in step.after.items():
            if shown.get(field) != recorded.plain(value):
                yield f"{where}: {field} is {shown.get(field)!r} instead of {value!r}"


def agrees(expected: Any, got: Any) -> bool:
    """Errors by kind, traps whatever they say, all else exactly."""
    if isinstance(expected, dict) and "trap" in expected:
        return isinstance(got, dict) and "trap" in got
    if expected == {"error": "any"}:
        return isinstance(got, dict) and "error" in got
    if isinstance(got, dict) and "shapes" in got:
        return bool(expected == " ".join(shape.replace(" ", "") for shape in got["shapes"]))
    if isinstance(expected, dict) and "state" in expected and isinstance(got, dict):
        return all(got.get(field) == recorded.plain(value) for field, value in expected.items())
    return bool(got == recorded.plain(expected))


@pytest.mark.parametrize(("name", "dialect"), CASES)
def test_the_reference_answers_as_the_real_one(name: str, dialect: str) -> None:
    found = [line for script in recorded.load(name) for line in differences(dialect, script)]
    assert not found, "\n".join(found[:20])


def test_all_scripts_are_there() -> None:
    assert sum(len(list(recorded.load(name))) for name in NAMES) == 417


def test_a_wrong_answer_or_state_is_noticed() -> None:
    script = next(s for s in recorded.load("standard") if s.text == "update 5 | update 1")
    first, last = script.by_dialect["mlxrs-0.1"][0], script.by_dialect["mlxrs-0.1"][-1]
    assert not list(differences("mlxrs-0.1", script))
    last.answer = ["f32[1,1,6,1] 1..5 7", "f32[1,1,6,1] -1..-6"]
    last.after["offset"] = 7
    first.after["nbytes"] = 1
    lines = list(differences("mlxrs-0.1", script))
    assert [line.split(": ")[2].split()[0] for line in lines] == ["nbytes", "[{'dtype'", "offset"]


def test_an_error_is_not_another_one_and_no_trap() -> None:
    assert agrees({"error": "Parse"}, {"error": "Parse"})
    assert not agrees({"error": "Parse"}, {"error": "MlxOp"})
    assert not agrees({"error": "Parse"}, {"trap": "Parse"})
    assert not agrees({"trap": ""}, {"error": "Parse"})
    assert not agrees({"error": "any"}, "ok")
