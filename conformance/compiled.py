"""The shipped fixtures, decoded and checked once and kept for the next run.

YAML is read at a megabyte a second; the same structs as MessagePack take a hundredth of the time.
What is kept is found under a hash of every file of the fixtures and of the code that reads and
checks them, so that a change of either is read anew. Whatever is wrong with it, or with the folder
it is kept in, only costs the time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import msgspec

from conformance.model import Chapter, Dialect, Hazard, TensorLiteral
from conformance.userfolder import cache_folder

KEPT = 4  # of other versions and checkouts
_DIGEST = hashlib.sha256


class Compiled(msgspec.Struct, frozen=True):
    """What a `Suite` holds. `chapters` are (name, path below the root, chapter)."""

    dialects: list[Dialect]
    hazards: list[Hazard]
    tensors: dict[str, TensorLiteral]
    chapters: list[tuple[str, str, Chapter]]


def key(root: Path) -> str:
    """Names the fixtures of a folder as this version of the suite understands them."""
    digest = _DIGEST()
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)} {len(content)}\n".encode())
        digest.update(content)
    code = Path(__file__).parent
    for path in sorted([*code.glob("*.py"), *code.glob("prompt_cache/*.py")]):
        stat = path.stat()
        digest.update(f"{path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def read(name: str) -> Compiled | None:
    """What is kept under a key; None if nothing is, or nothing sound."""
    try:
        raw = _path(name).read_bytes()
        size = _DIGEST().digest_size
        if _DIGEST(raw[size:]).digest() != raw[:size]:
            return None
        return msgspec.msgpack.decode(raw[size:], type=Compiled)
    except (OSError, msgspec.MsgspecError):
        return None


def keep(name: str, compiled: Compiled) -> None:
    """Keep it, and of others the latest; a folder that cannot be written keeps nothing."""
    with contextlib.suppress(OSError, OverflowError):  # msgpack has no integers beyond 64 bits
        raw = msgspec.msgpack.encode(compiled)
        path = _path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, new = tempfile.mkstemp(dir=path.parent, prefix="new-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(_DIGEST(raw).digest() + raw)
        os.replace(new, path)  # whole or not at all, also where several processes start at once
        others = sorted(path.parent.glob("*.msgpack"), key=lambda each: each.stat().st_mtime)
        for old in others[:-KEPT]:
            old.unlink(missing_ok=True)


def _path(name: str) -> Path:
    return cache_folder() / "fixtures" / f"{name}.msgpack"
