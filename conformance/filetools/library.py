"""The prompt-cache files and contents that a case may name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from conformance.engine.filearguments import FileArgument
from conformance.engine.literals import Tensors
from conformance.filetools import compare, hostile
from conformance.filetools.model import CaseFile, FileCase, HostileFile, read_all_cases, spell
from conformance.filetools.safetensors import Flat, parse
from conformance.filetools.written import differences, shown
from conformance.outcomes.difference import Difference
from conformance.outcomes.reading import WRONG

HOSTILE = "hostile/"
SUFFIX = ".safetensors"
MAX_WRITTEN_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class FileRef(FileArgument):
    """A prompt-cache file; `made` if the backend makes it, otherwise a copy lies there before,
    which the backend may be asked to write `over`.
    """

    name: str
    library: Library = field(repr=False)
    made: bool = False
    over: bool = False

    def placed(self, folder: Path) -> str:
        path = self._path(folder)
        if not self.made:
            path.write_bytes(self.data)
        return str(path)

    def written(self, folder: Path) -> bytes | None:
        path = self._path(folder)
        try:
            status = os.lstat(path)
        except OSError:
            return None
        whole = stat.S_ISREG(status.st_mode) and status.st_size <= MAX_WRITTEN_BYTES
        return path.read_bytes() if (self.made or self.over) and whole else None

    def _path(self, folder: Path) -> Path:
        return folder / Path(self.name).with_suffix(SUFFIX).name

    @property
    def data(self) -> bytes:
        """What lies there before."""
        return self.library.data(self.name)

    @property
    def content(self) -> dict[str, Any] | None:
        """What a reader should find, in the form that `load` gives; None in a hostile file."""
        if self.name.startswith(HOSTILE):
            return None
        writer, _, case = self.name.partition("/")
        return self.library.content(case, writer, read=True)

    def reading(self, got: Any) -> tuple[str, str]:
        """Without a content any reading is wrong, and is told by the number of its caches."""
        content = self.content
        if content is None:
            return WRONG, f"{len(got['caches'])} caches"
        found = compare.reading(content, got)
        return found.kind, found.what

    def differences(self, got: Any) -> Iterator[Difference]:
        content = self.content
        return iter(()) if content is None else compare.differences(content, got)


class Library:
    """The folder of prompt-cache fixtures, read when needed. ValueError for an unknown name."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._paths: dict[str, Path] = {}  # of golden files that have been looked for

    def file(self, name: str) -> FileRef:
        """A golden file, `WRITER/CASE`, or a hostile one, `hostile/ID`."""
        if name.startswith(HOSTILE):
            if name.removeprefix(HOSTILE) not in self.hostile:
                raise ValueError(f"no hostile file is called {name.removeprefix(HOSTILE)}")
        else:
            self._path(name)
        return FileRef(name, self)

    def overwritten(self, name: str) -> FileRef:
        """A golden file that the backend writes over."""
        self._path(name)
        return FileRef(name, self, over=True)

    def target(self, case: str) -> FileRef:
        """A file that the backend makes."""
        return FileRef(f"{case}{SUFFIX}", self, made=True)

    def data(self, name: str) -> bytes:
        """The bytes of a golden or hostile file."""
        if name.startswith(HOSTILE):
            return hostile.build(self.hostile[name.removeprefix(HOSTILE)], self.root)
        return self._path(name).read_bytes()

    def case(self, name: str, writer: str = "") -> FileCase:
        """What is in a file, as it is written down; a writer may have cases of its own."""
        return self._cases[self._key(name, writer)]

    def content(self, case: str, writer: str = "", read: bool = False) -> dict[str, Any]:
        """The same in the form that `save` takes; or in the form that `load` must give, `read`."""
        key = self._key(case, writer)
        return spell(self._cases[key], self._tensors[key[0]], read)

    @property
    def contents(self) -> list[FileCase]:
        """What backends are asked to write."""
        return [case for case in self._case_files[""].cases if case.asked]

    def golden(self, name: str) -> Flat:
        """The tensors and metadata of a golden file."""
        return parse(self._path(name).read_bytes())

    def written(self, golden: str, data: bytes | None) -> Iterator[Difference]:
        """Where a file that was written differs from a golden one."""
        return differences(self.golden(golden), data)

    def shown(self, golden: str) -> Iterator[str]:
        """The keys, tensors and metadata of a golden file, a line each."""
        return shown(self.golden(golden))

    @cached_property
    def _cases(self) -> dict[tuple[str, str], FileCase]:
        return {
            (writer, case.id): case
            for writer, file in self._case_files.items()
            for case in file.cases
        }

    @cached_property
    def hostile(self) -> dict[str, HostileFile]:
        """The hostile files by id."""
        return {file.id: file for file in hostile.read_hostile(self.root)}

    @cached_property
    def _case_files(self) -> dict[str, CaseFile]:
        return read_all_cases(self.root)

    @cached_property
    def _tensors(self) -> dict[str, Tensors]:
        return {writer: Tensors(file.tensors) for writer, file in self._case_files.items()}

    def _key(self, case: str, writer: str) -> tuple[str, str]:
        for key in ((writer, case), ("", case)):
            if key in self._cases:
                return key
        raise ValueError(f"no content is called {case}")

    def _path(self, name: str) -> Path:
        if name not in self._paths:
            path = self.root / f"{name}{SUFFIX}"
            if not path.is_file() or not path.resolve().is_relative_to(self.root.resolve()):
                raise ValueError(f"no golden file is called {name}")
            self._paths[name] = path
        return self._paths[name]
