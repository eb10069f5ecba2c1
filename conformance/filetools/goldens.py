"""Golden files and what every reader must do with them: the data beside the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from conformance.engine.dialect import Dialect, Lineage, lookup, repeats
from conformance.filetools.model import (
    Expectations,
    FileChapter,
    Golden,
    Provenance,
    folder,
    read_hazards,
)
from conformance.filetools.reading import Reading
from conformance.fixtures import yamlfile
from conformance.fixtures.dialects import read_dialects
from conformance.fixtures.userfile import FixtureError

CHAPTER = "chapter.yaml"
STRICT = "strict"  # the reader of the reference itself


def read_provenance(place: Path) -> Provenance:
    """The record of one folder of golden files."""
    return yamlfile.decode(place / "provenance.yaml", Provenance)


def goldens(root: Path | None = None) -> Iterator[tuple[Provenance, Golden, Path]]:
    """Every golden file, with its record."""
    base = root or folder()
    for record in provenances(base):
        for golden in record.files:
            if golden.cannot is None:
                yield record, golden, base / record.writer / f"{golden.case}.safetensors"


def provenances(root: Path | None = None) -> list[Provenance]:
    """The record of every folder of golden files."""
    places = sorted((root or folder()).glob("*/provenance.yaml"))
    return [read_provenance(place.parent) for place in places]


def unchanged(golden: Golden, path: Path) -> bool:
    """Whether a golden file is the one that its record describes."""
    return path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == golden.sha256


def reader_lineages(
    root: Path | None = None, dialects: Mapping[str, Dialect] | None = None
) -> dict[str, Lineage]:
    """Readers with the names under which something is said of them: the dialects, those that are
    newer than any dialect, and the strict one.
    """
    base = root or folder()
    lineages = {d.id: d.lineage for d in (dialects or read_dialects(base.parent)).values()}
    for newer, dialect in read_chapter(base).readers.items():
        if dialect not in lineages:
            raise FixtureError(f"{base / CHAPTER}: readers: {newer}: no dialect {dialect}")
        lineages[newer] = (newer, *lineages[dialect])
    return {**lineages, STRICT: (STRICT,)}


def read_chapter(root: Path | None = None) -> FileChapter:
    """`chapter.yaml`, decoded."""
    return yamlfile.decode((root or folder()) / CHAPTER, FileChapter)


def read_expectations(
    root: Path | None = None, dialects: Mapping[str, Dialect] | None = None
) -> dict[str, Expectations]:
    """Writer -> its files' expectations, with those of every reader.

    FixtureError where one is missing, repeats what is inherited, or names no hazard.
    """
    base = root or folder()
    hazards = {hazard.id for hazard in read_hazards(base).hazards}
    lineages = reader_lineages(base, dialects)
    found: dict[str, Expectations] = {}
    for record in provenances(base):
        path = base / record.writer / "expectations.yaml"
        said = yamlfile.decode(path, Expectations)
        files = {golden.case for golden in record.files if golden.cannot is None}
        for case in files - said.expectations.keys():
            raise FixtureError(f"{path}: nothing is said about {case}")
        whole = {
            case: _readings(f"{path}: {case}", readings, lineages, hazards)
            for case, readings in said.expectations.items()
            if case in files
        }
        found[record.writer] = Expectations(writer=said.writer, expectations=whole)
    return found


def check_readers(where: str, table: Mapping[str, object], lineages: Mapping[str, Lineage]) -> None:
    """FixtureError for a name in a table by reader that is none, or that says what is inherited."""
    names = {name for lineage in lineages.values() for name in lineage}
    for reader in table:
        if reader not in names:
            raise FixtureError(f"{where}: no reader is called {reader}")
        above = repeats(table, reader, dict.fromkeys(lineages.values()))
        if above is not None:
            raise FixtureError(f"{where}: {reader} does the same as {above or 'any other'}")


def _readings(
    where: str, said: Mapping[str, Reading], lineages: Mapping[str, Lineage], hazards: Set[str]
) -> dict[str, Reading]:
    """What each reader does, from what is written of some."""
    check_readers(where, said, lineages)
    for reader, reading in said.items():
        outcomes = (reading.same, reading.lossy, reading.wrong, reading.error, reading.trap)
        if sum(map(bool, outcomes)) != 1:
            raise FixtureError(f"{where}: {reader}: give exactly one outcome")
        if reading.wrong and reading.hazard is None:
            problem = "a wrong result without an error is a hazard; name it"
            raise FixtureError(f"{where}: {reader}: {problem}")
        if reading.hazard is not None and reading.hazard not in hazards:
            raise FixtureError(f"{where}: {reader}: unknown hazard {reading.hazard}")
    whole: dict[str, Reading] = {}
    for reader, lineage in lineages.items():
        reading_ = lookup(said, lineage)
        if reading_ is None:
            raise FixtureError(f"{where}: nothing is said about {reader}")
        whole[reader] = reading_
    return whole
