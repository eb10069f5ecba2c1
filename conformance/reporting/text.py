"""What a run says: the text of a failure, the table of verdicts, the last line."""

from __future__ import annotations

import hashlib
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from conformance import invocation
from conformance.engine.runner import Target
from conformance.engine.suite import Suite
from conformance.engine.verdict import Status, Verdict
from conformance.properties.profiles import Tries
from conformance.reporting.grouping import capabilities
from conformance.reporting.json_report import MismatchWords, ReportedVerdict, in_words
from conformance.transport.messages import Implementation

if TYPE_CHECKING:
    from conformance.properties.profiles import PropertyChoice
    from conformance.properties.result import PartResult

KNOWN = "known"
UNKNOWN = "Cases that this suite does not have"
CHAPTERS = 8  # in which something failed, one line each
SHOWN = 20  # differences of a case
_NOT = Status.NOT_APPLICABLE


def _plain(text: str, **style: bool) -> str:
    return text


def failure(
    verdict: Verdict | ReportedVerdict,
    suite: Suite,
    target: Target,
    again: str | None = None,
    shown: int = SHOWN,
) -> str:
    """Everything that a port's author needs: rule, source, both sides, and how to see it again.

    `again` is the command for that where running the case is not; so many differences are `shown`.
    """
    case = suite.cases[verdict.case]
    said = verdict if isinstance(verdict, ReportedVerdict) else in_words(verdict, case.requires)
    detail = said.detail.splitlines()
    lines = [f"{case.id}: {said.status.value}{f' ({detail[0]})' if detail else ''}"]
    lines += [f"  | {line}" for line in detail[1:]]
    for requirement in (suite.requirements[name] for name in case.requires):
        lines.append(f"  {requirement.id} ({requirement.level}): {requirement.text}")
        lines.append(f"    source: {'; '.join(requirement.cites)}")
    lines.append(f"  why: {case.why}")
    lines += _differences(said.mismatches[:shown])
    if len(said.mismatches) > shown:
        lines.append(f"  ... more differences: {len(said.mismatches) - shown}")
    if said.status is Status.SUITE_BUG:
        lines.append("  the suite must be fixed, not adapter or port: please report this")
    if said.status is Status.PROTOCOL_ERROR:
        asked = invocation.command("doctor", "--backend", target.backend, *_dialect(target))
        lines.append(f"  the adapter must be fixed, not the port; ask: {asked}")
    lines.append(f"  reproduce: {again or reproduce(said, target)}")
    return "\n".join(lines)


def _differences(rows: Sequence[MismatchWords]) -> Iterator[str]:
    """Both sides of each, and what else would have been taken; a step is said once."""
    for step, found in groupby(rows, key=lambda row: row.step):
        yield f"  {step}"
        for row in found:
            if row.place:
                yield f"    at {row.place}"
            yield f"    expected: {row.expected}"
            yield from (f"    or:       {better}" for better in row.accept)
            yield f"    got:      {row.got}"


def reproduce(
    verdict: Verdict | ReportedVerdict, target: Target, name: bool = False
) -> str:
    """The command that runs just this case again; by the plain `name` of the program where it is
    read elsewhere.
    """
    judged = ("run", "--backend", target.backend, *_dialect(target), *target.terms)
    words = (*judged, "--case", verdict.case)
    return shlex.join([invocation.NAME, *words]) if name else invocation.command(*words)


def _dialect(target: Target) -> tuple[str, str]:
    return "--dialect", target.dialect


def table(
    verdicts: Sequence[ReportedVerdict], suite: Suite, markup: Callable[..., str] = _plain
) -> str:
    """Chapters down, verdicts across; where some failed, the chapters with most of them alone.

    `markup` gives a text in a style of pytest's terminal writer.
    """
    counts: dict[str, Counter[str]] = {}
    failed = Counter(chapter(verdict, suite) for verdict in verdicts if verdict.red)
    red = {name for name, _ in failed.most_common(CHAPTERS)}
    for verdict in verdicts:
        name = chapter(verdict, suite)
        counts.setdefault(name if name in red or not red else "", Counter())[column(verdict)] += 1
    columns = [status.value for status in Status] + [KNOWN]
    used = [c for c in columns if c == Status.PASS or any(row[c] for row in counts.values())]
    titles = [*(file.contents.title for file in suite.chapters), UNKNOWN, ""]
    rows = {title or "the others": counts[title] for title in titles if title in counts}
    width = max(map(len, [*rows, "chapter"]))
    lines = [markup("  ".join([f"{'chapter':{width}}", *used]), bold=True)]
    for title, row in rows.items():
        cells = (markup(f"{row[c] or '.':>{len(c)}}", **_style(row[c], c)) for c in used)
        lines.append("  ".join([f"{title:{width}}", *cells]))
    return "\n".join(lines)


