"""One dialect's view of the specification: what applies to it, and its own outcome first."""

from __future__ import annotations

import re

import pytest

from conformance.__main__ import main
from conformance.engine.plan import applicability
from conformance.fixtures.load import load_suite
from conformance.reporting.explanation import explain
from conformance.reporting.specification import Specification

SUITE = load_suite()
PADDED = "mask.both.combination"


def printed(capfd, words: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    out, err = capfd.readouterr()
    assert (ended.value.code, err) == (0, "")
    return out.splitlines()


def test_a_case_has_its_own_outcome_before_the_others():
    said = explain(SUITE, PADDED, SUITE.dialect("mlx-lm-0.32"))
    start = said.index("  outcome in")
    assert said[start + 1] == "    mlx-lm-0.32 (run)"
    assert said[start + 2] == "      step 1: bool[2,3] T F F F F T"
    assert said[start + 3].startswith("  in mlxrs-0.1, mlx-lm-0.31, mlx-swift-lm-3.31.4")
    assert not any("hazard mask-precedence:" in line for line in said), "it does not carry it"
    assert said[-1].endswith(f"--dialect mlx-lm-0.32 --case {PADDED}")
    same = explain(SUITE, PADDED, SUITE.dialect("mlx-lm-0.31"))
    assert "  the same in mlxrs-0.1, mlx-swift-lm-3.31.4" in "\n".join(same)


def test_a_case_that_does_not_apply_says_why_before_the_others():
    said = explain(SUITE, PADDED, SUITE.dialect("mlx-swift-lm-3.31.3"))
    start = said.index("  outcome in")
    assert said[start + 1] == "    mlx-swift-lm-3.31.3"
    assert said[start + 2].startswith("      not applicable: mlx-swift-lm-3.31.3 has no prepare")


def test_a_requirement_has_only_cases_that_apply_and_says_what_is_left_out():
    dialect = SUITE.dialect("mlx-swift-lm-3.31.3")
    said = explain(SUITE, "MASK-003", dialect)
    shown = [re.findall("^  case ([^:]+):", line) for line in said]
    ids = [name for found in shown for name in found]
    assert all(applicability(SUITE.cases[name], dialect) is None for name in ids)
    gone = [name for name, case in SUITE.cases.items()
            if "MASK-003" in case.requires and name not in ids]  # fmt: skip
    assert gone
    for name in gone:
        assert any("not applicable to mlx-swift-lm-3.31.3: " in line and name in line
                   for line in said)  # fmt: skip


@pytest.mark.parametrize("what", ["cases", "requirements", "hazards", "dialects", "tags"])
def test_a_list_has_what_applies(capfd, what):
    dialect = SUITE.dialect("mlx-lm-0.31.1")
    found = {line.split("  ")[0] for line in printed(capfd, f"list {what} --dialect {dialect.id}")}
    applying = [case for case in SUITE.cases.values() if applicability(case, dialect) is None]
    assert found == {
        "cases": {case.id for case in applying},
        "requirements": {name for case in applying for name in case.requires},
        "hazards": set(dialect.hazards),
        "dialects": {"mlx-lm-0.31.1", "mlx-lm-0.31.2", "mlx-lm-0.31"},
        "tags": {tag for case in applying for tag in case.tags},
    }[what]


def test_a_hazard_names_those_that_inherit_it(capfd):
    said = printed(capfd, "list hazards")
    (line,) = (line for line in said if line.startswith("mask-precedence "))
    named = line.rpartition("[")[2].rstrip("]").split(", ")
    assert {"mlx-lm-0.31", "mlx-lm-0.31.2", "mlx-vlm-0.7"} < set(named)
    assert "mlx-lm-0.32" not in named


def test_the_command_prints_index_chapter_requirement_and_hazard(capfd):
    assert printed(capfd, "spec")[0] == "# Specification"
    for name in ("masks", "Masks".lower()):
        assert printed(capfd, f"spec {name}")[0] == "# Masks"
    assert printed(capfd, "spec MASK-004")[0] == "### MASK-004"
    assert printed(capfd, "spec mask-precedence")[0] == "### mask-precedence"
    assert printed(capfd, "spec hazards")[0] == "# Hazards"


def test_a_chapter_of_a_dialect_has_what_applies_with_its_outcomes():
    dialect = SUITE.dialect("mlx-swift-lm-3.31.3")
    page = Specification(SUITE, dialect=dialect).named("masks")
    for case in next(f for f in SUITE.chapters if f.name == "masks").cases.values():
        assert (f"- `{case.id}`: " in page) == (applicability(case, dialect) is None)
    assert "  - `step 1: null`\n  - Another outcome in " in page
    with pytest.raises(ValueError, match=r"no case of the chapter batch-kv applies to mlx-swift"):
        Specification(SUITE, dialect=dialect).named("batch-kv")


def test_a_requirement_without_a_case_in_the_dialect_is_no_page_of_it():
    spec = Specification(SUITE, dialect=SUITE.dialect("mlx-swift-lm-3.31.3"))
    with pytest.raises(ValueError, match="no case of BATCHKV-013 applies to mlx-swift-lm-"):
        spec.named("BATCHKV-013")
    assert "BATCHKV-013" not in spec.index()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("spec mask", "no chapter, requirement or hazard is called 'mask'"),
        ("spec MASK-04", "; did you mean MASK-0"),
        ("spec masks --dialect mlx-lm-032", "; did you mean mlx-lm-0.32?"),
        ("spec masks --out x", "--out writes all pages: leave the name out"),
        ("spec --out /proc/no", "--out /proc/no: "),
        ("explain MASK-004 --dialect mlx-lm-032", "; did you mean mlx-lm-0.32?"),
    ],
)
def test_bad_use(capfd, words, said):
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    out, err = capfd.readouterr()
    assert said in err
    assert (out, ended.value.code, len(err.splitlines())) == ("", 2, 1)


def test_pages_are_written_to_a_folder(capfd, tmp_path, monkeypatch):
    monkeypatch.setattr(Specification, "_chapter", lambda self, section, whole: section.page)
    written = printed(capfd, f"spec --dialect mlx-lm-0.32 --out {tmp_path / 'new'}")
    assert f"{tmp_path}/new/SPEC.md" in written
    assert f"{tmp_path}/new/spec/masks.md" in written
    assert (tmp_path / "new/SPEC.md").read_text().startswith("# Specification in the dialect mlx")
