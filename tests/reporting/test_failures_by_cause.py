"""Failures with one cause are said once, the cause first, and a screen holds all of it."""

from __future__ import annotations

import re

from conformance.calls import Refused
from conformance.engine.plan import Undeclared, applicability
from conformance.engine.runner import Target
from conformance.engine.verdict import Lost, NotRun, Status, StepRecord, Verdict
from conformance.reporting.failures import failures
from conformance.reporting.grouping import capabilities, groups
from conformance.reporting.text import notes, table
from reporting.made import DIALECT, REFUSED, SUITE, WRONG, mismatch, report

TARGET = Target("cmd:./port", DIALECT)
CASES = [c.id for c in SUITE.cases.values() if applicability(c, SUITE.dialects[DIALECT]) is None]


def told(rows, verbose=False):
    made = report(rows)
    return list(failures(made.verdicts, SUITE, TARGET, verbose))


def failed(case, *mismatches, **more):
    return Verdict(case, DIALECT, **{"status": Status.FAIL, "mismatches": mismatches, **more})


def test_an_operation_that_is_always_refused_is_one_cause():
    new = StepRecord(0, "new", {"size": 2})
    rows = [
        failed(case, mismatch(Refused("TypeError", f"takes {n} arguments"), op=new))
        for n, case in enumerate(CASES)
        if "new" in str(SUITE.cases[case].given) or SUITE.cases[case].given
    ]
    made = groups(report(rows).verdicts, SUITE)
    assert len(made) == 1
    assert "`new` is refused in " in made[0].heading
    assert made[0].heading.endswith("with TypeError: takes 0 arguments; run doctor")
    lines = told(rows)
    assert lines[0] == f"{len(rows)} cases fail"
    assert len(lines) < 30
    assert lines[-1] == "all in full: --verbose, or --report FILE.html"
    at = next(number for number, line in enumerate(lines) if line.startswith("  likewise: "))
    listed = " ".join(lines[at:-1])
    names = listed.partition(": ")[2].rpartition(" and ")[0].rstrip(",").split(", ")
    assert listed.endswith(f" and {len(rows) - 1 - len(names)} more")


def test_a_group_says_how_many_of_the_calling_cases_it_is():
    one = StepRecord(1, "make_mask", {})
    masks = [c for c in CASES if c.startswith("mask.")]
    rows = [failed(masks[0], mismatch(Refused("E", "no"), op=one)),
            *(Verdict(case, DIALECT, Status.PASS) for case in masks[1:])]  # fmt: skip
    (group,) = groups(report(rows).verdicts, SUITE)
    assert group.heading.startswith("`make_mask` is refused in 1 of ")


def test_causes_outside_of_the_rules_come_first_then_the_largest():
    rows = [
        failed(CASES[0], WRONG),
        failed(CASES[1], mismatch(1, 2)),
        failed(CASES[2], mismatch(1, 2)),
        failed(CASES[3], REFUSED),
        Verdict(CASES[4], DIALECT, Status.CRASH, detail=Lost("SIGSEGV", StepRecord(1, "get", {}))),
    ]
    made = groups(report(rows).verdicts, SUITE)
    assert made[0].cause.by == "lost"
    sizes = [len(each.verdicts) for each in made[1:]]
    assert sizes == sorted(sizes, reverse=True)
    assert {"hazard", "refused"} <= {each.cause.by for each in made}


def test_known_failures_and_passes_are_in_no_group():
    rows = [failed(CASES[0], WRONG, known="later"), Verdict(CASES[1], DIALECT, Status.PASS)]
    assert groups(report(rows).verdicts, SUITE) == []
    assert told(rows) == []


def test_what_all_failing_cases_call_is_said():
    rows = [
        failed(case, mismatch(1, 2, "left_padding[1]"))
        if case.startswith("mask.both.")
        else Verdict(case, DIALECT, Status.PASS)
        for case in CASES
    ]
    said = told(rows)[1]
    assert said.startswith("in common: all ")
    assert "call `make_mask` (6 of the " in said
    assert said.endswith("the first difference is at left_padding")


def test_a_step_is_said_once_and_what_is_accepted_stands_beside_it():
    rows = [failed(CASES[0], WRONG, mismatch(1, 2, "lengths"))]
    lines = told(rows)
    assert sum(line.startswith("  step 2: ") for line in lines) == 1
    at = lines.index("    at left_padding[0]")
    assert lines[at + 1 : at + 4] == [
        "    expected: 4",
        "    or:       refused with an error of any kind: out of range",
        "    got:      5",
    ]


def test_required_operations_are_one_line_each():
    lacking = NotRun(Undeclared(operations=("get", "set")), required=True)
    only = NotRun(Undeclared(operations=("set",)), required=True)
    rows = [failed(case, detail=why, declared_gap=True)
            for case, why in zip(CASES[:9], [lacking] * 4 + [only] * 5, strict=True)]  # fmt: skip
    lines = told(rows)
    assert "  set: needed by 9 cases, 5 of them need nothing else" in lines
    assert "  get: needed by 4 cases, 0 of them need nothing else" in lines
    assert len(lines) < 8
    assert capabilities(report(rows).verdicts) == [("set", 9, 5), ("get", 4, 0)]


def test_everything_that_can_go_wrong_at_once_fits_on_a_screen():
    made = report()
    lines = list(failures(made.verdicts, SUITE, TARGET))
    grid = table(made.verdicts, SUITE).splitlines()
    others = 6  # pytest's counts, two blank lines, what was executed, a hint, the last line
    assert len(lines) + len(grid) + len(notes(made.verdicts)) + others <= 60
    sums = [sum(map(int, re.findall(r"  +(\d+)", line))) for line in grid[1:]]
    assert sum(sums) == len(made.verdicts)
    every = list(failures(made.verdicts, SUITE, TARGET, verbose=True))
    for row in made.verdicts:
        if row.red:
            assert any(line.startswith(f"{row.case}: ") for line in every), row.case
