"""A case as YAML that a person would write: a step a line, tensors as values if exact."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from conformance.tensor import Tensor, tensor

_BARE = re.compile(r"^[a-z][a-z0-9_]*$")
_RESERVED = {"true", "false", "null", "y", "n", "yes", "no", "on", "off"}


def literal(value: Tensor) -> dict[str, Any]:
    """A tensor as a fixture spells it: `{float32: [[1, 2]]}`, or its bits where that loses some."""
    elements = value.elements()
    plain = [int(x) if isinstance(x, float) and _is_whole(x) else x for x in elements]
    try:
        exact = all(map(math.isfinite, plain)) and 0 not in value.shape
        if exact and tensor(value.dtype, value.shape, plain).data == value.data:
            return {value.dtype: _nested(plain, value.shape)}
    except (ValueError, OverflowError):
        pass
    return {"dtype": value.dtype, "shape": list(value.shape), "hex": value.data.hex()}


def plain(value: Any) -> Any:
    """A value with every tensor in it spelled as a literal."""
    if isinstance(value, Tensor):
        return literal(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def flow(value: Any) -> str:
    """A plain value on one line, in YAML's flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and _BARE.match(value) and value not in _RESERVED:
        return value
    # What JSON escapes above U+FFFF in two halves, YAML would read as two characters.
    return json.dumps(value, ensure_ascii=False)


def case(spelled: dict[str, Any]) -> str:
    """A case as an item of `cases`, ready to be pasted."""
    lines = []
    for key, value in spelled.items():
        if key == "steps":
            lines.append("steps:")
            lines += [f"- {flow(step)}" for step in value]
        elif key in ("id", "why"):
            lines.append(f"{key}: {value}")
        elif isinstance(value, dict):
            lines += [f"{key}:", *(f"  {_key(name)}: {item}" for name, item in value.items())]
        else:
            lines.append(f"{key}: {flow(value)}" if key != "requires" else
                         f"requires: [{', '.join(value)}]")  # fmt: skip
    return "- " + "\n  ".join(lines) + "\n"


def _key(key: str) -> str:
    bare = re.match(r"^[a-z][a-z0-9_.-]*$", key) and key not in ("true", "false", "null")
    return key if bare else json.dumps(key, ensure_ascii=False)


def _is_whole(number: float) -> bool:
    minus_zero = number == 0 and math.copysign(1.0, number) < 0
    return math.isfinite(number) and number == int(number) and not minus_zero


def _nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    step = len(flat) // shape[0]
    return [_nested(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
