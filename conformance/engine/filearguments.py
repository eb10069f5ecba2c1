"""Files as arguments of calls: they lie in a folder while the call is carried out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
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
