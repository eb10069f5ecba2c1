"""The chapter that golden and hostile files make: one case a file, one a content to be written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec.structs import replace

from conformance.engine.case import Budget, Case, Chapter
from conformance.engine.dialect import Dialect, Evidence, is_among, lookup, spread
from conformance.engine.kind import Step
from conformance.engine.kinds import Kinds
from conformance.filetools.goldens import (
    STRICT,
    check_readers,
    goldens,
    read_chapter,
    read_expectations,
    read_provenance,
    reader_lineages,
)
from conformance.filetools.library import HOSTILE, Library
from conformance.filetools.model import CacheSpec, FileCase, Golden, HostileFile, Provenance
from conformance.filetools.reading import ERROR, TRAP, Reading
from conformance.kinds.files import LOAD, RESAVE, SAVE
from conformance.outcomes.reading import LOSSY, WRONG, NotSame
from conformance.outcomes.registry import Better, Expect, OlderExpect

FILE_MEGABYTES = 64.0  # beyond which no file may take memory, whatever is in it
MAMBA, MAMBA_CACHE = "new_mamba", "MambaCache"  # the class is there if its operation is
# What a reading documents where it names no hazard of its own.
_HAZARDS = {
    LOSSY: "rows-in-the-file-are-lost",
    WRONG: "hostile-file-is-read",
    ERROR: "file-of-another-is-refused",
    TRAP: "reader-ends-the-process",
}
_DESTROYED = "file-saved-over-itself-is-destroyed"
_NOT_SAVED = "cannot-be-saved"
_NEWER_WRITES = "origin-of-a-window-is-written"
_REFUSED = Better(refused="a file that this reader does not take")


def file_chapter(library: Library, dialects: Mapping[str, Dialect], kinds: Kinds) -> Chapter:
    """The chapter, in the grammar of all others."""
    maker = _ChapterMaker(library, dialects, kinds)
    head = maker.head
    return kinds.chapter(
        title=head.title,
        about=head.about,
        requirements=head.requirements,
        cases=[
            replace(case, evidence=maker.evidence(case.id))
            for case in (
                *maker.reading(),
                *maker.writing(),
                *maker.resaving(),
                *maker.hostile(),
            )
        ],
        evidence=head.evidence,
    )


class _ChapterMaker:
    """Makes the cases. A dialect without a writer, of its own or inherited, has no part in them."""

    def __init__(self, library: Library, dialects: Mapping[str, Dialect], kinds: Kinds) -> None:
        self._case = kinds.case
        self.library = library
        self.head = read_chapter(library.root)
        self._lineages = reader_lineages(library.root, dialects)
        self._readings = read_expectations(library.root, dialects)
        self._dialects = {
            name: dialect
            for name, dialect in dialects.items()
            if lookup(self.head.writers, dialect.lineage)
        }
        self._newer = {dialect: newer for newer, dialect in self.head.readers.items()}

    def evidence(self, case: str) -> dict[str, Evidence]:
        """The dialects whose own implementation has not been run on a case."""
        return {
            dialect: "read"
            for dialect, patterns in self.head.unrun.items()
            if any(fnmatchcase(case, pattern) for pattern in patterns)
        }

    def reading(self) -> Iterator[Case]:
        """One case a golden file."""
        for record, golden, _ in goldens(self.library.root):
            content = self.library.case(golden.case, record.writer)
            readings = self._readings[record.writer].expectations[golden.case]
            outcomes = {
                name: self._reading(readings, name, dialect)
                for name, dialect in self._dialects.items()
            }
            yield self._case(
                id=f"file.read.{record.cases_as or record.writer}.{_slug(golden.case)}",
                requires=[*_requirements(content), "FILE-009"],
                why=content.why,
                steps=[self._step(LOAD(file=f"{record.writer}/{golden.case}"), outcomes)],
                cites=[f"{_made(record, golden)} from {record.revision} on {record.date}"],
            )

    def _reading(self, readings: Mapping[str, Reading], name: str, dialect: Dialect) -> Expect:
        """What a dialect's reader does. Better is all that is in the file, and a refusal where the
        reader gives something wrong or ends; another error than its own only where that is chance.
        """
        own, whole = readings[name], readings[STRICT]
        if own.agrees(whole) and not own.error:
            return Expect(**_as_read(own))
        better = [] if whole.error else [Better(**_as_read(whole))]
        newer = self._newer_than(dialect)
        later = readings[newer] if newer else own
        if not (later.agrees(own) or later.agrees(whole) or later.trap):
            better.append(Better(**_as_read(later)))
        if not own.lossy and not (own.error and is_among(self.head.typed, dialect.lineage)):
            better.append(_REFUSED)
        return _expect(own, better)

    def writing(self) -> Iterator[Case]:
        """One case a content."""
        writers = {
            name: lookup(self.head.writers, dialect.lineage) or ""
            for name, dialect in self._dialects.items()
        }
        written = {
            (writer, golden.case): golden
            for writer in writers.values()
            for golden in read_provenance(self.library.root / writer).files
        }
        for content in self.library.contents:
            gone = {
                name: self._not_written(content, writers[name], dialect)
                for name, dialect in self._dialects.items()
            }
            outcomes = {
                name: self._written(content.id, written[writer, content.id], writer, dialect)
                for (name, writer), dialect in zip(
                    writers.items(), self._dialects.values(), strict=True
                )
                if gone[name] is None
            }
            yield self._case(
                id=f"file.write.{_slug(content.id)}",
                requires=["FILE-010", "FILE-011"],
                why=content.why,
                steps=[self._step(SAVE(content=content.id), outcomes)],
                not_applicable=spread(gone, self._lineages),
            )

    def resaving(self) -> Iterator[Case]:
        """One case for each writer and content that is saved over itself."""
        writers = {
            name: lookup(self.head.writers, dialect.lineage)
            for name, dialect in self._dialects.items()
        }
        for writer in dict.fromkeys(filter(None, writers.values())):
            for content in self.head.resaved:
                golden = f"{writer}/{content}"
                if not self.library.case(content).is_written_by(writer):
                    continue
                outcomes = {}
                for name in (name for name, own in writers.items() if own == writer):
                    table = self.head.mlx.resaved
                    older = self._older(self._dialects[name], table, _DESTROYED, golden)
                    outcomes[name] = Expect(written=golden, mlx=older)
                    if is_among(self.head.destroys, self._dialects[name].lineage):
                        outcomes[name] = Expect(
                            undefined="the file is left with whatever its memory held",
                            hazard=_DESTROYED,
                            accept=[Better(written=golden)],
                        )
                others = {
                    name: None if name in outcomes else f"its writer is not {writer}"
                    for name in writers
                }
                yield self._case(
                    id=f"file.resave.{writer}.{_slug(content)}",
                    requires=["FILE-017"],
                    why="A cache that is kept for the next turn is saved where it was loaded from.",
                    steps=[self._step(RESAVE(file=golden), outcomes)],
                    not_applicable=spread(others, self._lineages),
                )

    def _not_written(self, content: FileCase, writer: str, dialect: Dialect) -> str | None:
        """Why a dialect's backends are not asked for a file."""
        if not content.is_written_by(writer):
            return f"{writer} was not asked for such a file"
        return dialect.absent.get(MAMBA) if MAMBA_CACHE in _classes(content.caches) else None

    def _written(self, content: str, golden: Golden, writer: str, dialect: Dialect) -> Expect:
        """The file that a writer writes, or its refusal; or that of a newer one, if it differs."""
        if golden.cannot is not None:
            better = Better(refused="the layout has no place for it")
            return Expect(error=golden.cannot, hazard=_NOT_SAVED, accept=[better])
        newer = self._newer_than(dialect)
        own, later = f"{writer}/{content}", f"{newer}/{content}"
        if newer is None or not self.library.case(content).is_written_by(newer):
            empty = self.head.mlx.empty if content in self.head.mlx.without_elements else {}
            return Expect(written=own, mlx=self._older(dialect, empty, _NOT_SAVED, own))
        if self.library.golden(own) == self.library.golden(later):
            return Expect(written=own)
        return Expect(written=own, hazard=_NEWER_WRITES, accept=[Better(written=later)])

    def _older(
        self, dialect: Dialect, table: Mapping[str, Mapping[str, str]], hazard: str, golden: str
    ) -> dict[str, OlderExpect]:
        """What holds with an older mlx, where the dialect's implementation writes with it."""
        if not is_among(self.head.mlx.dialects, dialect.lineage):
            return {}
        better = [Better(written=golden)]
        return {before: OlderExpect(hazard=hazard, accept=better, **outcome)
                for before, outcome in table.items()}  # fmt: skip

    def hostile(self) -> Iterator[Case]:
        """One case a hostile file."""
        for file in self.library.hostile.values():
            for table in (file.readers, file.not_run):
                check_readers(f"{HOSTILE}{file.id}", table, self._lineages)
            outcomes = {
                name: self._hostile_outcome(file, dialect)
                for name, dialect in self._dialects.items()
                if file.is_given_to(dialect.lineage)
            }
            yield self._case(
                id=f"file.hostile.{_slug(file.id)}",
                requires=sorted({self.head.blamed[file.expect.error], "FILE-016"}),
                why=file.why,
                tags=["hostile"],
                steps=[self._step(LOAD(file=f"{HOSTILE}{file.id}"), outcomes)],
                budget=Budget(memory_mb=FILE_MEGABYTES),
                not_applicable=file.not_run,
            )

    def _hostile_outcome(self, file: HostileFile, dialect: Dialect) -> Expect:
        own, newer = file.reading(dialect.lineage), self._newer_than(dialect)
        later = file.reading(self._lineages[newer]) if newer else None
        also = [Better(**_as_read(later))] if later and later.wrong and later != own else []
        if own is not None:
            return _expect(own, [_REFUSED, *also])
        refused = Expect(refused=f"{file.expect.key}: {file.expect.reason}")
        return replace(refused, hazard=_HAZARDS[WRONG], accept=also) if also else refused

    def _newer_than(self, dialect: Dialect) -> str | None:
        """A reader that the dialect also covers."""
        return lookup(self._newer, dialect.lineage)

    def _step(self, step: Step, outcomes: Mapping[str, Expect]) -> Step:
        """The step with the first dialect's outcome for all, and the others' where they differ."""
        first = next(iter(outcomes.values()))
        others = {name: None if each == first else each for name, each in outcomes.items()}
        return replace(step, expect=first, unless=spread(others, self._lineages))


