"""Where the files of a case lie while it is carried out."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

from conformance.engine.plan import Call
from conformance.filetools.library import FileRef

MAX_WRITTEN_BYTES = 64 * 1024 * 1024


def placed(call: Call, folder: Path) -> Call:
    """The call with a path in `folder` for each file; what is to be read lies there."""
    arguments = dict(call.arguments)
    for name, value in call.arguments.items():
        if isinstance(value, FileRef):
            path = _place(value, folder)
            if not value.written:
                path.write_bytes(value.data)
            arguments[name] = str(path)
    return replace(call, arguments=arguments)


def written(call: Call, folder: Path) -> bytes | None:
    """What a call wrote to the file that it was to make; None where there is none to be read."""
    for value in call.arguments.values():
        if isinstance(value, FileRef) and value.written:
            try:
                status = os.lstat(_place(value, folder))
            except OSError:
                return None
            if stat.S_ISREG(status.st_mode) and status.st_size <= MAX_WRITTEN_BYTES:
                return _place(value, folder).read_bytes()
    return None


def _place(ref: FileRef, folder: Path) -> Path:
    return folder / Path(ref.name).with_suffix(".safetensors").name
