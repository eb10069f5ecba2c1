"""docs/damaged-files.md: what readers make of a file whose frame is damaged, layout by layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from conformance.filetools.container import Change, Container, read_container
from tools.pages.templates import render


class Column(NamedTuple):
    """A reader, and the version of mlx that it stands on."""

    reader: str
    mlx: str
    title: str


COLUMNS = (
    Column("mlx-lm-0.31", "0.31.1", "mlx-lm 0.31.3, mlx 0.31.1"),
    Column("mlx-lm-0.31", "0.32.4", "mlx-lm 0.31.3, mlx 0.32.4"),
    Column("mlx-lm-0.32", "0.31.1", "mlx-lm 0.32.2, mlx 0.31.1"),
    Column("mlx-lm-0.32", "0.32.4", "mlx-lm 0.32.2, mlx 0.32.4"),
    Column("mlxrs-0.1", "0.32.4", "mlxrs, mlx 0.31.2"),
    Column("mlx-swift-lm-3.31.3", "0.31.1", "mlx-swift-lm, mlx 0.31.1"),
)


def page() -> str:
    """The page, with a row for each file."""
    return render("damaged-files.md.j2", rows=[*rows(read_container())])


def rows(container: Container) -> Iterator[list[str]]:
    """A heading, then change, layout and what each reader does."""
    yield ["what is wrong", "layout", *(column.title for column in COLUMNS)]
    for change in container.changes:
        for layout in container.layouts:
            cells = (outcome(container, change, layout, column) for column in COLUMNS)
            yield [change.id, layout, *cells]


def outcome(container: Container, change: Change, layout: str, column: Column) -> str:
    """What a reader does with one file, in a word or two."""
    small, reader = container.layouts[layout], column.reader
    own = change.readers.get(layout, {})
    if reader in own:
        said = own[reader]
        return "ends" if said is not None else "refused"
    made, count = change.mlx.get(column.mlx), small.readers.get(reader)
    if made is None or count is None:
        return "refused"
    if reader not in small.own:  # nothing looks at the arrays
        return "no caches" if count == 0 else "read"
    return {"read": "read", "memory": "**memory**", "hang": "never ends"}[made]
