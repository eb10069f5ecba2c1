"""Cases made of YAML text, and observations made by hand, without a backend."""

from __future__ import annotations

from typing import Any

import msgspec

from conformance.calls import Refused, Reply, Returned
from conformance.engine.case import Case
from conformance.engine.dialect import Dialect
from conformance.engine.execute import Observation, Seen
from conformance.engine.judge import judge
from conformance.engine.literals import TensorLiteral, Tensors
from conformance.engine.plan import Plan, plan
from conformance.engine.verdict import Verdict
from conformance.fixtures import yamlfile
from conformance.kinds import KINDS
from conformance.tensor import Tensor, tensor
from conformance.transport.backend import BackendTrouble

TENSORS = Tensors({
    "a0": msgspec.convert({"float32": [[1, 2, 3]]}, TensorLiteral),
    "a1": msgspec.convert({"float32": [[4, 5, 6]]}, TensorLiteral),
    "nan": msgspec.convert({"dtype": "float32", "shape": [1], "hex": "0100c07f"}, TensorLiteral),
})  # fmt: skip
A0, A1, NAN = TENSORS("a0"), TENSORS("a1"), TENSORS("nan")


def dialect(name: str = "mlx-lm-0.31", **fields: Any) -> Dialect:
    """A dialect of the family that its name begins with."""
    defaults = {"follows": "x", "evidence": "run", "summary": "x",
                "state_shape": {"slots": "slots"}}  # fmt: skip
    known = {field.name for field in msgspec.structs.fields(Dialect)}
    family = name.rpartition("-")[0]
    chosen = {k: v for k, v in (defaults | fields).items() if k in known}
    return msgspec.convert({"id": name, "family": family, **chosen}, Dialect)


def case(text: str, **fields: Any) -> Case:
    """A case of the steps that `text` spells, one a line, in YAML."""
    steps = yamlfile.parse(text.encode(), "steps")
    whole = {"id": "a.b", "requires": ["A-001"], "why": "x", "steps": steps, **fields}
    return KINDS.read_case(whole)


def planned(text: str, **fields: Any) -> Plan:
    """The plan of such a case in mlx-lm-0.31."""
    return plan(case(text, **fields), dialect(), TENSORS)


def snapshot(*slots: Tensor | None, count: int | None = None, **fields: Any) -> dict[str, Any]:
    """The result of `snapshot` for these slots."""
    listed = {str(i): slot for i, slot in enumerate(slots) if slot is not None}
    whole = {"class_name": "ArraysCache", "slot_count": len(slots) if count is None else count,
             "slots": listed, "left_padding": None, "lengths": None}  # fmt: skip
    return whole | fields


def int32(*values: int) -> Tensor:
    return tensor("int32", [len(values)], values)


def reply(value: Any) -> Reply:
    """What is not a reply yet, as the value that is returned."""
    return value if isinstance(value, (Returned, Refused)) else Returned(value)


def verdict(
    bound: Plan, *replies: Any, trouble: BackendTrouble | None = None, before: Any = None,
    after: Any = None,
) -> Verdict:  # fmt: skip
    """The verdict on a backend that gave these replies in turn, and then may have failed.

    The last step that is guarded gets `before` and `after` around it.
    """
    around = {
        "before": None if before is None else reply(before),
        "after": None if after is None else reply(after),
    }
    seen = tuple(
        Seen(step, reply(got), **(around if step.guarded else {}))
        for step, got in zip(bound.steps, replies, strict=False)
    )
    at = bound.steps[len(seen)] if trouble and len(seen) < len(bound.steps) else None
    return judge(bound, Observation(seen, trouble, at))
