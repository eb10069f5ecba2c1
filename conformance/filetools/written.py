"""What a saved prompt-cache file is, beside a golden one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from conformance.filetools.compare import trim
from conformance.filetools.safetensors import Flat, parse
from conformance.outcomes.difference import Difference, Marker, Quoted
from conformance.tensor import Tensor, describe, deviation

_OFFSET_SHAPE = ((), "int32")
_SHOWN = 64  # elements of a tensor
_LONG = 200  # characters of a text
_NO_TENSOR = Marker("no tensor")


def differences(golden: Flat, data: bytes | None) -> Iterator[Difference]:
    """Where a written file differs from a golden one; spare room behind the offset is free."""
    if data is None:
        yield Difference("file", Marker("a file at the path"), Marker("no file"))
        return
    try:
        flat = parse(data)
    except ValueError as error:
        yield Difference("file", Marker("a safetensors file"), Marker(str(error)))
        return
    yield from _metadata(golden.metadata, flat.metadata)
    for key in sorted(golden.tensors.keys() | flat.tensors.keys()):
        ours, theirs = golden.tensors.get(key), flat.tensors.get(key)
        if ours is None or theirs is None:
            yield Difference(f"tensor {key}", ours or _NO_TENSOR, theirs or _NO_TENSOR)
            continue
        why = deviation(_used(key, golden), _used(key, flat))
        if why is not None:
            yield Difference(f"tensor {key}", ours, theirs, why)


def _metadata(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[Difference]:
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            want, have = (Quoted(table[key]) if key in table else Marker("nothing")
                          for table in (ours, theirs))  # fmt: skip
            yield Difference(f"metadata {key}", want, have)


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


def shown(flat: Flat) -> Iterator[str]:
    """Every key of a file with what is there, a line each; a tensor by its first elements.

    Of one with spare room only what counts is shown, as only that is compared.
    """
    width = max(map(len, [*flat.tensors, *flat.metadata]), default=0)
    yield "tensors"
    for key, tensor in flat.tensors.items():
        used = _used(key, flat)
        room = "" if used is tensor else f" ({tensor.shape[2]} positions, spare room is free)"
        yield f"  {key:<{width}}  {describe(used, _SHOWN)}{room}"
    yield "metadata"
    for key, text in flat.metadata.items():
        most = text if len(text) <= _LONG else f"{text[:_LONG]}..."
        yield f"  {key:<{width}}  {json.dumps(most)}"
