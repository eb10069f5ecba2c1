"""A cache of keys and values that a case starts from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.engine.doctoring import Named
from conformance.engine.kind import Given
from conformance.engine.literals import TensorRef, Tensors

_TOKENS = "tokens"


class GivenTokens(Given, frozen=True):
    """Built with `new` and one `update_and_fetch` for each pair [keys, values] of `tokens`.

    The other fields are the arguments of `new`.
    """

    tokens: list[tuple[TensorRef, TensorRef]] = []


def build(handle: str, given: GivenTokens, tensors: Tensors | None) -> Iterator[Named]:
    """The operations that make it; without `tensors` no literal is decoded."""
    arguments: dict[str, Any] = {
        name: getattr(given, name) for name in given.__struct_fields__ if name != _TOKENS
    }
    yield "new", {"cache": handle, **arguments}
    for keys, values in given.tokens:
        if tensors is None:
            yield "update_and_fetch", {"cache": handle}
        else:
            halves = {"keys": tensors(keys), "values": tensors(values)}
            yield "update_and_fetch", {"cache": handle, **halves}
