"""The failures of a run for a reader: the cause first, one case in full, the others by id."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from conformance.engine.runner import Target
from conformance.engine.suite import Suite
from conformance.reporting.grouping import Group, capabilities, groups, shared
from conformance.reporting.json_report import ReportedVerdict
from conformance.reporting.text import SHOWN, failure

LINES = 24  # of failures, before causes are one line each
WIDTH = 100
_FEW = 4  # differences of a case
_SHORT = 5  # causes with one line each
_ID_LINES = 3


def failures(
    verdicts: Sequence[ReportedVerdict], suite: Suite, target: Target, verbose: bool = False
) -> Iterator[str]:
    """The red verdicts by cause: the first of each cause in full, the others by their ids.

    What does not fit into LINES is one line a cause; `verbose` has all in full.
    """
    found = groups(verdicts, suite)
    if not found:
        return
    red = sum(len(group.verdicts) for group in found)
    ways = "" if len(found) == 1 else f" for {len(found)} causes"
    yield f"{red} case{' fails' if red == 1 else 's fail'}{ways}"
    common = shared(verdicts, suite)
    if common:
        yield f"in common: {common}"
    left, short = LINES, 0
    for group in found:
        block = list(_group(group, verdicts, suite, target, verbose))
        if verbose or len(block) <= left or left == LINES:
            yield ""
            yield from block
        elif short < _SHORT:
            yield ""
            yield group.heading
            yield from _ids(group.verdicts, 1, "  ")
            block, short = ["", ""], short + 1
        else:
            short += 1
        left -= len(block) + 1
    if short > _SHORT:
        yield f"... more causes: {short - _SHORT}"
    if (not verbose and red > len(found)) or short:
        yield "all in full: --verbose, or --report FILE.html"


def _group(
    group: Group,
    verdicts: Sequence[ReportedVerdict],
    suite: Suite,
    target: Target,
    verbose: bool,
) -> Iterator[str]:
    yield group.heading
    if group.cause.by == "lacks" and len(group.verdicts) > 1 and not verbose:
        rows = [verdict for verdict in verdicts if verdict.red]
        for op, count, alone in capabilities(rows):
            yield f"  {op}: needed by {_count(count)}, {alone} of them need nothing else"
        return
    for verdict in group.verdicts if verbose else group.verdicts[:1]:
        if verdict.case not in suite.cases:
            yield f"{verdict.case}: {verdict.status.value} ({verdict.detail})"
            continue
        shown = SHOWN if verbose else _FEW
        yield from failure(verdict, suite, target, shown=shown).splitlines()
    if len(group.verdicts) > 1 and not verbose:
        yield from _ids(group.verdicts[1:], _ID_LINES, "  likewise: ")


def _ids(verdicts: Sequence[ReportedVerdict], lines: int, start: str) -> list[str]:
    """Ids in a few lines, and how many more there are."""
    wrapped = textwrap.wrap(
        ", ".join(each.case for each in verdicts), WIDTH, initial_indent=start,
        subsequent_indent="    ", break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    if len(wrapped) <= lines:
        return wrapped
    kept = wrapped[:lines]
    told = sum(line.count(",") for line in kept)
    return [*kept[:-1], f"{kept[-1]} and {len(verdicts) - told} more"]


def _count(cases: int) -> str:
    return f"{cases} case{'' if cases == 1 else 's'}"
