"""Generated files are what their generator makes today; dialects and reference say the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance import protocol
from conformance.backends import connect
from conformance.load import load_suite

SCHEMAS = Path(protocol.__file__).with_name("schemas")


@pytest.mark.parametrize(
    ("name", "made"), [("protocol", protocol.schema), ("chapter", protocol.fixture_schema)]
)
def test_schemas_are_up_to_date(name, made):
    stored = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    assert stored == json.loads(json.dumps(made())), "run: make schemas"


def test_the_reference_has_exactly_the_operations_of_each_dialect():
    operations = set(protocol.case_operations())
    for dialect in load_suite().dialects.values():
        with connect("reference", dialect.id) as backend:
            declared = set(backend.handshake.capabilities)
        assert operations - declared <= set(dialect.absent), dialect.id
        assert not (declared & set(dialect.absent)) - {"write_in_place"}, dialect.id
