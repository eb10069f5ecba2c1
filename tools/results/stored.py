"""A report in a tenth of its size: what passes by id alone, what was not run by its reason.

A result is one JSON object. `run` is the report without its verdicts. `passed` has the ids of the
cases that pass and have nothing more to say, by what is before their last dot; `chosen` those that
pass at hazards, by what was chosen; `left_out` those that were not run, by the reason; `told` has
every other verdict in whole. Seconds of cases are not kept,
so that two results differ where the implementations do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from conformance.engine.verdict import Status
from conformance.fixtures.userfile import FixtureError, read_bytes
from conformance.reporting import json_report
from conformance.reporting.json_report import ChoiceWords, Footer, ReportedVerdict, ReportFile

RESULTS = Path(__file__).resolve().parents[2] / "results"
Ids = dict[str, str]  # what is before the last dot -> what is after it, with blanks between


class LeftOut(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cases that were not run for one reason."""

    why: str
    cases: Ids
    declared_gap: bool = False
    lacks: tuple[str, ...] = ()


class Chosen(msgspec.Struct, frozen=True):
    """Cases that pass with the same choices at hazards."""

    choices: tuple[ChoiceWords, ...]
    cases: Ids


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report, as it is kept."""

    run: ReportFile
    passed: Ids
    left_out: list[LeftOut]
    told: list[ReportedVerdict]
    chosen: list[Chosen] = []


def kept(report: ReportFile) -> Result:
    """The short form of a report."""
    passed: list[str] = []
    reasons: dict[tuple[str, bool, tuple[str, ...]], list[str]] = {}
    choices: dict[tuple[ChoiceWords, ...], list[str]] = {}
    told = []
    for verdict in report.verdicts:
        bare = ReportedVerdict(
            case=verdict.case,
            dialect=report.dialect,
            status=verdict.status,
            seconds=verdict.seconds,
        )
        if verdict.status is Status.PASS and verdict == bare:
            passed.append(verdict.case)
        elif verdict.status is Status.PASS and not verdict.detail:
            choices.setdefault(verdict.choices, []).append(verdict.case)
        elif verdict.status is Status.NOT_APPLICABLE and not verdict.known:
            why = (verdict.detail, verdict.declared_gap, verdict.lacks)
            reasons.setdefault(why, []).append(verdict.case)
        else:
            told.append(msgspec.structs.replace(verdict, seconds=0.0))
    left_out = [
        LeftOut(why, _grouped(cases), gap, lacks) for (why, gap, lacks), cases in reasons.items()
    ]
    chosen = [Chosen(said, _grouped(cases)) for said, cases in choices.items()]
    bare_run = msgspec.structs.replace(report, verdicts=[])
    return Result(bare_run, _grouped(passed), left_out, told, chosen)


def whole(result: Result) -> ReportFile:
    """The report again, without the seconds of its cases and in the order of their ids."""
    verdict = partial(ReportedVerdict, dialect=result.run.dialect, seconds=0.0)
    rows = [*result.told]
    rows += (verdict(case=case, status=Status.PASS) for case in _ids(result.passed))
    for said in result.chosen:
        rows += (verdict(case=case, status=Status.PASS, choices=said.choices)
                 for case in _ids(said.cases))  # fmt: skip
    for each in result.left_out:
        rows += (
            verdict(case=case, status=Status.NOT_APPLICABLE, detail=each.why,
                    declared_gap=each.declared_gap, lacks=each.lacks)
            for case in _ids(each.cases)
        )  # fmt: skip
    rows.sort(key=lambda row: row.case)
    footer = Footer(len(rows), sum(row.red for row in rows))
    return msgspec.structs.replace(result.run, verdicts=rows, footer=footer)


def write(path: Path, report: ReportFile) -> None:
    """A report as a result: a line each for what may differ alone."""
    made: dict[str, Any] = msgspec.to_builtins(kept(report))
    parts = [
        f'"run": {_line(made["run"])}',
        f'"passed": {_lines("{}", (f"{_line(k)}: {_line(v)}" for k, v in made["passed"].items()))}',
        f'"chosen": {_lines("[]", map(_line, made["chosen"]))}',
        f'"left_out": {_lines("[]", map(_line, made["left_out"]))}',
        f'"told": {_lines("[]", map(_line, made["told"]))}',
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    json_report.write_whole(path, "{\n" + ",\n".join(parts) + "\n}\n")


def read(path: Path) -> ReportFile:
    """The report of a result; FixtureError for a file that is none."""
    try:
        return whole(msgspec.json.decode(read_bytes(path, json_report.MAX_BYTES), type=Result))
    except msgspec.MsgspecError as error:
        raise FixtureError(f"{path}: not a result of tools.results: {error}") from None


def read_all(folder: Path = RESULTS) -> dict[str, ReportFile]:
    """Every result by the name of its file."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.json"))}


def _grouped(cases: Sequence[str]) -> Ids:
    found: dict[str, list[str]] = {}
    for case in cases:
        head, _, tail = case.rpartition(".")
        found.setdefault(head, []).append(tail)
    return {head: " ".join(tails) for head, tails in found.items()}


def _ids(grouped: Ids) -> Iterator[str]:
    for head, tails in grouped.items():
        yield from (f"{head}.{tail}" if head else tail for tail in tails.split())


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _lines(brackets: str, lines: Iterable[str]) -> str:
    body = ",\n".join(lines)
    return f"{brackets[0]}\n{body}\n{brackets[1]}" if body else brackets
