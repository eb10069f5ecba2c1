"""What can be wrong with the frame of a file, in the layout of each writer: `container.yaml`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from msgspec import field

from conformance.engine.literals import Strict, Text, text
from conformance.filetools.model import Blame, HostileFile, folder
from conformance.filetools.reading import Reading
from conformance.fixtures import yamlfile

FILE = "container.yaml"
# What mlx makes of a file: arrays that the file defines, arrays of memory that is not theirs, or
# no end.
Made = Literal["read", "memory", "hang"]
UNSAFE = "memory-is-handed-out"
DATA = "abcd"
# A reader that would inherit what another one does: null is said of it where it refuses the file.
_TAKES_BACK = {"mlx-lm-0.32": "mlx-lm-0.31"}
_PARTS = ("length", "header", "data")


class Small(Strict, frozen=True, kw_only=True):
    """The small file in one layout: the keys of its two slots, those of what is unset, where
    metadata of the user stands, and the metadata. `readers` has how many caches a reader that does
    not refuse it gives; `own` are those of them to which the layout belongs.
    """

    keys: tuple[str, str]
    nothing: list[str] = field(default_factory=list)
    user: str
    metadata: dict[str, str]
    readers: dict[str, int | None]
    own: list[str]


class Change(Strict, frozen=True, kw_only=True):
    """One thing that is wrong with the file. `mlx` has what a version of mlx makes of it where it
    does not refuse it; `readers` has layout -> reader -> what else one does with it, null for no
    more than refusing it.
    """

    id: str
    why: str
    first: str | None = None
    second: str | None = None
    metadata: list[str] = field(default_factory=list)
    extra: str = ""
    behind: str = ""
    data: Text | list[Text] = DATA
    cut: dict[str, int] = field(default_factory=dict)
    length: int | None = None
    longer: int = 0
    expect: Blame
    mlx: dict[str, Made] = field(default_factory=dict)
    readers: dict[str, dict[str, Reading | None]] = field(default_factory=dict)


class Container(Strict, frozen=True):
    """`container.yaml`. `mlx` is the version whose behaviour a reader has."""

    mlx: dict[str, str]
    layouts: dict[str, Small]
    changes: list[Change]


def read_container(root: Path | None = None) -> Container:
    """`container.yaml`, decoded."""
    return yamlfile.decode((root or folder()) / FILE, Container)


def twins(container: Container) -> Iterator[HostileFile]:
    """Each change in each layout, as the hostile file `CHANGE.LAYOUT`."""
    for change in container.changes:
        for layout in container.layouts:
            yield twin(container, change, layout)


def twin(container: Container, change: Change, layout: str) -> HostileFile:
    """One change in one layout."""
    keys = container.layouts[layout]
    header, data = _header(keys, change), "".join(map(text, _listed(change.data)))
    size = len(header.encode())
    return HostileFile(
        id=f"{change.id}.{layout}",
        why=change.why,
        header=[header],
        data=data,
        header_length=size + change.longer if change.length is None else change.length,
        keep=_kept(change.cut, {"length": 8, "header": size, "data": len(data.encode())}),
        readers=_readers(container, change, layout),
        not_run=_not_run(container, change, layout),
        expect=Blame(change.expect.error, _filled(change.expect.key, keys), change.expect.reason),
    )


def _readers(container: Container, change: Change, layout: str) -> dict[str, Reading | None]:
    """What readers do that do not refuse it, each with what its mlx makes of the file."""
    small = container.layouts[layout]
    found: dict[str, Reading | None] = {}
    for reader, count in small.readers.items():
        made = change.mlx.get(container.mlx[reader])
        if made is None or made == "hang" or count is None:
            found[reader] = None
        else:
            unsafe = made == "memory" and reader in small.own
            found[reader] = Reading(wrong=f"{count} caches", hazard=UNSAFE if unsafe else None)
    said = found | change.readers.get(layout, {})
    return {
        reader: reading
        for reader, reading in said.items()
        if reading is not None or said.get(_TAKES_BACK.get(reader, "")) is not None
    }


def _not_run(container: Container, change: Change, layout: str) -> dict[str, str | None]:
    """Readers that would never end."""
    return {
        reader: "the reader never ends: mlx allocates and copies for a shape that wraps"
        for reader in container.layouts[layout].own
        if change.mlx.get(container.mlx[reader]) == "hang"
    }


def whole(container: Container, layout: str) -> HostileFile:
    """The small file as it should be."""
    right = Change(id="whole", why="", expect=Blame("", "", ""))
    return twin(container, right, layout)


def _listed(data: Any) -> list[Text]:
    return data if isinstance(data, list) else [data]


def _kept(cut: dict[str, int], sizes: dict[str, int]) -> int | None:
    """How many bytes of the file stay; None: all of them."""
    kept = 0
    for part in _PARTS:
        if part in cut:
            return kept + (cut[part] if cut[part] >= 0 else sizes[part] + cut[part])
        kept += sizes[part]
    return None


def _header(keys: Small, change: Change) -> str:
    metadata = json.dumps(keys.metadata, separators=(",", ":"))
    table = metadata[:-1] + "".join(f",{more}" for more in change.metadata) + "}"
    entries = [
        change.first or _entry("U8", 2, 0, 2),
        change.second or _entry("U8", 2, 2, 4),
        *(_entry("F32", 0, 0, 0) for _ in keys.nothing),
    ]
    names = [*keys.keys, *keys.nothing]
    tensors = "".join(f',"{key}":{{{entry}}}' for key, entry in zip(names, entries, strict=True))
    text_ = f'{{"__metadata__":{table}{tensors}{change.extra}}}{change.behind}'
    return _filled(text_, keys).replace("{metadata}", metadata)


def _entry(dtype: str, size: int, begin: int, end: int) -> str:
    return f'"dtype":"{dtype}","shape":[{size}],"data_offsets":[{begin},{end}]'


def _filled(template: str, keys: Small) -> str:
    first, second = keys.keys
    last = [*keys.keys, *keys.nothing][-1]
    for name, value in (("first", first), ("second", second), ("user", keys.user), ("last", last)):
        template = template.replace(f"{{{name}}}", value)
    return template
