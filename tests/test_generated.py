"""Generated files are what their generator makes today; dialects and reference say the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support import folder

from conformance import grammar
from conformance.engine import plan
from conformance.fixtures.load import load_suite
from conformance.fixtures.read import read_suite
from conformance.kinds import KINDS
from conformance.reporting import json_report
from conformance.transport import connect
from conformance.transport.adapter import FILE_OPERATIONS
from tools.mutants import mutants
from tools.pages import specification, templates
from tools.pages.__main__ import PAGES
from tools.pages.mutants import violators

SCHEMAS = Path(grammar.__file__).parent / "schemas"
DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parametrize(
    ("name", "made"), [("protocol", grammar.protocol_schema), ("chapter", grammar.chapter_schema)],

)
def test_schemas_are_up_to_date(name, made):
    stored = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    assert stored == json.loads(json.dumps(made(KINDS))), "run: make schemas"


def test_the_schema_of_a_report_is_up_to_date():
    stored = json.loads((SCHEMAS / "report.schema.json").read_text())
    assert stored == json.loads(json.dumps(json_report.schema())), "run: make schemas"


def test_the_specification_is_up_to_date_and_has_everything():
    suite = load_suite()
    made = specification.page(suite, violators(suite))
    assert (DOCS / "SPEC.md").read_text(encoding="utf-8") == made, "run: make spec"
    headings = {line.removeprefix("### ") for line in made.splitlines() if line.startswith("### ")}
    assert headings == set(suite.requirements) | set(suite.hazards)
    for case in suite.cases.values():
        head, _, tail = case.id.rpartition(".")
        assert f"`{case.id}`" in made or re.search(rf"`{head}\.` .*\b{tail}\b", made), case.id
    assert all(f"`{name}`" in made for name in mutants())
    anchors = {templates.anchor(line) for line in re.findall(r"^##+ (.+)$", made, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", made)) <= anchors


def test_every_requirement_is_tested_by_a_case():
    suite = load_suite()
    tested = {name for case in suite.cases.values() for name in case.requires}
    assert tested == set(suite.requirements)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("there is no mask.", "there is none."),
        ("cites: [somewhere]", "cites: [elsewhere]"),
        ("why: A mask costs time.", "why: A mask costs memory."),
    ],
)
def test_a_change_in_the_fixtures_makes_the_specification_stale(tmp_path, old, new):
    before = folder.write(tmp_path / "before")
    after = folder.write(tmp_path / "after", folder.edited(folder.CHAPTER, (old, new)))
    pages = [specification.page(read_suite(root), {}) for root in (before, after)]
    assert pages[0] != pages[1]


def test_a_new_mutant_makes_the_specification_stale():
    suite = load_suite()
    known = violators(suite)
    before = specification.page(suite, known | {"MASK-001": []})
    assert specification.page(suite, known) != before


def test_the_reference_has_exactly_the_operations_of_each_dialect():
    operations = set(KINDS.case_operations)
    for dialect in load_suite().dialects.values():
        with connect("reference", dialect.id) as backend:
            declared = set(backend.handshake.capabilities)
        absent = {op for op in operations if plan.absent(dialect, op) is not None}
        assert operations - declared <= absent, dialect.id
        # What the reference has all the same: it reads files for a dialect whose origin does.
        more = {"write_in_place", *(FILE_OPERATIONS if dialect.parents else ())}
        assert not (declared & absent) - more, dialect.id


def test_the_page_of_timings_on_cuda_is_that_of_its_figures():
    path, made = PAGES["cuda"]
    assert path.read_text(encoding="utf-8") == made(), "run: python -m tools.pages cuda"
