"""What every reader must do with every golden file, and whether a reader does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance import yamlfile
from conformance.backends.base import OperationRefused, from_wire, to_wire
from conformance.literals import Tensors
from conformance.prompt_cache.capture import goldens
from conformance.prompt_cache.exchange import Live, read_one
from conformance.prompt_cache.model import (
    Expectations,
    Reading,
    folder,
    read_cases,
    read_hazards,
    spell,
)
from conformance.yamlfile import FixtureError


class Local:
    """The reference's file functions in this process."""

    def __init__(self, dialect: str) -> None:
        from conformance.backends.reference_files import serve

        self._files = serve(dialect)

    def call(self, op: str, **arguments: Any) -> Any:
        """One operation; whatever the reference raises is an OperationRefused."""
        try:
            return from_wire(self._files.perform(op, to_wire(arguments)))
        except Exception as error:
            kind = getattr(error, "kind", type(error).__name__)
            raise OperationRefused(kind, str(error)) from error


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


def contents() -> dict[tuple[str, str], dict[str, Any]]:
    """(writer, file) -> what the file was made from; for files of others what is in them."""
    cases = read_cases()
    tensors = Tensors(cases.tensors)
    made = {case.id: spell(case, tensors) for case in cases.cases}
    strict = Local("strict")
    return {
        (record.writer, golden.case): made[golden.case]
        if golden.case in made
        else strict.call("load", path=str(path))
        for record, golden, path in goldens()
    }


def check(live: Live, reader: str) -> Iterator[str]:
    """Where a reader does something else than what is expected of `reader`."""
    expected = read_expectations()
    made = contents()
    for record, golden, path in goldens():
        want = expected[record.writer].expectations[golden.case].get(reader)
        got = read_one(live, path, made[record.writer, golden.case])
        said = "nothing" if want is None else want.spelled()
        if said != got.spelled():
            yield f"{record.writer}/{golden.case}: expected {said}, got {got.spelled()}"


def observe(live: Live) -> dict[str, dict[str, Reading]]:
    """Writer -> file -> what a reader does, whatever is expected."""
    made = contents()
    seen: dict[str, dict[str, Reading]] = {}
    for record, golden, path in goldens():
        outcome = read_one(live, path, made[record.writer, golden.case])
        seen.setdefault(record.writer, {})[golden.case] = outcome
    return seen
