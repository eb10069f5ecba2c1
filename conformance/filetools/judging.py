"""What a loaded or saved prompt-cache file is, beside what it should be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance import tensor
from conformance.filetools.compare import differences, reading, trim
from conformance.filetools.safetensors import Flat, parse
from conformance.tensor import Tensor

Row = tuple[str, str, str]  # place, expected, got
_OFFSET_SHAPE = ((), "int32")


def loaded(expected: str, content: dict[str, Any] | None, got: dict[str, Any]) -> Iterator[Row]:
    """Where a reading is not the expected one; all the differences where that is `same`.

    Without a content any reading is wrong, and is told by the number of its caches.
    """
    if content is None:
        said = f"wrong: {len(got['caches'])} caches"
        if said != expected:
            yield "", expected, said
        return
    said = reading(content, got).spelled()
    if said == expected:
        return
    rows = list(differences(content, got)) if expected == "same" else []
    yield from rows or [("", _meaning(expected), said)]


def _meaning(expected: str) -> str:
    return "all that is in the file" if expected == "same" else expected


def saved(golden: Flat, data: bytes | None) -> Iterator[Row]:
    """Where a written file differs from a golden one; spare room behind the offset is free."""
    if data is None:
        yield "file", "a file at the path", "no file"
        return
    try:
        flat = parse(data)
    except ValueError as error:
        yield "file", "a safetensors file", str(error)
        return
    yield from _table("metadata", golden.metadata, flat.metadata)
    for key in sorted(golden.tensors.keys() | flat.tensors.keys()):
        ours, theirs = golden.tensors.get(key), flat.tensors.get(key)
        if ours is None or theirs is None:
            yield f"tensor {key}", _shown(ours), _shown(theirs)
            continue
        why = tensor.difference(_used(key, golden), _used(key, flat))
        if why is not None:
            yield f"tensor {key}", _shown(ours), f"{_shown(theirs)}: {why}"


def _table(what: str, ours: Any, theirs: Any) -> Iterator[Row]:
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            want, have = (repr(each[key]) if key in each else "nothing" for each in (ours, theirs))
            yield f"{what} {key}", want, have


def _shown(value: Tensor | None) -> str:
    return "no tensor" if value is None else tensor.describe(value)


def _used(key: str, flat: Flat) -> Tensor:
    """A tensor without spare room. In mlx-lm 0.32's layout the keys and values `p.0` and `p.1`, or
    their parts `p.0.k`, may be longer than the offset `p.2` says.
    """
    parts = key.split(".")
    for depth in (1, 2):
        if len(parts) > depth and parts[-depth] in ("0", "1"):
            offset = flat.tensors.get(".".join([*parts[:-depth], "2"]))
            if offset is not None and (offset.shape, offset.dtype) == _OFFSET_SHAPE:
                return trim(flat.tensors[key], offset.elements()[0])  # type: ignore[no-any-return]
    return flat.tensors[key]
