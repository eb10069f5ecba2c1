"""A list of caches of any kind, for a layer that has several: CacheList."""

from __future__ import annotations

from conformance.engine.doctoring import Doctoring, Example
from conformance.engine.kind import Kind
from conformance.kinds.list.given import GivenList, build
from conformance.kinds.list.operations import OPERATIONS
from conformance.kinds.list.snapshots import SNAPSHOTS


def _properties() -> object:
    from conformance.kinds.list.properties import PROPERTIES  # which needs hypothesis

    return PROPERTIES


LIST = Kind(
    name="list",
    title="CacheList",
    records=OPERATIONS,
    properties=_properties,
    given=GivenList,
    build=build,
    snapshots=SNAPSHOTS,
    doctoring=Doctoring(
        essential=("new", "child", "snapshot"),
        make=lambda handle: ("new", {"cache": handle, "children": []}),
        lacking=(("new", {"cache": "c"}),),
        example=Example(
            "a list of a list without anything in it",
            (
                ("new", {"cache": "a", "children": []}),
                ("new", {"cache": "c", "children": ["a"]}),
            ),
            {"caches": [{"class_name": "CacheList", "caches": []}]},
            label="class_name",
        ),
    ),
)
