"""From one layout to another, without losing anything unseen."""

from __future__ import annotations

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from reference_impl.files import container, decode, encode, load
from reference_impl.files.content import Content, ListEntry, Loss, differences
from reference_impl.files.errors import CannotHold

if TYPE_CHECKING:
    from reference_impl.files.content import Content, Entry, Loss


# Layout -> class -> the one that its readers have for it.
_SLOTS = {"MambaCache": "ArraysCache"}
_PLAIN = {"ConcatenateKVCache": "KVCache"}
_RENAMED = {
    "mlx-lm-0.31": _SLOTS,
    "mlx-lm-0.32": _SLOTS,
    "mlx-swift-lm": _PLAIN,
    "mlxrs-0.1": _PLAIN,
}


class Converted(NamedTuple):
    """The layout that was read, and what is not in the new file."""

    source: str
    losses: tuple[Loss, ...]


class NotTheSame(Exception):
    """What was written is not what was meant to be."""


def convert(
    path: Path, out: Path, layout: str, allow_loss: bool = False, force: bool = False
) -> Converted:
    """Write the content of `path` to `out` in a layout; `out` appears whole or not at all.

    A link is followed. Raises CannotHold with everything that would be lost, FileExistsError unless
    `force`, a PromptCacheError when `path` cannot be read, NotTheSame when reading back finds a
    difference.
    """
    out = out.resolve() if out.is_symlink() else out
    if not out.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(out.parent))
    if out.exists() and not out.is_file():
        raise FileExistsError(f"{out} is not a file, and is not written over")
    if not force and out.exists():
        raise FileExistsError(f"{out} exists; --force writes over it")
    loaded = load(path)
    content, relabelled = known_classes(loaded.content, layout)
    try:
        written = encode(content, layout, allow_loss)
    except CannotHold as refusal:
        losses = [(loss.key, loss.reason) for loss in relabelled]
        raise CannotHold(
            layout, losses + refusal.payload["losses"], refusal.payload["final"]
        ) from None
    if relabelled and not allow_loss:
        raise CannotHold(layout, [(loss.key, loss.reason) for loss in relabelled])
    # What is lost is lost in memory already; the file must hold everything else.
    meant = decode(written.flat, layout).content if written.losses else content
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        container.write(temporary, written.flat)
        for difference in differences(meant, load(temporary, layout).content):
            raise NotTheSame(f"reading {out} back: {difference}")
        _move(temporary, out, force)
    finally:
        temporary.unlink(missing_ok=True)
    return Converted(loaded.layout, (*relabelled, *written.losses))


def _move(temporary: Path, out: Path, force: bool) -> None:
    temporary.chmod(0o666 & ~_umask())
    if force:
        temporary.replace(out)
        return
    try:
        try:
            os.link(temporary, out)  # unlike a rename, never over a file that came in between
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
                raise
            out.open("x").close()  # no links on this file system: take the name first
            temporary.replace(out)
    except FileExistsError:
        raise FileExistsError(f"{out} exists; --force writes over it") from None


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def known_classes(content: Content, layout: str) -> tuple[Content, tuple[Loss, ...]]:
    """The content with the classes that readers of a layout know.

    mlx-lm dropped MambaCache in 0.30.6 and uses an ArraysCache of the same slots instead. Only
    mlx-lm has ConcatenateKVCache, which is a KVCache without spare room.
    """
    other = _RENAMED.get(layout, {})
    losses: list[Loss] = []

    def renamed(entry: Entry, key: str) -> Entry:
        if isinstance(entry, ListEntry):
            children = (renamed(child, f"{key}.{i}") for i, child in enumerate(entry.children))
            return ListEntry(tuple(children))
        if entry.class_name in other:
            name = other[entry.class_name]
            losses.append(Loss(key, f"the class {entry.class_name}, written as {name}"))
            return replace(entry, class_name=name)
        return entry

    entries = tuple(renamed(entry, str(i)) for i, entry in enumerate(content.entries))
    return Content(entries, content.user_metadata), tuple(losses)
