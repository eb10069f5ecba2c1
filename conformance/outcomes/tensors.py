"""`tensor` and `tensors`: a tensor, or lists of tensors, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from msgspec import UnsetType

from conformance import values
from conformance.calls import Returned
from conformance.engine.literals import TensorRef, Tensors, Tree, spelled
from conformance.outcomes.difference import Difference, tree
from conformance.outcomes.outcome import Answer, Fields, Outcome
from conformance.outcomes.snapshots import Snapshots
from conformance.tensor import Tensor


class TensorOutcome(Outcome, frozen=True):
    """This tensor, bit for bit."""

    key: ClassVar[str] = "tensor"
    spelling: ClassVar[Any] = TensorRef | UnsetType

    tensor: Tensor

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> TensorOutcome:
        return cls(tensors(fields[cls.key]))

    @classmethod
    def spelled(cls, reply: Returned, snapshots: Snapshots | None) -> Fields | None:
        return {cls.key: spelled(reply.value)} if isinstance(reply.value, Tensor) else None

    def compared(self, reply: Returned, answer: Answer) -> Iterator[Difference]:
        return tree("", self.tensor, reply.value)

    def words(self) -> str:
        return values.words(self.tensor)


class TensorsOutcome(Outcome, frozen=True):
    """This (nested) list of tensors and nulls."""

    key: ClassVar[str] = "tensors"
    spelling: ClassVar[Any] = list[Tree] | UnsetType

    tensors: list[Any]

    @classmethod
    def decoded(cls, fields: Fields, tensors: Tensors) -> TensorsOutcome:
        return cls(tensors.tree(fields[cls.key]))

    @classmethod
    def spelled(cls, reply: Returned, snapshots: Snapshots | None) -> Fields | None:
        if not isinstance(reply.value, list):
            return None
        leaves = list(_leaves(reply.value))
        of_tensors = any(isinstance(leaf, Tensor) for leaf in leaves) and all(
            leaf is None or isinstance(leaf, Tensor) for leaf in leaves
        )
        return {cls.key: spelled(reply.value)} if of_tensors else None

    def compared(self, reply: Returned, answer: Answer) -> Iterator[Difference]:
        return tree("", self.tensors, reply.value)

    def words(self) -> str:
        return values.words(self.tensors)


def _leaves(items: list[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list):
            yield from _leaves(item)
        else:
            yield item
