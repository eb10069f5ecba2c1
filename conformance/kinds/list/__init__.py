"""A list of caches of any kind, for a layer that has several: CacheList."""

from __future__ import annotations

from conformance.engine.doctoring import Doctoring, Example
from conformance.engine.kind import Kind, later_properties
from conformance.kinds.list.given import GivenList, build
from conformance.kinds.list.operations import OPERATIONS
from conformance.kinds.list.snapshots import SNAPSHOTS
from conformance.kinds.tokens import operations

# Operation -> the requirement that it is about.
ABOUT = {
    "new": "LIST-001", "child": "LIST-001", "update_and_fetch": "LIST-010",
    "make_mask": "LIST-010", "offset": "LIST-003", "size": "LIST-004", "max_size": "LIST-017",
    "nbytes": "LIST-007", "empty": "LIST-006", "is_trimmable": "LIST-005", "trim": "LIST-008",
    "state": "LIST-011", "set_state": "LIST-019", "meta_state": "LIST-012",
    "set_meta_state": "LIST-020", "from_state": "LIST-013", "round_trip": "LIST-013",
    "copy": "LIST-021", "materialize": "LIST-022", "class_name": "LIST-017",
    "snapshot": "LIST-001", "prepare": "LIST-028", "finalize": "LIST-028", "filter": "LIST-024",
    "extend": "LIST-025", "extract": "LIST-026", "merge": "LIST-027",
}  # fmt: skip

LIST = Kind(
    name="list",
    title="CacheList",
    records=operations.about(OPERATIONS, ABOUT, apart="LIST-021"),
    properties=later_properties(__name__),
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
