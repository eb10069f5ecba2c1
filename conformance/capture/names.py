"""Tensors of an answer by their names, so that what is written reads as a person would write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
from msgspec import UNSET

from conformance.engine.literals import TensorLiteral, Tensors, decode, tokens
from conformance.outcomes.cache import CacheOutcome
from conformance.outcomes.tensors import TensorOutcome, TensorsOutcome
from conformance.tensor import Tensor

_WITH_TENSORS = (TensorOutcome.key, TensorsOutcome.key, CacheOutcome.key)


def named(fields: Mapping[str, Any], tensors: Tensors) -> dict[str, Any]:
    """An outcome with every tensor that a case may name by its name, all others as they are."""
    known = {_identity(decode(one)): name for name, one in _small(tensors)}
    return {
        key: _named(value, known) if key in _WITH_TENSORS else value
        for key, value in fields.items()
    }


def _named(value: Any, known: Mapping[tuple[Any, ...], str]) -> Any:
    if isinstance(value, list):
        return [_named(item, known) for item in value]
    if not isinstance(value, dict):
        return value
    try:
        made = decode(msgspec.convert(value, TensorLiteral))
    except ValueError:
        return {key: _named(item, known) for key, item in value.items()}
    return known.get(_identity(made)) or _of_tokens(made) or value


def _small(tensors: Tensors) -> Iterator[tuple[str, TensorLiteral]]:
    """The names that hold for a case, the nearest last, but for those of a pattern."""
    for layer in reversed(tensors.layers):
        for name, literal in layer.items():
            if literal.iota is UNSET and literal.fill is UNSET:
                yield name, literal


def _identity(value: Tensor) -> tuple[Any, ...]:
    return value.dtype, tuple(value.shape), bytes(value.data)


def _of_tokens(value: Tensor) -> str | None:
    """`k0-4,7` for the keys of these tokens; None for what are no keys or values of tokens."""
    if value.dtype != "float32" or len(value.shape) != 4 or 0 in value.shape:
        return None
    numbers = value.elements()
    letter = "v" if any(number < 0 for number in numbers) else "k"
    if any(number != int(number) for number in map(float, numbers)):
        return None
    found, length = [abs(int(number)) for number in numbers], value.shape[2]
    rows = [found[at : at + length] for at in range(0, len(found), length)]
    name = letter + "/".join(",".join(_ranges(row)) for row in rows)
    return name if _identity(tokens(name)) == _identity(value) else None


def _ranges(row: Sequence[int]) -> Iterator[str]:
    """Numbers that follow each other as `2-5`."""
    for _, group in groupby(enumerate(row), lambda pair: pair[1] - pair[0]):
        run = [number for _, number in group]
        yield str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"
