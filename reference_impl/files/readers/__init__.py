"""What each dialect's own reader makes of a file, errors and wrong results included."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from reference_impl.files import encode
from reference_impl.files.content import Content, Entry, Flat, ListEntry
from reference_impl.files.errors import CannotHold
from reference_impl.files.readers import mlx_lm, mlxrs, swift

# Caches as objects with the attributes of mlx-lm's, and the user's metadata as it comes back.
Result = tuple[list[Any], Any]

_READERS: dict[str, Callable[[Flat], Result]] = {
    "mlxrs-0.1": mlxrs.load,
    "mlx-lm-0.31": mlx_lm.load_0_31,
    "mlx-lm-0.32": mlx_lm.load_0_32,
    "mlx-swift-lm-3.31.3": swift.load_3_31_3,
    "mlx-swift-lm-3.31.4": swift.load_3_31_4,
    # A later revision than any dialect's, with a loader of its own.
    "mlx-swift-lm-14414441": swift.load_14414441,
}
READERS = tuple(_READERS)
_LAYOUTS = {
    "mlxrs-0.1": "mlxrs-0.1",
    "mlx-lm-0.31": "mlx-lm-0.31",
    "mlx-lm-0.32": "mlx-lm-0.32",
    "mlx-swift-lm-3.31.3": "mlx-swift-lm",
    "mlx-swift-lm-3.31.4": "mlx-swift-lm",
    "mlx-swift-lm-14414441": "mlx-swift-lm",
}


def load_as(reader: str, flat: Flat) -> Result:
    """Read as that reader does. Raises what it would raise, `Trap` where its process ends, and
    OutOfMemory where it would allocate for every index up to one that no file has.
    """
    return _READERS[reader](flat)


def save_as(reader: str, content: Content) -> Flat:
    """Write as that dialect's writer does: what it drops silently is dropped.

    CannotHold where the real one fails instead.
    """
    layout = _LAYOUTS[reader]
    content = _as_known(reader, content)
    return encode(content, layout, allow_loss=True).flat


def _as_known(reader: str, content: Content) -> Content:
    if reader.startswith("mlx-lm") and "MambaCache" in _names(content.entries):
        raise CannotHold(reader, [("MambaCache", "there is no such class since mlx-lm 0.30.6")])
    if reader == "mlx-swift-lm-3.31.3":
        return swift.without_lengths(content)
    if reader == "mlx-swift-lm-14414441":
        return swift.with_capacity_origin(content)
    return content


def _names(entries: Iterable[Entry]) -> set[str]:
    """The classes of caches and of their children."""
    found = set()
    for entry in entries:
        found.add(entry.class_name)
        if isinstance(entry, ListEntry):
            found |= _names(entry.children)
    return found
