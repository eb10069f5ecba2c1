"""Prompt-cache files: one in-memory content, five layouts to write it in, six to read it from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from reference_impl.files import (
    container,
    mlx_lm_0_28,
    mlx_lm_0_31,
    mlx_lm_0_32,
    mlx_lm_main_2026_08_22,
    mlx_swift_lm,
    mlxrs_0_1,
)
from reference_impl.files.content import Content, Flat, Loss, Written, walk
from reference_impl.files.errors import CannotHold, UnknownLayout
from reference_impl.files.recognise import recognise

__all__ = ["LAYOUTS", "READ_ONLY", "Loaded", "decode", "encode", "load", "recognise", "save"]


class Layout(Protocol):
    """What a layout module has."""

    ID: str
    # Classes that its readers cannot restore.
    UNKNOWN: tuple[str, ...]

    def read(self, flat: Flat) -> Content: ...

    def write(self, content: Content) -> Written: ...


_MODULES: dict[str, Layout] = {
    module.ID: module
    for module in (
        mlx_lm_0_31,
        mlx_lm_0_32,
        mlx_swift_lm,
        mlxrs_0_1,
        mlx_lm_0_28,
        mlx_lm_main_2026_08_22,
    )
}
READ_ONLY = (mlx_lm_main_2026_08_22.ID,)
LAYOUTS = tuple(name for name in _MODULES if name not in READ_ONLY)


class Loaded(NamedTuple):
    """A file's content, the layout it was read in, and all layouts that its keys fit."""

    content: Content
    layout: str
    candidates: tuple[str, ...]


def load(path: str | Path, layout: str | None = None) -> Loaded:
    """Read a file in the given layout, or in the one that its keys show.

    Raises a `PromptCacheError` that names key and reason, or OSError.
    """
    return decode(container.read(path), layout)


def decode(flat: Flat, layout: str | None = None) -> Loaded:
    """The same from tensors and metadata."""
    candidates = recognise(flat) if layout is None else (layout,)
    return Loaded(_module(candidates[0]).read(flat), candidates[0], candidates)


def encode(content: Content, layout: str, allow_loss: bool = False) -> Written:
    """Tensors and metadata in a layout; CannotHold names what the layout cannot hold.

    `allow_loss` goes on without what has a place only elsewhere. What has no place at all, such as
    an unset slot in mlx-lm-0.31, is refused even then.
    """
    module = _module(layout)
    written = module.write(content)
    unknown = [
        Loss(key, f"the class {entry.class_name}, which its readers cannot restore", final=True)
        for key, entry in walk(content)
        if entry.class_name in module.UNKNOWN
    ]
    losses = (*unknown, *written.losses)
    refused: list[Loss] = [loss for loss in losses if loss.final or not allow_loss]
    if refused:
        final = [(loss.key, loss.reason) for loss in refused if loss.final]
        raise CannotHold(layout, [(loss.key, loss.reason) for loss in refused], final)
    return written


def save(
    path: str | Path, content: Content, layout: str, allow_loss: bool = False
) -> tuple[Loss, ...]:
    """Write a file in a layout; what was lost."""
    written = encode(content, layout, allow_loss)
    container.write(path, written.flat)
    return written.losses


def _module(layout: str) -> Layout:
    if layout not in _MODULES:
        raise UnknownLayout("layout", f"{layout!r} is not one of {', '.join(_MODULES)}")
    return _MODULES[layout]
