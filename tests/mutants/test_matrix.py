"""The cases notice every mutant; a gap in the matrix or a stale page makes this red."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.folder import suite as small_suite

from conformance.cli.command import carry_out
from conformance.fixtures.load import load_suite
from conformance.kinds import KINDS
from conformance.mutants.mutant import Mutant
from conformance.properties.kind_properties import laws_of
from tests.support.dialects import MAIN
from tools.mutants import mutants
from tools.mutants.__main__ import parser
from tools.mutants.drawn import APART, FILE_CHOICES, Caught, catch, is_drawn, stored
from tools.mutants.kills import Examiner, Kills, Terms, examine
from tools.mutants.matrix import Matrix, Row
from tools.pages.mutants import page

SUITE = load_suite()
MUTANTS = mutants()
STORED = Path(__file__).resolve().parents[2] / "docs" / "mutants.md"
# Over stdio every mutant costs the start of a process, a second: a sample here, which shows that it
# is the same as in process, and all in `make nightly`.
SAMPLE = int(os.environ.get("MUTANTS_OVER_STDIO", "16"))
NONE_CASE = """\
- id: mask.none
  requires: [MASK-001]
  why: A mask costs time.
  given: {c: {size: 2}}
  steps:
  - {op: make_mask, n: 3, expect: {value: null}}
- id: mask.held
  requires: [MASK-001]
  why: A mask costs time.
  given: {c: {size: 2}}
  steps:
  - {op: empty, expect: {value: true}}
