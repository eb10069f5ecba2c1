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
from conformance.reporting import json_report, pages
from conformance.reporting.specification import Specification
from conformance.transport import connect
from conformance.transport.adapter import FILE_OPERATIONS
from tools.mutants import mutants
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
    made = dict(PAGES["spec"]())
    stored = {DOCS / "SPEC.md", *(DOCS / "spec").glob("*.md")}
    assert stored == set(made), "run: make spec"
    for path, text in made.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run: make spec"
    whole = "\n".join(made.values())
    headings = [line.removeprefix("### ") for line in whole.splitlines() if line.startswith("### ")]
    assert sorted(headings) == sorted([*suite.requirements, *suite.hazards])
    for case in suite.cases.values():
        head, _, tail = case.id.rpartition(".")
        assert f"`{case.id}`" in whole or re.search(rf"`{head}\.` .*\b{tail}\b", whole), case.id
    assert all(f"`{name}`" in whole for name in mutants())


def test_every_link_of_the_specification_leads_somewhere():
    made = {path: text for path, text in PAGES["spec"]() if path.suffix == ".md"}
    anchors = {
        path: {pages.anchor(line) for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
        | set(re.findall(r'<a id="([^"]+)">', text))
        for path, text in made.items()
    }
    assert {"mask-004", "masks", "mask-precedence"} <= anchors[DOCS / "SPEC.md"], "as they were"
    others = {DOCS / "mutants.md": (DOCS / "mutants.md").read_text(encoding="utf-8")}
    for path, text in (made | others).items():
        for name, place in set(re.findall(r"\]\((?!https:)([^)#]*)#?([^)]*)\)", text)):
            target = (path.parent / name).resolve() if name else path
            assert target.is_file(), (path, name)
            assert not place or place in anchors.get(target, {place}), (path, name, place)


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
    one, other = (dict(Specification(read_suite(root)).pages()) for root in (before, after))
    assert one != other


def test_a_new_mutant_makes_the_specification_stale():
    suite = load_suite()
    known = violators(suite)
    before = Specification(suite, known | {"MASK-001": []})
    assert Specification(suite, known).named("MASK-001") != before.named("MASK-001")


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
    ((path, made),) = PAGES["cuda"]()
    assert path.read_text(encoding="utf-8") == made, "run: python -m tools.pages cuda"
