"""How each dialect reads and writes files, errors and wrong results included."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reference_impl.dialects import DIALECTS, dialect_class, lineage
from reference_impl.files import encode
from reference_impl.files.content import Content, Flat, walk
from reference_impl.files.errors import CannotHold
from reference_impl.files.readers import flat_lists, mlx_lm, mlxrs, swift
from reference_impl.files.readers.mlx import PYTHON, RUST, SWIFT, Passage
from reference_impl.slots.cache import MAMBA_CACHE

# Caches as objects with the attributes of mlx-lm's, and the user's metadata as it comes back.
Result = tuple[list[Any], Any]


@dataclass(frozen=True)
class FileRules:
    """The layout that is written, the loader, how both reach mlx, what the writer knows of a
    content, and what it does otherwise than the layout. The loader makes the caches of the dialect
    that it is given.
    """

    layout: str
    read: Callable[[Flat, str], Result]
    passage: Passage
    known: Callable[[Content], Content] = lambda content: content
    arranged: Callable[[Flat, Content], Flat] = lambda flat, content: flat


# A dialect that is not named here has the rules of the one that it extends.
_RULES = {
    "mlxrs-0.1": FileRules("mlxrs-0.1", mlxrs.load, RUST),
    "mlx-lm-0.31": FileRules("mlx-lm-0.31", mlx_lm.load_0_31, PYTHON),
    "mlx-lm-0.32": FileRules("mlx-lm-0.32", mlx_lm.load_0_32, PYTHON),
    "mlx-lm-0.30.5": FileRules(
        "mlx-lm-0.31", mlx_lm.load_0_30, PYTHON, arranged=flat_lists.in_a_row
    ),
    "mlx-swift-lm-3.31.3": FileRules(
        "mlx-swift-lm", swift.load_tag, SWIFT, swift.without_lengths
    ),
    "mlx-swift-lm-3.31.4": FileRules("mlx-swift-lm", swift.load_tag, SWIFT),
    "mlx-swift-lm-14414441": FileRules(
        "mlx-swift-lm", swift.load_14414441, SWIFT, swift.with_capacity_origin
    ),
}
# Revisions that are later than any dialect, with files of their own and the caches of a dialect.
_LATER = {"mlx-swift-lm-14414441": "mlx-swift-lm-3.31.4"}
READERS = (*DIALECTS, *_LATER)


def load_as(reader: str, flat: Flat) -> Result:
    """Read as that reader does. Raises what it would raise, `Trap` where its process ends, and
    OutOfMemory where it would allocate for every index up to one that no file has.
    """
    rules = _rules(reader)
    return rules.read(rules.passage.read(flat), _LATER.get(reader, reader))


def save_as(reader: str, content: Content) -> Flat:
    """Write as that dialect's writer does: what it drops silently is dropped.

    CannotHold, or the error of mlx, where the real one fails instead.
    """
    rules = _rules(reader)
    has_mamba = hasattr(dialect_class(_LATER.get(reader, reader)), "mamba")
    if not has_mamba and any(entry.class_name == MAMBA_CACHE for _, entry in walk(content)):
        raise CannotHold(reader, [(MAMBA_CACHE, "the dialect has no such class")])
    written = encode(rules.known(content), rules.layout, allow_loss=True)
    return rules.passage.saved(rules.arranged(written.flat, content))


def _rules(reader: str) -> FileRules:
    for name in (reader, *lineage(_LATER.get(reader, reader))):
        if name in _RULES:
            return _RULES[name]
    raise ValueError(f"nothing is said about files in {reader}; it extends no dialect with files")
