"""A case as YAML that a person would write: a step a line, tensors as values if exact."""

from __future__ import annotations

import json
import re
from typing import Any

_BARE = re.compile(r"^[a-z][a-z0-9_]*$")
_RESERVED = {"true", "false", "null", "y", "n", "yes", "no", "on", "off"}


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
