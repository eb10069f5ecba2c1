"""What the doctor asks of a kind before anything else, and what sound answers are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.tensor import Tensor

Named = tuple[str, dict[str, Any]]  # an operation by its name in the kind, and its arguments


@dataclass(frozen=True)
class Example:
    """Operations on the cache `c`, `words` for them, and what its snapshot shows afterwards.

    `label` is the key with the name under which a file keeps the cache, if the snapshot has one.
    """

    words: str
    calls: tuple[Named, ...]
    shown: dict[str, Any]
    label: str | None = None


@dataclass(frozen=True)
class TensorAccess:
    """How a tensor is put into the cache `c` and read back; `unset` reads what was never put."""

    put: Callable[[Tensor], Named]
    get: Named
    unset: Named
    unset_words: str


@dataclass(frozen=True)
class NullInList:
    """A request with a null in a list of tensors, and what a snapshot shows if it is stored."""

    call: Named
    shown: dict[str, Any]


@dataclass(frozen=True)
class Doctoring:
    """`essential` operations are those without which almost no case can run.

    `make` makes a cache under a handle. `lacking` are requests on a cache `c`, each without an
    argument that it needs. `overwrite` changes in place what the example has put.
    `hold_unset` holds, on a new cache `c`, something that is not there. `null` is a list of tensors
    with a null among them, for the cache of the example.
    """

    essential: tuple[str, ...]
    make: Callable[[str], Named]
    lacking: tuple[Named, ...]
    example: Example
    access: TensorAccess | None = None
    overwrite: Named | None = None
    hold_unset: Named | None = None
    null: NullInList | None = None
