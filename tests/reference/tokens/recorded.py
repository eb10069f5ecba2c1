"""What real implementations answered, as `fixtures/kinds/recorded` has it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "fixtures" / "kinds" / "recorded"
FAMILIES = {
    "mlx-lm": ("mlx-lm-0.31", "mlx-lm-0.32"),
    "mlx-swift-lm": ("mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"),
}
ALL = ("mlxrs-0.1", *FAMILIES["mlx-lm"], *FAMILIES["mlx-swift-lm"])
# Swift has no batch caches.
WITHOUT_BATCHES = FAMILIES["mlx-swift-lm"]
TENSOR = re.compile(r"(\w+)\[([\d,]*)\]\s?(.*)")
DTYPES = {"f32": "float32", "i32": "int32", "u32": "uint32", "bool": "bool"}


@dataclass
class Step:
    """What one dialect answered at one step, and all that the cache showed afterwards."""

    op: str
    done: bool
    answer: Any
    after: dict[str, Any]


@dataclass
class Script:
    kind: str
    text: str
    by_dialect: dict[str, list[Step]]


def load(name: str) -> Iterator[Script]:
    """The scripts of one file, whole."""
    known: dict[tuple[str, ...], dict[str, Any]] = {}
    for line in (FOLDER / f"{name}.jsonl").read_text().splitlines():
        entry = json.loads(line)
        kind = entry["kind"]
        ops = ["new", *filter(None, entry["script"].split(" | "))]
        said = entry.get("steps", [])
        for index, step in enumerate(said, start=len(ops) - len(said)):
            known[(kind, *ops[: index + 1])] = step
        steps = [known[(kind, *ops[: index + 1])] for index in range(len(ops))]
        yield Script(
            kind,
            entry["script"],
            {dialect: list(_of(dialect, kind, ops, steps)) for dialect in dialects(kind)},
        )


def dialects(kind: str) -> tuple[str, ...]:
    if not kind.startswith("batch"):
        return ALL
    return tuple(dialect for dialect in ALL if dialect not in WITHOUT_BATCHES)


def _of(dialect: str, kind: str, ops: list[str], steps: list[dict[str, Any]]) -> Iterator[Step]:
    after: dict[str, Any] = {}
    for op, step in zip(ops, steps, strict=True):
        mine = {
            field: value
            for field, values in step.items()
            for names, value in values.items()
            if names == "*" or dialect in _named(names)
        }
        done = op == "new" or "answer" in mine
        answer = mine.pop("answer", None)
        after = {**after, **mine}
        yield Step(op, done, answer, after)
        if isinstance(answer, dict) and "trap" in answer:
            return


def _named(names: str) -> list[str]:
    return [dialect for name in names.split() for dialect in FAMILIES.get(name, (name,))]


# Values


def plain(value: Any) -> Any:
    """A value of the file as `scripts` shows it."""
    if isinstance(value, str) and (found := TENSOR.fullmatch(value)):
        return _tensor(*found.groups())
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    return [plain(part) for part in value] if isinstance(value, list) else value


def _tensor(dtype: str, shape: str, body: str) -> dict[str, Any]:
    found = {"dtype": DTYPES[dtype], "shape": [int(n) for n in shape.split(",")]}
    if dtype == "bool":
        return {**found, "rows": body.split()}
    return {**found, "values": [value for word in body.split() for value in _values(word)]}


def _values(word: str) -> list[Any]:
    if ".." in word:
        start, stop = (int(number) for number in word.split(".."))
        step = 1 if stop > start else -1
        return list(range(start, stop + step, step))
    text, _, count = word.partition("*")
    value = float(text) if "." in text or "e" in text else int(text)
    return [value] * int(count or 1)