def _made(record: Provenance, golden: Golden) -> str:
    return "constructed" if golden.constructed else record.provenance


def _expect(own: Reading, better: list[Better]) -> Expect:
    hazard = own.hazard or _HAZARDS[own.kind]
    return Expect(**_as_read(own), hazard=hazard, accept=better)


def _as_read(own: Reading) -> dict[str, Any]:
    """What a reader does, as the fields of an expectation."""
    if own.kind in (ERROR, TRAP):
        return {own.kind: own.what}
    return {"reading": own.kind if own.same else NotSame(**{own.kind: own.what})}


def _requirements(content: FileCase) -> list[str]:
    """What a content exercises when it is read back."""
    slots = [cache for cache in _all(content.caches) if cache.class_name.endswith("sCache")]
    slots += [cache for cache in _all(content.caches) if cache.class_name == "MambaCache"]
    found = {"FILE-001", "FILE-005"}
    if any(None in cache.slots or len(cache.slots) != 1 for cache in slots):
        found.add("FILE-002")
    if any(slot is not None for cache in slots for slot in cache.slots):
        found.add("FILE-003")
    if any(cache.left_padding is not None or cache.lengths is not None for cache in slots):
        found.add("FILE-004")
    if "CacheList" in _classes(content.caches):
        found.add("FILE-006")
    if content.user_metadata:
        found.add("FILE-007")
    if any(name not in ("ArraysCache", "MambaCache", "CacheList")
           for name in _classes(content.caches)):  # fmt: skip
        found.add("FILE-008")
    return sorted(found)


def _all(caches: Sequence[CacheSpec]) -> Iterator[CacheSpec]:
    for cache in caches:
        yield cache
        yield from _all(cache.caches)


def _classes(caches: Sequence[CacheSpec]) -> set[str]:
    return {cache.class_name for cache in _all(caches)}


def _slug(name: str) -> str:
    """A name as a case id may have it."""
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")
