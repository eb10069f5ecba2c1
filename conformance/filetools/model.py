"""The fixtures of prompt-cache files as frozen structs. Every struct refuses unknown keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from msgspec import UNSET, UnsetType, field

from conformance.engine.case import Budget, Requirement
from conformance.engine.dialect import Evidence, HazardFile, Lineage, lookup
from conformance.engine.literals import (
    Ints,
    Slot,
    Strict,
    TensorLiteral,
    TensorRef,
    Tensors,
    Text,
    text,
)
from conformance.filetools.reading import Reading
from conformance.fixtures import yamlfile
from conformance.fixtures.shipped import fixtures_folder
from conformance.fixtures.userfile import FixtureError

FOLDER = "prompt_cache"


class CacheSpec(Strict, frozen=True):
    """One cache. Slot caches have `slots`, left padding and lengths; the key/value family tensors
    to update with and the arguments of its constructor; CacheList its children. `then` are further
    updates, keys and values each. `stored` is what the cache makes of them where that is not the
    first update: keys, then values, of a QuantizedKVCache weights, scales and biases of both.
    `trim_front` has a ChunkedKVCache drop what is before its last chunk in the end.
    `rows` are the offset and left padding of a batch in the end.
    """

    class_name: str
    slots: list[Slot] = field(default_factory=list)
    left_padding: Ints = None
    lengths: Ints = None
    keys: TensorRef | UnsetType = UNSET
    values: TensorRef | UnsetType = UNSET
    then: list[tuple[TensorRef, TensorRef]] = field(default_factory=list)
    trim_front: bool = False
    stored: list[TensorRef] = field(default_factory=list)
    rows: dict[str, list[int]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    caches: list[CacheSpec] = field(default_factory=list)


class FileCase(Strict, frozen=True, kw_only=True):
    """What goes into one file. Where it names `writers`, only they were asked to write it, and
    where it is not `asked` of backends, they are not.
    """

    id: str
    why: str
    caches: list[CacheSpec]
    user_metadata: dict[str, Text] = field(default_factory=dict)
    writers: list[str] = field(default_factory=list)
    asked: bool = True

    def is_written_by(self, writer: str) -> bool:
        """Whether the writer is asked for a golden file of it."""
        return not self.writers or writer in self.writers


class CaseFile(Strict, frozen=True):
    """`cases.yaml`."""

    cases: list[FileCase]
    tensors: dict[str, TensorLiteral]


class Golden(Strict, frozen=True, kw_only=True):
    """One golden file: its case, its size and hash, or the reason why the writer has none. One that
    is `constructed` was made by the reference among files that were captured.
    """

    case: str
    constructed: bool = False
    bytes: int | None = None
    sha256: str | None = None
    cannot: str | None = None


class Provenance(Strict, frozen=True, kw_only=True):
    """`<writer>/provenance.yaml`: who wrote the files beside it, when, and how to do it again.

    `cases_as` is the name that cases about these files have, where that was another one before.
    """

    writer: str
    provenance: Literal["captured", "constructed"]
    layout: str
    revision: str
    date: str
    command: str
    platform: str
    notes: list[str] = field(default_factory=list)
    cases_as: str | None = None
    files: list[Golden]


class Expectations(Strict, frozen=True, kw_only=True):
    """`<writer>/expectations.yaml`: file -> reader -> what it must do.

    Readers are the dialects, the newer readers of `chapter.yaml`, and `strict`, the reference's
    own. A reader does what the one that it extends does, where nothing else is said.
    """

    writer: str
    expectations: dict[str, dict[str, Reading]]


def folder() -> Path:
    """Where the fixtures of prompt-cache files lie."""
    return fixtures_folder() / FOLDER


def read_cases(root: Path | None = None) -> CaseFile:
    """`cases.yaml`, decoded and checked."""
    path = (root or folder()) / "cases.yaml"
    cases = yamlfile.decode(path, CaseFile)
    seen: set[str] = set()
    for case in cases.cases:
        if case.id in seen:
            raise FixtureError(f"{path}: the case {case.id} stands twice")
        seen.add(case.id)
    return cases


def read_all_cases(root: Path) -> dict[str, CaseFile]:
    """Writer -> the contents of its own files; the contents that all write under the empty name."""
    own = sorted(root.glob("*/contents.yaml"))
    return {"": read_cases(root)} | {p.parent.name: yamlfile.decode(p, CaseFile) for p in own}


class TensorEntry(Strict, frozen=True):
    """A tensor of a header, as it is written there; nothing of it need be true."""

    dtype: str
    shape: list[int]
    data_offsets: list[int]


class Repeat(Strict, frozen=True):
    """Metadata entries written `times` times, with the number of the turn in place of `{i}`."""

    times: int
    metadata: dict[str, str]


class Blame(Strict, frozen=True):
    """The error that the reference must give: its kind, key, and a part of its reason."""

    error: str
    key: str
    reason: str


class OlderMlx(Strict, frozen=True, kw_only=True):
    """What an older mlx does with files, where an implementation has it read and write them.

    `dialects` are those whose implementations do. `resaved` has the outcome of saving a file over
    itself, `empty` that of saving a tensor without elements, which the contents of
    `without_elements` have.
    """

    dialects: list[str] = field(default_factory=list)
    resaved: dict[str, dict[str, str]] = field(default_factory=dict)
    empty: dict[str, dict[str, str]] = field(default_factory=dict)
    without_elements: list[str] = field(default_factory=list)


class FileChapter(Strict, frozen=True, kw_only=True):
    """`chapter.yaml`: the requirements of the chapter that golden and hostile files make.

    `writers` maps a dialect to the folder with what its writer writes. `readers` maps a reader
    that is newer than any dialect to the one that it extends, and that covers it. `typed` are the
    dialects whose errors are chosen, so that their kinds count. `unrun` has patterns of the cases
    that are later than the run on the implementation that a dialect follows. `resaved`
    are the contents that are saved over themselves, `destroys` the dialects whose own
    implementation destroys the file then. `mlx` is what depends on the mlx underneath. `blamed`
    maps the strict reader's error on a hostile file to the requirement that the file tests.
    """

    title: str
    about: str
    evidence: dict[str, Evidence] = field(default_factory=dict)
    writers: dict[str, str]
    readers: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    unrun: dict[str, list[str]] = field(default_factory=dict)
    resaved: list[str] = field(default_factory=list)
    destroys: list[str] = field(default_factory=list)
    mlx: OlderMlx = OlderMlx()
    blamed: dict[str, str]
    requirements: list[Requirement]


class HostileFile(Strict, frozen=True, kw_only=True):
    """A file that no writer writes: a golden one (`writer/case`) with a change, or one from parts.

    `keep` is how many bytes remain, negative from the end. `header` is the header as pieces of
    text; without it, one is made of `tensors`, `metadata` and `repeat`. `header_length` is what the
    file claims. `data` is what stands behind the header, or a number of zero bytes; `tail` how many
    of those are added to a golden file. `readers` has what a reader or family makes of it where it
    is not refused; `not_run` why it is not given to one. Both are inherited; null takes back.
    """

    id: str
    why: str
    readers: dict[str, Reading | None] = field(default_factory=dict)
    not_run: dict[str, str | None] = field(default_factory=dict)
    golden: str | None = None
    keep: int | None = None
    tail: int = 0
    header: list[Text] | None = None
    header_length: int | None = None
    tensors: dict[str, TensorEntry] = field(default_factory=dict)
    metadata: dict[str, Text] = field(default_factory=dict)
    repeat: list[Repeat] = field(default_factory=list)
    data: int | Text = 0
    expect: Blame
    budget: Budget = Budget(2.0, 64)

    def reading(self, reader: Lineage) -> Reading | None:
        """What a reader makes of the file; None: it refuses it."""
        return lookup(self.readers, reader)

    def is_given_to(self, reader: Lineage) -> bool:
        """Whether the reader is asked to read the file."""
        return lookup(self.not_run, reader) is None


class HostileFiles(Strict, frozen=True):
    """`hostile.yaml`."""

    files: list[HostileFile]


def read_hazards(root: Path | None = None) -> HazardFile:
    """`hazards.yaml`: what readers of prompt-cache files do wrong without an error."""
    return yamlfile.decode((root or folder()) / "hazards.yaml", HazardFile)


def spell(case: FileCase, tensors: Tensors, read: bool = False) -> dict[str, Any]:
    """The arguments of `save` for a case, without the path; or what `load` must find, `read`."""
    return {
        "caches": [_cache(spec, tensors, read) for spec in case.caches],
        "user_metadata": {key: text(value) for key, value in case.user_metadata.items()},
    }


def _cache(spec: CacheSpec, tensors: Tensors, read: bool) -> dict[str, Any]:
    if spec.class_name == "CacheList":
        children = [_cache(child, tensors, read) for child in spec.caches]
        return {"class_name": spec.class_name, "caches": children}
    if spec.class_name in ("ArraysCache", "MambaCache"):
        return {
            "class_name": spec.class_name,
            "slots": [tensors.slot(slot) for slot in spec.slots],
            "left_padding": tensors.ints(spec.left_padding),
            "lengths": tensors.ints(spec.lengths),
        }
    halves = {
        what: [] if half is UNSET else [tensors(half), *(tensors(each[at]) for each in spec.then)]
        for at, (what, half) in enumerate((("keys", spec.keys), ("values", spec.values)))
    }
    offset = sum(half.shape[2] for half in halves["keys"])
    padding = {} if spec.left_padding is None else {"left_padding": spec.left_padding}
    numbers: dict[str, Any] = {"offset": offset, **padding, **spec.numbers}
    if read:
        if spec.stored:
            stored = [tensors(part) for part in spec.stored]
            half = len(stored) // 2
            halves = {"keys": stored[:half], "values": stored[half:]}
        # What a cache makes of itself while it is filled once.
        made = {"RotatingKVCache": {"idx": offset}, "ChunkedKVCache": {"start_position": 0}}
        rows = {what: tensors.ints(row) for what, row in spec.rows.items()}
        numbers = made.get(spec.class_name, {}) | numbers | rows
    made_of = {"class_name": spec.class_name, **halves, "numbers": numbers}
    return made_of | ({"trim_front": True} if spec.trim_front and not read else {})
