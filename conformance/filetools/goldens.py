"""Golden files and what every reader must do with them: the data beside the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from conformance.filetools.model import (
    Expectations,
    Golden,
    Provenance,
    folder,
    read_hazards,
)
from conformance.fixtures import yamlfile
from conformance.fixtures.yamlfile import FixtureError


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


def read_expectations(root: Path | None = None) -> dict[str, Expectations]:
    """Writer -> its files' expectations. FixtureError where one is missing or names no hazard."""
    base = root or folder()
    hazards = {hazard.id for hazard in read_hazards(base).hazards}
    found: dict[str, Expectations] = {}
    for record, golden, _ in goldens(base):
        path = base / record.writer / "expectations.yaml"
        if record.writer not in found:
            found[record.writer] = yamlfile.decode(path, Expectations)
        readings = found[record.writer].expectations.get(golden.case)
        if readings is None:
            raise FixtureError(f"{path}: nothing is said about {golden.case}")
        for reader, reading in readings.items():
            where = f"{path}: {golden.case}: {reader}"
            outcomes = (reading.same, reading.lossy, reading.wrong, reading.error, reading.trap)
            if sum(map(bool, outcomes)) != 1:
                raise FixtureError(f"{where}: give exactly one outcome")
            if reading.wrong and reading.hazard is None:
                raise FixtureError(f"{where}: a wrong result without an error is a hazard; name it")
            if reading.hazard is not None and reading.hazard not in hazards:
                raise FixtureError(f"{where}: unknown hazard {reading.hazard}")
    return found
