"""A difference as a case that fails: complete YAML, and the verdict that it gives."""

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
from conformance.engine.plan import plan
from conformance.engine.verdict import Verdict
from conformance.fixtures import yamlfile
from conformance.fixtures.load import Suite
from conformance.outcomes.registry import spelled
from conformance.outcomes.snapshots import Snapshots
from conformance.properties import case_text
from conformance.properties.attribution import requirement
from conformance.properties.comparison import Difference, Sides


@dataclass(frozen=True)
class Finding:
    """A difference, in the dialect in which it was found; `origin` says by which seed or law."""

    difference: Difference
    sides: Sides
    suite: Suite
    origin: str

    @cached_property
    def spelled(self) -> dict[str, Any]:
        """The case as plain data, with the expectation of the dialect in the last step."""
        drawn, dialect = self.difference.drawn, self.sides.dialect
        rows = list(zip(drawn.calls, drawn.replies, strict=True))[1:]  # without the reset
        if not rows:  # it fails before any operation, and so at the simplest one too
            rows = [(Call("new", {"cache": "a", "size": 0}), Returned(None))]
        shown = self.suite.kinds.snapshots
        steps = [_step(call, reply, index == len(rows) - 1, shown.get(call.op))
                 for index, (call, reply) in enumerate(rows)]  # fmt: skip
        digest = hashlib.sha256(case_text.flow(steps).encode()).hexdigest()[:8]
        last = next((call.op for call, _ in reversed(rows) if call.op != "snapshot"), "new")
        whose = f"{self.origin}, in {dialect.id}"
        return {
            "id": f"found.{last.replace('_', '-')}.{digest}",
            "requires": [requirement(drawn, dialect)],
            "why": f"Found by {whose}; replace this by what a user would hit.",
            "steps": steps,
            "not_applicable": self._elsewhere(),
        }

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
        bound = plan(self.case, self.sides.dialect, suite.tensors_of(self.case))
        return judge(bound, execute(bound, self.sides.session))

    def _elsewhere(self) -> dict[str, str | None]:
        """Why it is not run in other dialects; null where the own one would inherit that."""
        own = self.sides.dialect
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
