"""A list of caches that a case starts from."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.engine.doctoring import Named
from conformance.engine.kind import Given
from conformance.engine.literals import Tensors


class GivenList(Given, frozen=True):
    """Built with `new` from caches that stand before it in `given`, by their handles."""

    children: list[str] = []


def build(handle: str, given: GivenList, tensors: Tensors | None) -> Iterator[Named]:
    """The operations that make it."""
    yield "new", {"cache": handle, "children": given.children}
