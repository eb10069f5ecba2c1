"""A kind of cache of keys and values: what all of them have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from conformance.engine.doctoring import Doctoring
from conformance.engine.kind import Given, Kind, later_properties
from conformance.engine.operation import Operation
from conformance.kinds.tokens import operations
from conformance.kinds.tokens.given import build
from conformance.kinds.tokens.snapshots import SNAPSHOTS


def kind_of_tokens(
    package: str,
    *,
    name: str,
    title: str,
    given: type[Given],
    records: Iterable[Operation],
    about: Mapping[str, str],
    apart: str,
    inexpressible: tuple[str, ...] = (),
    doctoring: Doctoring | None = None,
) -> Kind:
    """The kind in this package.

    `about` are the requirements of its operations, `apart` the one that caches are independent.
    """
    return Kind(
        name=name,
        title=title,
        records=operations.about(records, about, apart=apart),
        properties=later_properties(package),
        given=given,
        build=build,
        snapshots=SNAPSHOTS,
        inexpressible=inexpressible,
        doctoring=doctoring,
    )
