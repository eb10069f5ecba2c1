"""The chapter that golden and hostile files make: one case a file, one a content to be written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from conformance.engine.case import Budget, Case, Chapter, Load, Save
from conformance.engine.expect import Expect
from conformance.filetools.goldens import goldens, read_expectations, read_provenance
from conformance.filetools.library import HOSTILE, Library
from conformance.filetools.model import CacheSpec, FileCase, FileChapter, HostileFile, Reading
from conformance.fixtures import yamlfile

CHAPTER = "chapter.yaml"
FILE_MEGABYTES = 64.0  # beyond which no file may take memory, whatever is in it
LATER = {"mlx-swift-lm-3.31.4": "mlx-swift-lm-14414441"}  # a reader that the dialect also covers
# What a reading documents where it names no hazard of its own.
_HAZARDS = {
    "lossy": "rows-in-the-file-are-lost",
    "wrong": "hostile-file-is-read",
    "error": "file-of-another-is-refused",
    "trap": "reader-ends-the-process",
}
_REFUSED = Expect(refused="a file that this reader does not take")


def file_chapter(library: Library) -> Chapter:
    """The chapter, in the grammar of all others."""
    head = yamlfile.decode(library.root / CHAPTER, FileChapter)
    cases = [*_reading(library, head), *_writing(library, head), *_hostile(library, head)]
    return Chapter(
        title=head.title,
        about=head.about,
        requirements=head.requirements,
        cases=cases,
        evidence=head.evidence,
    )


def _reading(library: Library, head: FileChapter) -> Iterator[Case]:
    expected = read_expectations(library.root)
    for record, golden, _ in goldens(library.root):
        content = library.case(golden.case, record.writer)
        readings = expected[record.writer].expectations[golden.case]
        step = _step(
            Load(file=f"{record.writer}/{golden.case}"),
            {name: _outcome(name, readings) for name in head.writers},
        )
        yield Case(
            id=f"file.read.{record.writer}.{_slug(golden.case)}",
            requires=[*_requirements(content), "FILE-009"],
            why=content.why,
            steps=[step],
            cites=[f"{record.provenance} from {record.revision} on {record.date}"],
        )


def _writing(library: Library, head: FileChapter) -> Iterator[Case]:
    written = {
        (name, golden.case): golden
        for name, writer in head.writers.items()
        for golden in read_provenance(library.root / writer).files
    }
    for content in library.contents:
        outcomes = {}
        for name, writer in head.writers.items():
            cannot = written[name, content.id].cannot
            outcomes[name] = (
                Expect(written=f"{writer}/{content.id}")
                if cannot is None
                else Expect(
                    error=cannot,
                    hazard="cannot-be-saved",
                    accept=[Expect(refused="the layout has no place for it")],
                )
            )
        gone = {"mlx-lm": "MambaCache was removed in mlx-lm 0.30.6"}
        absent = gone if _classes(content.caches) & {"MambaCache"} else {}
        yield Case(
            id=f"file.write.{_slug(content.id)}",
            requires=["FILE-010", "FILE-011"],
            why=content.why,
            steps=[_step(Save(content=content.id), {
                name: outcome for name, outcome in outcomes.items()
                if not any(name.startswith(family) for family in absent)
            })],
            not_applicable=dict(absent),
        )  # fmt: skip


def _hostile(library: Library, head: FileChapter) -> Iterator[Case]:
    for file in library.hostile.values():
        outcomes = {
            name: outcome
            for name in head.writers
            if file.is_given_to(name)
            for outcome in [_hostile_outcome(name, file)]
        }
        yield Case(
            id=f"file.hostile.{_slug(file.id)}",
            requires=sorted({head.blamed[file.expect.error], "FILE-016"}),
            why=file.why,
            tags=["hostile"],
            steps=[_step(Load(file=f"{HOSTILE}{file.id}"), outcomes)],
            budget=Budget(memory_mb=FILE_MEGABYTES),
            not_applicable=dict(file.not_run),
        )


def _hostile_outcome(dialect: str, file: HostileFile) -> Expect:
    own, later = (file.reading(name) for name in (dialect, LATER.get(dialect, dialect)))
    if own is None:
        return Expect(refused=f"{file.expect.key}: {file.expect.reason}")
    better = [_REFUSED]
    if later is not None and later.wrong and later != own:
        better.append(Expect(reading=later.spelled()))
    return _expect(own, better)


def _outcome(dialect: str, readings: Mapping[str, Reading]) -> Expect:
    """What a dialect's reader does. Better are all that is in the file, and a refusal."""
    own, whole = readings[dialect], readings["strict"]
    if own.spelled() == whole.spelled() and not own.error:
        return Expect(reading=own.spelled())
    better = [] if whole.error else [Expect(reading=whole.spelled())]
    later = readings[LATER[dialect]] if dialect in LATER else own
    if later.spelled() not in (own.spelled(), whole.spelled()) and not later.error:
        better.append(Expect(reading=later.spelled()))
    return _expect(own, [*better, *([] if own.lossy else [_REFUSED])])


def _expect(own: Reading, better: list[Expect]) -> Expect:
    kind = next(name for name in _HAZARDS if getattr(own, name))
    hazard = own.hazard or _HAZARDS[kind]
    if own.error:
        return Expect(error=own.error, hazard=hazard, accept=better)
    if own.trap:
        return Expect(trap=own.trap, hazard=hazard, accept=better)
    return Expect(reading=own.spelled(), hazard=hazard, accept=better)


def _step(step: Load | Save, outcomes: Mapping[str, Expect]) -> Load | Save:
    """The step with the first dialect's outcome for all, and the others' where they differ."""
    from msgspec.structs import replace

    first = next(iter(outcomes.values()))
    others = {name: outcome for name, outcome in outcomes.items() if outcome != first}
    return replace(step, expect=first, unless=others)


def _requirements(content: FileCase) -> list[str]:
    """What a content exercises when it is read back."""
    slots = [cache for cache in _all(content.caches) if cache.class_name.endswith("sCache")]
    slots += [cache for cache in _all(content.caches) if cache.class_name == "MambaCache"]
    found = {"FILE-001", "FILE-005"}
    if any(None in cache.slots or not cache.slots for cache in slots):
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
