"""What can be wrong with the frame of a file, in the layout of each writer: `container.yaml`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import field

from conformance.engine.literals import Strict, Text, text
from conformance.filetools.model import Blame, HostileFile, folder
from conformance.filetools.reading import Reading
from conformance.fixtures import yamlfile

FILE = "container.yaml"
DATA = "abcd"
_PARTS = ("length", "header", "data")


class LayoutKeys(Strict, frozen=True, kw_only=True):
    """The small file in one layout: the keys of its two slots, those of what is unset, where
    metadata of the user stands, and the metadata.
    """

    keys: tuple[str, str]
    nothing: list[str] = field(default_factory=list)
    user: str
    metadata: dict[str, str]


class Change(Strict, frozen=True, kw_only=True):
    """One thing that is wrong with the file; `readers` has layout -> reader -> what it does with it
    where it does not refuse it.
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
    readers: dict[str, dict[str, Reading | None]] = field(default_factory=dict)
    not_run: dict[str, dict[str, str | None]] = field(default_factory=dict)


class Container(Strict, frozen=True):
    """`container.yaml`."""

    layouts: dict[str, LayoutKeys]
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
        readers=change.readers.get(layout, {}),
        not_run=change.not_run.get(layout, {}),
        expect=Blame(change.expect.error, _filled(change.expect.key, keys), change.expect.reason),
    )


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


def _header(keys: LayoutKeys, change: Change) -> str:
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


def _filled(template: str, keys: LayoutKeys) -> str:
    first, second = keys.keys
    last = [*keys.keys, *keys.nothing][-1]
    for name, value in (("first", first), ("second", second), ("user", keys.user), ("last", last)):
        template = template.replace(f"{{{name}}}", value)
    return template
