"""How far a long command is: a bar on a terminal, nothing elsewhere, and nothing in CI."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
Step = Callable[[str, int], None]  # what is being done, and how many parts of the whole it ends


def somebody_watches() -> bool:
    """Whether stderr is the terminal of a person. Some CI services give their jobs a terminal, or
    tell rich to color as if there were one.
    """
    return sys.stderr.isatty() and not os.environ.get("CI")


@contextlib.contextmanager
def progress(total: int, doing: str) -> Iterator[Step]:
    """A bar on stderr, which goes away at the end."""
    if not somebody_watches():
        yield lambda what, count: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda what, count: bar.update(task, description=what, advance=count)


def along(items: Sequence[T], doing: str) -> Iterator[T]:
    """The items one after the other, with a bar."""
    with progress(len(items), doing) as step:
        for item in items:
            yield item
            step(doing, 1)