def chapter(verdict: ReportedVerdict, suite: Suite) -> str:
    """The title of the chapter in which a case is."""
    case = suite.cases.get(verdict.case)
    return UNKNOWN if case is None else suite.chapter_of(case).contents.title


def notes(verdicts: Sequence[ReportedVerdict]) -> list[str]:
    """What a reader must know beside the counts: gaps the backend declared, choices it made.

    Where there are failures to read, a line each: a report has the rest.
    """
    gaps = capabilities(v for v in verdicts if v.declared_gap and not v.status.failed)
    choices = Counter((c.hazard, c.chose) for v in verdicts for c in v.choices)
    if any(verdict.red for verdict in verdicts):
        hazards = len({hazard for hazard, _ in choices})
        said = (("declared gaps", len(gaps), "operation"),
                ("choices where a hazard leaves one", hazards, "hazard"))  # fmt: skip
        return [f"{what}: {count} {each}{'s' * (count > 1)} (--report has them)"
                for what, count, each in said if count]  # fmt: skip
    lines = ["declared gaps:"] if gaps else []
    lines += [f"  the backend declares no {op}: {count} cases, {alone} of them need nothing else"
              for op, count, alone in gaps]  # fmt: skip
    lines += ["choices where a hazard leaves one:"] if choices else []
    lines += [f"  {h}: {chose} ({n} cases)" for (h, chose), n in sorted(choices.items())]
    return lines


def last_line(
    verdicts: Iterable[Verdict | ReportedVerdict],
    who: Implementation,
    target: Target,
    seconds: float | None,
    parts: int = 0,
    tried: int = 0,
) -> str:
    """The counts of a run on one line; without `seconds`, where it is not one run's.

    `parts` is how many of the properties failed, of so many that were `tried`; these are what is
    counted where no case is.
    """
    counts = Counter(column(verdict) for verdict in verdicts)
    kinds = [f"{counts[s.value]} {s.value}" for s in Status if s.failed and counts[s.value]]
    failed = sum(counts[s.value] for s in Status if s.failed)
    split = f" ({', '.join(kinds)})" if failed else ""
    known = f"{counts[KNOWN]} known failures, " if counts[KNOWN] else ""
    broken = f", {parts} failed among the properties" if parts else ""
    took = "" if seconds is None else f" in {seconds:.1f} s"
    version = f" {who.version}" if who.version else ""
    version += f" on mlx {who.mlx}" if who.mlx else ""
    said = (
        f"{counts[Status.PASS.value]} passed, {failed} failed{split}, {known}"
        f"{counts[Status.NOT_APPLICABLE.value]} not applicable{broken}"
    )
    if tried and not counts:
        said = f"{tried - parts} passed, {parts} failed of {tried} parts of the properties"
    return f"{said}: {who.name}{version} as {target.dialect}{took}"


def properties(order: PropertyChoice, outcomes: Sequence[PartResult]) -> list[str]:
    """What was tried of the properties, and how fast; then which parts failed."""
    laws = [o for o in outcomes if o.tries is Tries.LAW and o.status is not _NOT]
    failed = [o for o in outcomes if o.status.failed]
    sequences, seconds = sum(o.sequences for o in outcomes), sum(o.seconds for o in outcomes)
    plain = [o for o in outcomes if o.sequences and o.status is Status.PASS]
    drawing = sum(o.seconds for o in plain)
    rate = f", {sum(o.sequences for o in plain) / drawing:.0f} a second" if drawing else ""
    calls = sum(o.calls for o in outcomes)
    own = Counter[str]()
    for outcome in outcomes:
        if outcome.own:
            own[outcome.own] += outcome.trials
    drawn = sorted(f"{o.part} {o.digest}" for o in outcomes if o.digest)
    digest = hashlib.sha256("\n".join(drawn).encode()).hexdigest()[:8]
    rate += f", digest {digest}" if drawn else ""
    said = (f"{order.words}: {len(laws)} laws, {sequences} sequences{rate}; "
             f"{''.join(f'{count} {what}; ' for what, count in own.items())}{calls} calls in "
             f"{seconds:.1f} s, {len(failed)} of {len(outcomes)} parts failed")  # fmt: skip
    return [f"properties, {said}", *(f"  {o.part}: {o.status.value}" for o in failed)]


def executed(verdicts: Iterable[Verdict | ReportedVerdict]) -> int:
    """How many cases really ran; a run of none is a failure."""
    return sum(verdict.status is not Status.NOT_APPLICABLE for verdict in verdicts)


def column(verdict: Verdict | ReportedVerdict) -> str:
    """Under which heading a verdict is counted."""
    return KNOWN if verdict.known else verdict.status.value


def _style(count: int, column: str) -> dict[str, bool]:
    if not count:
        return {"light": True}
    if column in (KNOWN, Status.NOT_APPLICABLE.value):
        return {}
    return {"red" if Status(column).failed else "green": True}
