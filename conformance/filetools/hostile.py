"""Hostile files: what `hostile.yaml` describes, as bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conformance.engine.literals import text
from conformance.filetools.container import read_container, twins
from conformance.filetools.model import HostileFile, HostileFiles, folder
from conformance.fixtures import yamlfile
from conformance.fixtures.userfile import FixtureError


def read_hostile(root: Path | None = None) -> list[HostileFile]:
    """`hostile.yaml`, and what `container.yaml` makes in every layout; ids are unique."""
    path = (root or folder()) / "hostile.yaml"
    files = [*yamlfile.decode(path, HostileFiles).files, *twins(read_container(root))]
    names = [file.id for file in files]
    if len(set(names)) < len(names):
        raise FixtureError(f"{path}: {max(names, key=names.count)} stands twice")
    return files


def build(file: HostileFile, root: Path | None = None) -> bytes:
    """The bytes of a hostile file."""
    if file.golden is not None:
        data = ((root or folder()) / f"{file.golden}.safetensors").read_bytes()
        data += bytes(file.tail)
    else:
        header = (_made(file) if file.header is None else "".join(map(text, file.header))).encode()
        data = len(header).to_bytes(8, "little") + header
        data += bytes(file.data) if isinstance(file.data, int) else text(file.data).encode()
    if file.header_length is not None:
        data = file.header_length.to_bytes(8, "little") + data[8:]
    return data if file.keep is None else data[: file.keep]


def _made(file: HostileFile) -> str:
    metadata = {key: text(value) for key, value in file.metadata.items()}
    for repeat in file.repeat:
        for i in range(repeat.times):
            metadata |= {
                key.replace("{i}", str(i)): value.replace("{i}", str(i))
                for key, value in repeat.metadata.items()
            }
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    for key, tensor in file.tensors.items():
        header[key] = {
            "dtype": tensor.dtype,
            "shape": tensor.shape,
            "data_offsets": tensor.data_offsets,
        }
    return json.dumps(header, separators=(",", ":"))
