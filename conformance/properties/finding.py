"""A disagreement as a case that fails: complete YAML, and the verdict that it gives."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from conformance.calls import Call, Refused, Reply, Returned
from conformance.engine import literals
from conformance.engine.case import Case
from conformance.engine.dialect import spread
from conformance.engine.execute import execute
from conformance.engine.judge import judge
from conformance.engine.operation import Gives
from conformance.engine.plan import plan
from conformance.engine.suite import Suite
from conformance.engine.verdict import Verdict
from conformance.fixtures import yamlfile
from conformance.outcomes.registry import spelled
from conformance.outcomes.snapshots import Snapshots
from conformance.properties import case_text
from conformance.properties.attribution import requirement
from conformance.properties.comparison import Comparison, Disagreement


@dataclass(frozen=True)
class Finding:
    """A disagreement, in the dialect in which it was found; `origin` says by which seed or law."""

    found: Disagreement
    comparison: Comparison
    suite: Suite
    origin: str

    @cached_property
    def spelled(self) -> dict[str, Any]:
        """The case as plain data, with the expectation of the dialect in the last step."""
        drawn, dialect, kinds = self.found.drawn, self.comparison.dialect, self.suite.kinds
        rows = list(zip(drawn.calls, drawn.replies, strict=True))[1:]  # without the reset
        if not rows:  # it fails before any operation, and so at the simplest one too
            rows = [(self._simplest(), Returned(None))]
        shown = kinds.snapshots
        steps = [_step(call, reply, index == len(rows) - 1, shown.get(call.op))
                 for index, (call, reply) in enumerate(rows)]  # fmt: skip
        digest = hashlib.sha256(case_text.flow(steps).encode()).hexdigest()[:8]
        looks = {o.wire for o in kinds.operations.values() if o.gives is Gives.SNAPSHOT}
        ops = [call.op for call, _ in rows]
        last = next((op for op in reversed(ops) if op not in looks), ops[0])
        whose = f"{self.origin}, in {dialect.id}"
        return {
            "id": f"found.{last.replace('_', '-')}.{digest}",
            "requires": [requirement(drawn, dialect, kinds)],
            "why": f"Found by {whose}; replace this by what a user would hit.",
            "steps": steps,
            "not_applicable": self._elsewhere(),
        }

    def _simplest(self) -> Call:
        kind = next(iter(self.suite.kinds))
        assert kind.doctoring is not None
        name, arguments = kind.doctoring.make("a")
        return Call(kind.operations[name].wire, arguments)

    @cached_property
    def yaml(self) -> str:
        """The case, ready to be pasted into a chapter."""
        return case_text.case(self.spelled)

    @cached_property
    def case(self) -> Case:
        """The case as it reads from its YAML."""
        (read,) = yamlfile.parse(self.yaml.encode(), self.spelled["id"])
        return self.suite.kinds.read_case(read)

    def verdict(self) -> Verdict:
        """What the case comes to on the backend, when it is run as any fixture is."""
        suite = self.suite.extended(self.case)
        tensors, who = suite.tensors_of(self.case), self.comparison.backend.handshake.implementation
        bound = plan(self.case, self.comparison.dialect, tensors, mlx=who.mlx)
        return judge(bound, execute(bound, self.comparison.backend))

    def _elsewhere(self) -> dict[str, str | None]:
        """Why it is not run in other dialects; null where the own one would inherit that."""
        own = self.comparison.dialect
        reason = f"found in {own.id}, not examined here"
        dialects = self.suite.dialects
        return spread(
            {name: None if name == own.id else reason for name in dialects},
            {name: dialect.lineage for name, dialect in dialects.items()},
        )


def _step(
    call: Call, reply: Reply, last: bool, snapshots: Snapshots | None
) -> dict[str, Any]:
    arguments = {key: literals.spelled(value) for key, value in call.arguments.items()}
    step = {"op": call.op, **arguments}
    if last or isinstance(reply, Refused):
        step["expect"] = spelled(reply, snapshots)
    return step
