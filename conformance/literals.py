"""From the literals of a fixture to the values that travel: `Tensor` and `str`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import UNSET

from conformance.model import Ints, Slot, TensorLiteral, TensorRef, Text, TextPattern, Tree
from conformance.tensor import DTYPES, ITEM_SIZE, Tensor, tensor

# A fixture may ask for a large tensor or text in a few characters; this bounds what it can ask for.
MAX_BYTES = 256 * 1024 * 1024
ELEMENT_BYTES = 8  # what an element of metadata takes beside its text


class Files(Protocol):
    """Prompt-cache files that a case may name; ValueError for a name that is none."""

    def file(self, name: str) -> Any: ...

    def target(self, case: str) -> Any: ...

    def content(self, case: str) -> Any: ...

    def golden(self, name: str) -> Any: ...


class Tensors:
    """What a case may name: its own tensors, then the chapter's, then the shared ones; files."""

    def __init__(self, *layers: Mapping[str, TensorLiteral], files: Files | None = None) -> None:
        self._layers = layers
        self._files = files

    @property
    def files(self) -> Files:
        """The prompt-cache files; ValueError where the folder of fixtures has none."""
        if self._files is None:
            raise ValueError("these fixtures have no prompt_cache folder")
        return self._files

    def __call__(self, ref: TensorRef) -> Tensor:
        """The tensor that `ref` names or spells; ValueError when it does neither."""
        if isinstance(ref, TensorLiteral):
            return decode(ref)
        for layer in self._layers:
            if ref in layer:
                return decode(layer[ref])
        raise ValueError(f"no tensor is named {ref!r}")

    def slot(self, slot: Slot) -> Tensor | None:
        """A slot: null stays null."""
        return None if slot is None else self(slot)

    def tree(self, tree: Tree | list[Tree]) -> Any:
        """A tensor, a null, or a list of them."""
        if isinstance(tree, list):
            return [self.tree(item) for item in tree]
        return self.slot(tree)

    def ints(self, ints: Ints) -> Tensor | None:
        """Left padding or lengths: a list of ints is int32 of that length."""
        if isinstance(ints, list):
            return tensor("int32", [len(ints)], ints)
        return self.slot(ints)


def decode(literal: TensorLiteral) -> Tensor:
    """The tensor a literal spells; ValueError says what is wrong with it."""
    named = [name for name in DTYPES if getattr(literal, name) is not UNSET]
    general = [name for name in ("hex", "iota", "fill") if getattr(literal, name) is not UNSET]
    if len(named) + len(general) != 1:
        raise ValueError(
            "a tensor is written in one form: a dtype key, or dtype + shape + hex, iota or fill"
        )
    if named:
        if literal.dtype is not UNSET or literal.shape is not UNSET:
            raise ValueError(f"`{named[0]}: [...]` already says dtype and shape")
        shape, flat = _flatten(getattr(literal, named[0]))
        return tensor(named[0], shape, flat)
    if literal.dtype is UNSET or literal.shape is UNSET:
        raise ValueError(f"`{general[0]}` needs dtype and shape beside it")
    if literal.dtype not in ITEM_SIZE:
        raise ValueError(f"unknown dtype {literal.dtype!r}; MLX's names are {', '.join(DTYPES)}")
    shape = literal.shape
    if any(size < 0 for size in shape):
        raise ValueError(f"shape {shape} has a negative size")
    count = math.prod(shape)
    if count * ITEM_SIZE[literal.dtype] > MAX_BYTES:
        raise ValueError(f"{literal.dtype}{shape} is over {MAX_BYTES} bytes")
    if literal.hex is not UNSET:
        try:
            data = bytes.fromhex(literal.hex)
        except ValueError:
            raise ValueError(f"hex: {literal.hex!r} is not a string of hex digits") from None
        if len(data) != count * ITEM_SIZE[literal.dtype]:
            raise ValueError(
                f"{literal.dtype}{shape} needs {count * ITEM_SIZE[literal.dtype]} bytes"
            )
        return Tensor(literal.dtype, tuple(shape), data)
    if literal.iota is not UNSET:
        return tensor(literal.dtype, shape, range(literal.iota, literal.iota + count))
    one = tensor(literal.dtype, [1], [literal.fill])
    return Tensor(literal.dtype, tuple(shape), one.data * count)


def text(value: Text) -> str:
    """The string a text literal spells; ValueError when it spells none or a huge one."""
    if isinstance(value, str):
        return value
    return _pattern(value)


def texts(values: Sequence[Text]) -> list[str]:
    """The elements that the literals of metadata spell; ValueError when there are too many."""
    spelled: list[str] = []
    size = 0
    for value in values:
        count = value.elements if isinstance(value, TextPattern) else 1
        one = text(value)
        size += count * (len(one) + ELEMENT_BYTES)
        if count < 1 or size > MAX_BYTES:
            raise ValueError(f"elements: {count} is out of bounds")
        spelled += [one] * count
    return spelled


def _pattern(value: TextPattern) -> str:
    if (value.repeat is UNSET) == (value.count_to is UNSET):
        raise ValueError("a text pattern has either `repeat` or `count_to`")
    if value.count_to is not UNSET:
        if value.times != 1 or value.end:
            raise ValueError("`times` and `end` go with `repeat`")
        if not 0 <= value.count_to * 8 <= MAX_BYTES:
            raise ValueError(f"count_to: {value.count_to} is out of bounds")
        return ",".join(map(str, range(value.count_to)))
    assert isinstance(value.repeat, str)
    if value.times < 0 or len(value.repeat) * value.times > MAX_BYTES:
        raise ValueError(f"times: {value.times} is out of bounds")
    return value.repeat * value.times + value.end


def _flatten(nested: Any) -> tuple[list[int], list[Any]]:
    if not isinstance(nested, list):
        return [], [nested]
    if not nested:
        return [0], []
    parts = [_flatten(item) for item in nested]
    if any(shape != parts[0][0] for shape, _ in parts):
        raise ValueError("rows have different lengths")
    return [len(nested), *parts[0][0]], [element for _, flat in parts for element in flat]
