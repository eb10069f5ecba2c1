"""`make evidence`: what was run, on what, and what was only read."""

from __future__ import annotations

from conformance.fixtures.load import load_suite
from tools.evidence import lines

SUITE = load_suite()


def test_each_dialect_says_what_it_was_run_on():
    said = "\n".join(lines(SUITE))
    for dialect in SUITE.dialects.values():
        assert f"{dialect.id}: " in said
        assert f"expectations run on {dialect.ran_on}" in said
    assert "run on nothing" not in said


def test_of_the_chapters_of_slot_caches_only_writing_in_place_was_read_of_mlxrs():
    read = {
        name
        for case in SUITE.cases.values()
        if all(step.kind.name == "slots" for step in case.steps)
        and SUITE.evidence(case, SUITE.dialects["mlxrs-0.1"]) == "read"
        for name in case.requires
    }
    assert read == {"COPY-009", "RESTORE-038"}
