"""Lists as mlx-lm wrote them before 0.31: all tensors of all children in a row, and no metadata.

Which tensor belonged to which child is lost, so that no reader can tell.
"""

from __future__ import annotations

from collections.abc import Iterator

from reference_impl.files.content import Content, Entry, Flat, ListEntry


def in_a_row(flat: Flat, content: Content) -> Flat:
    """What the layout of 0.31 has for a content, with its lists as they were before."""
    tensors, metadata = dict(flat.tensors), dict(flat.metadata)
    for number, entry in enumerate(content.entries):
        if isinstance(entry, ListEntry):
            key = str(number)
            inside = [name for name in tensors if name.startswith(f"{key}.")]
            arrays = {name: tensors.pop(name) for name in inside}
            for position, old in enumerate(_items(key, entry, inside)):
                for name in inside:
                    if name == old or name.startswith(f"{old}."):
                        tensors[f"{key}.{position}{name[len(old) :]}"] = arrays[name]
            for name in [name for name in metadata if name.startswith(f"0.{key}.")]:
                del metadata[name]
            metadata[f"0.{key}"] = ""
    return Flat(tensors, metadata)


def _items(key: str, entry: Entry, names: list[str]) -> Iterator[str]:
    """Where the items of the state of an entry stand, in order."""
    if isinstance(entry, ListEntry):
        for number, child in enumerate(entry.children):
            yield from _items(f"{key}.{number}", child, names)
        return
    behind = {int(name[len(key) + 1 :].partition(".")[0]) for name in names
              if name.startswith(f"{key}.")}  # fmt: skip
    yield from (f"{key}.{position}" for position in sorted(behind))
