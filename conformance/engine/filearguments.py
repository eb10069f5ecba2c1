"""Files as arguments of calls: they lie in a folder while the call is carried out."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conformance.outcomes.difference import Difference


class FileArgument(ABC):
    """A file; its path is known when the call is carried out. `name` is for a reader."""

    name: str

    def words(self) -> str:
        """As a reader sees it among the arguments of a call."""
        return self.name

    @abstractmethod
    def placed(self, folder: Path) -> str:
        """Its path in a folder. What the backend is to read lies there afterwards."""

    @abstractmethod
    def written(self, folder: Path) -> bytes | None:
        """What the backend wrote; None where it was to write nothing, or nothing can be read."""

    @abstractmethod
    def reading(self, got: Any) -> tuple[str, str]:
        """What the backend read beside what is in the file: the kind of reading, and a reason."""

    @abstractmethod
    def differences(self, got: Any) -> Iterator[Difference]:
        """Where what the backend read differs from what is in the file, if that is known."""


def placed(arguments: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The arguments with a path in `folder` for each file."""
    return {
        name: value.placed(folder) if isinstance(value, FileArgument) else value
        for name, value in arguments.items()
    }


def written(arguments: Mapping[str, Any], folder: Path) -> bytes | None:
    """What a call wrote to the file that it was to make; None where it made none."""
    found = (v.written(folder) for v in arguments.values() if isinstance(v, FileArgument))
    return next((data for data in found if data is not None), None)


class Workspace:
    """The folder in which files lie while a case is carried out; one for all cases of a process.

    Making and removing a folder takes as long as a case, so it is emptied between two cases.
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @contextmanager
    def use(self) -> Iterator[Path]:
        """An empty folder, emptied again afterwards."""
        if self._folder is None or not os.path.isdir(self._folder.name):
            self._folder = tempfile.TemporaryDirectory(
                prefix="mlx-cache-conformance-", ignore_cleanup_errors=True
            )
        folder = self._folder.name
        try:
            yield Path(folder)
        finally:
            _empty(folder)
            if os.path.isdir(folder) and os.listdir(folder):
                self._folder = None  # what cannot be removed stays out of the next case's way


def _empty(folder: str) -> None:
    for entry in os.scandir(folder) if os.path.isdir(folder) else ():
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            try:
                os.unlink(entry.path)
            except OSError:
                continue


@functools.cache
def workspace() -> Workspace:
    """That of this process."""
    return Workspace()