"""


def test_the_cases_kill_every_mutant():
    """One case each is enough here; which cases kill it, and so whether each MUST and each case
    kills some, is the page's, which takes minutes.
    """
    found = examine(SUITE, list(MUTANTS.values()), Terms(first=True))
    assert [kills.mutant for kills in found if not kills.cases] == []
    page_of_all = STORED.read_text(encoding="utf-8")
    assert [name for name in MUTANTS if f"`{name}`" not in page_of_all] == [], "run: make mutants"


@pytest.mark.skipif("WHOLE_MATRIX" not in os.environ, reason="takes minutes: make nightly")
def test_the_page_is_up_to_date_and_has_no_gap():
    chosen = list(MUTANTS.values())
    rows = tuple(map(Row, chosen, examine(SUITE, chosen, Terms())))
    found = Matrix(SUITE, rows, whole=True)
    assert list(found.problems()) == []
    assert page(found, stored()) == STORED.read_text(encoding="utf-8"), "run: make mutants"


def test_the_cases_kill_a_sample_of_mutants_over_stdio():
    # Dialect by dialect, so that each is among them wherever a mutant comes or goes.
    ordered = sorted(MUTANTS.values(), key=lambda mutant: mutant.dialect)
    chosen = ordered[:: max(1, len(MUTANTS) // SAMPLE)]
    assert {mutant.dialect for mutant in chosen} >= set(MAIN)
    found = examine(SUITE, chosen, Terms(stdio=True, first=True))
    assert [kills.mutant for kills in found if not kills.cases] == []


def test_at_least_ten_mutants_show_in_sequences_only():
    assert sum(mutant.sequence for mutant in MUTANTS.values()) >= 10


# --------------------------------------------------------------------------- what makes it red


def test_a_mutant_that_no_case_kills_survives(tmp_path):
    suite = small_suite(tmp_path, NONE_CASE)
    chosen = [MUTANTS["mask-without-rows-is-true"], MUTANTS["mask-inverted"]]
    dead, alive = examine(suite, chosen, Terms(), jobs=1)
    assert dead == Kills("mask-without-rows-is-true", ("mask.none",), 2)
    assert alive == Kills("mask-inverted", (), 2)


def rows(*found: tuple[str, tuple[str, ...]], **fields) -> tuple[Row, ...]:
    return tuple(
        Row(replace(MUTANTS[name], **fields), Kills(name, cases, 600)) for name, cases in found
    )


MASK_CASE, OTHER_CASE = "mask.left-padding.rows", "construct.size.two"


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (rows(("mask-inverted", ())), "mask-inverted (mlxrs-0.1) survives all 600 cases"),
        (rows(("mask-inverted", (OTHER_CASE,))),
         "mask-inverted violates MASK-002, it says, but no case of that kills it"),
        (rows(("mask-inverted", tuple(SUITE.cases)[:301]), violates=()),
         "mask-inverted fails 301 of 600 cases: what is wrong everywhere proves nothing"),
        (rows(("mask-inverted", (MASK_CASE,)), sequence=True),
         f"mask-inverted: {MASK_CASE} shows it by one operation; it is no `sequence`"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_mutant(made, problem):
    assert list(Matrix(SUITE, made, whole=False).problems()) == [problem]


def test_what_the_suite_lacks_is_asked_of_the_whole_matrix_only():
    made = rows(("mask-inverted", (MASK_CASE,)))
    assert list(Matrix(SUITE, made, whole=False).problems()) == []
    problems = list(Matrix(SUITE, made, whole=True).problems())
    assert "MASK-001 (MUST): none of its cases kills a mutant that violates it" in problems
    assert not any(line.startswith("MASK-002") for line in problems)
    assert f"{OTHER_CASE}: kills no mutant and documents no hazard" in problems
    assert not any(line.startswith((MASK_CASE, "ident.empty.only-slot-1")) for line in problems)


def test_the_page_follows_the_matrix():
    made = [Row(mutant, Kills(name, (MASK_CASE,), 600)) for name, mutant in MUTANTS.items()]
    before = page(Matrix(SUITE, tuple(made), whole=True), stored())
    made[3] = Row(made[3].mutant, Kills(made[3].mutant.name, (), 600))
    assert page(Matrix(SUITE, tuple(made), whole=True), stored()) != before
    assert page(Matrix(SUITE, tuple(made), whole=True), {}) != before


# --------------------------------------------------------------------------- properties


def test_what_the_properties_catch_is_known_of_nearly_all_and_of_no_others():
    """A new mutant may wait for the next `make properties`, which takes minutes."""
    known = stored()
    drawn = {name for name, mutant in MUTANTS.items() if is_drawn(SUITE, mutant)}
    assert set(known) <= drawn
    assert len(known) >= 0.95 * len(drawn)
    assert set().union(*(caught.laws for caught in known.values())) <= set(laws_of(KINDS))


@pytest.mark.parametrize("name", ["copy-shares-the-list", "merge-drains", "mask-inverted"])
def test_the_properties_catch_what_they_are_said_to(name):
    found = catch(SUITE, MUTANTS[name])
    assert found.laws
    assert found.sequence is not None
    assert stored()[name]


def test_contents_catch_mutants_of_files_but_those_that_need_a_bad_file(monkeypatch):
    monkeypatch.setattr("tools.mutants.drawn.FILE_CHOICES", FILE_CHOICES[:1])
    caught = catch(SUITE, MUTANTS["file-caches-backwards"])
    assert caught
    assert caught.contents[0] < 50
    apart = catch(SUITE, MUTANTS["file-nothing-if-damaged"])
    assert not apart
    assert "damaged file" in apart.words
    assert set(APART) < set(MUTANTS)


def test_a_mutant_of_files_is_caught_where_each_seed_does():
    assert Caught(contents=(3, 40, 1))
    assert not Caught(contents=(3, None, 1))
    assert Caught(contents=(3, None, 1)).words == "content 3, -, 1"


def test_large_cases_are_only_for_the_mutants_that_they_are_meant_for():
    large = {case.id for case in SUITE.cases.values() if "large" in case.tags}
    examiner = Examiner(SUITE, Terms())
    meant = examiner.kills(MUTANTS["mask-cut-at-2-to-the-24"])
    other = examiner.kills(MUTANTS["mask-inverted"])
    assert set(meant.cases) & large
    assert meant.faced > other.faced
    assert not set(other.cases) & large


def test_the_first_kill_is_enough_if_asked():
    (found,) = examine(SUITE, [MUTANTS["mask-inverted"]], Terms(first=True))
    assert len(found.cases) == 1
    assert found.faced < 20


def test_a_mutant_that_cannot_be_made_is_an_error_and_no_kill(monkeypatch):
    broken = Mutant("broken", "mlxrs-0.1", ("MASK-001",), "x.", rules={"no_such_rule": None})
    monkeypatch.setitem(MUTANTS, "broken", broken)
    monkeypatch.setattr("tools.mutants.mutants", lambda: MUTANTS)
    with pytest.raises(KeyError, match="no_such_rule"):
        Examiner(SUITE, Terms()).kills(broken)


# --------------------------------------------------------------------------- the command


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        carry_out(parser().parse_args(["check", *arguments]))
    return int(ended.value.code)


def test_the_command_counts_and_writes(capsys, tmp_path):
    assert command("mask-inverted", "--jobs", "1", "--json", str(tmp_path / "kills.json")) == 0
    assert "1 of 1 mutants killed by cases alone, in process" in capsys.readouterr().out
    assert MASK_CASE in (tmp_path / "kills.json").read_text()


def test_the_command_is_red_where_a_mutant_survives(capsys, monkeypatch, tmp_path):
    small = small_suite(tmp_path, NONE_CASE)
    monkeypatch.setattr("tools.mutants.check.load_suite", lambda: small)
    assert command("mask-inverted", "--first", "--jobs", "1") == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "mask-inverted (mlxrs-0.1) survives"
    assert out[1].startswith("0 of 1 mutants killed")


def test_the_command_asks_the_properties(capsys, tmp_path):
    path = tmp_path / "found.json"
    arguments = ["mask-inverted", "file-nothing-if-damaged", "--properties", "--json", str(path)]
    assert command(*arguments, "--jobs", "1") == 0
    out = capsys.readouterr().out
    assert out.startswith("mask-inverted: breaks mask; sequence ")
    assert "1 of 1 mutants caught by properties alone, profile quick, seed 0;" in out
    assert "1 more need a file that no content makes" in out
    assert path.read_text().startswith('{\n"mask-inverted": {"laws":["mask"]')


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["mask-invertd"], "no mutant is called 'mask-invertd'; did you mean mask-inverted"),
        (["--properties", "--stdio"], "--properties goes without --stdio and --first"),
        (["--jobs", "0"], "--jobs 0: write a number from 1 on"),
        (["--shard", "5/4"], "--shard 5/4: write i/n with 1 <= i <= n"),
        (["mask-inverted", "--shard", "2/2"], "none of the mutants is in that part"),
        (["mask-*", "--markdown", "x.md"], "--markdown is about all mutants and all cases"),
        (["--first", "--markdown", "x.md"], "--markdown is about all mutants and all cases"),
    ],
)
def test_bad_use_is_one_line(capsys, arguments, text):
    assert command(*arguments) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert text in said
