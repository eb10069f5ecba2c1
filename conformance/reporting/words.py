"""Words for values, steps and expectations: what a reader sees in a failure."""

from __future__ import annotations

import json
from typing import Any

from msgspec import UNSET

from conformance import tensor
from conformance.engine.expect import CacheState, Expect, SparseSlots
from conformance.engine.filearguments import FileArgument
from conformance.engine.literals import Tensors
from conformance.engine.plan import PlannedStep
from conformance.tensor import Tensor
from conformance.transport.backend import Refused, Reply

_LONGEST = 240


def value(item: Any) -> str:
    """A plain value, a tensor, or a list of them, on one line of bounded length."""
    return _clip(_value(item))


def step(planned: PlannedStep) -> str:
    """`step 2: set_meta_state(cache=c, meta_state=["3","-1"])`."""
    arguments = ", ".join(f"{key}={value(item)}" for key, item in planned.call.arguments.items())
    number = f"step {planned.number}: " if planned.number else "given: "
    return _clip(f"{number}{planned.call.op}({arguments})")


def reply(answer: Reply) -> str:
    """What came back: a value, or the refusal with kind, message and payload."""
    if isinstance(answer, Refused):
        payload = f" {_value(answer.payload)}" if answer.payload else ""
        message = f" ({answer.message})" if answer.message else ""
        return _clip(f"refused with {answer.kind}{payload}{message}")
    return value(answer.value)


def expectation(expect: Expect, tensors: Tensors) -> str:
    """What a step must give, in words."""
    if expect.error is not UNSET:
        payload = f" {_value(expect.payload)}" if expect.payload else ""
        message = f" saying {expect.message!r}" if isinstance(expect.message, str) else ""
        leaves = ", cache unchanged" if expect.leaves is not UNSET else ""
        return _clip(f"refused with {expect.error}{payload}{message}{leaves}")
    if expect.refused is not UNSET:
        return f"refused with an error of any kind: {expect.refused}"
    if isinstance(expect.reading, str):
        return "all that is in the file" if expect.reading == "same" else expect.reading
    if expect.written is not UNSET:
        return f"the file {expect.written}, tensor by tensor and key by key"
    if expect.trap is not UNSET:
        return f"the process traps: {expect.trap}"
    if expect.undefined is not UNSET:
        return f"undefined, but no crash: {expect.undefined}"
    if expect.tensor is not UNSET:
        return value(tensors(expect.tensor))
    if expect.tensors is not UNSET:
        return value(tensors.tree(expect.tensors))
    if isinstance(expect.cache, CacheState):
        return _cache(expect.cache, tensors)
    if expect.same_as is not UNSET:
        return f"the same as {expect.same_as}"
    return value(expect.value)


def _cache(state: CacheState, tensors: Tensors) -> str:
    if isinstance(state.slots, SparseSlots):
        slots = f"{state.slots.count} slots, {len(state.slots.present)} of them set"
    else:
        listed = state.slots if isinstance(state.slots, list) else []
        slots = "slots [" + "; ".join(_value(tensors.slot(slot)) for slot in listed) + "]"
    parts = [slots]
    for name in ("left_padding", "lengths"):
        ints = tensors.ints(getattr(state, name))
        if ints is not None:
            parts.append(f"{name} {_value(ints)}")
    if isinstance(state.class_name, str):
        parts.append(state.class_name)
    return _clip(", ".join(parts))


def _value(item: Any) -> str:
    if item is None:
        return "null"
    if isinstance(item, Tensor):
        return tensor.describe(item)
    if isinstance(item, FileArgument):
        return item.name
    if isinstance(item, list):
        return (
            "["
            + ", ".join(_value(part) for part in item[:64])
            + ("]" if len(item) <= 64 else ", ...]")
        )
    if isinstance(item, dict):
        return (
            "{" + ", ".join(f"{key}: {_value(part)}" for key, part in list(item.items())[:64]) + "}"
        )
    if isinstance(item, str) and len(item) > _LONGEST:
        return f"{json.dumps(item[:40])}... ({len(item)} characters)"
    try:
        return json.dumps(item, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(item)


def _clip(line: str) -> str:
    return line if len(line) <= 2 * _LONGEST else line[: 2 * _LONGEST] + " ..."
