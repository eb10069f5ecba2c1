"""Whether a reader does what it must with every golden file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from conformance.filetools.exchange import Live, read_one
from conformance.filetools.goldens import goldens, read_expectations
from conformance.filetools.library import Library
from conformance.filetools.model import folder
from conformance.transport.backend import OperationRefused, from_wire, to_wire


class Local:
    """The reference's file functions in this process."""

    def __init__(self, dialect: str) -> None:
        from conformance.transport.reference_files import serve

        self._files = serve(dialect)

    def call(self, op: str, **arguments: Any) -> Any:
        """One operation; whatever the reference raises is an OperationRefused."""
        try:
            return from_wire(self._files.perform(op, to_wire(arguments)))
        except Exception as error:
            kind = getattr(error, "kind", type(error).__name__)
            raise OperationRefused(kind, str(error)) from error


def contents() -> dict[tuple[str, str], dict[str, Any]]:
    """(writer, file) -> what the file was made from."""
    library = Library(folder())
    return {
        (record.writer, golden.case): library.content(golden.case, record.writer, read=True)
        for record, golden, _ in goldens()
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
