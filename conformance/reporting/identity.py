"""What `identify` says: which dialect a backend follows, how closely, and what parts it from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance import invocation
from conformance.engine.identification import Likeness, identify, nearest, requirements, telling
from conformance.engine.runner import Run, Terms
from conformance.engine.suite import Suite
from conformance.engine.verdict import Verdict
from conformance.reporting import words
from conformance.transport.messages import Implementation

_SHOWN = 20  # requirements
_WIDE = 120  # characters of a step, and of either side of a difference
_ALIKE = 0.5  # the share below which a backend is called like nothing that is known


def page(
    found: Sequence[Likeness], suite: Suite, backend: str, who: Implementation
) -> Iterator[str]:
    """The ranking, what parts the backend from the nearest dialect, and what to type next."""
    width = max(len(each.dialect.id) for each in found)
    yield f"{who.name} {who.version}".rstrip() + f", {backend}"
    yield ""
    yield f"{'dialect':<{width}}  pass  of those that apply         lacks  has beyond it"
    for each in found:
        yield (
            f"{each.dialect.id:<{width}}  {each.passed:>4}  of {each.applied:<4} "
            f"{percent(each):>8}  {each.gaps:>7} cases  {len(each.beyond)} operations"
        )
    yield ""
    yield conclusion(found)
    first = found[0]
    if first.beyond:
        yield f"it has, and {first.dialect.id} does not: {', '.join(first.beyond)}"
    counts = requirements(first.failures, suite)
    if counts:
        yield f"where it differs from {first.dialect.id}, by requirement:"
    examples = _examples(first.failures, suite)
    for name, count in counts.most_common(_SHOWN):
        requirement = suite.requirements[name]
        verdict = examples[name]
        yield f"  {name} ({requirement.level}), {count} cases: {requirement.text}"
        yield f"    {verdict.case}: {_first(verdict)}"
    if len(counts) > _SHOWN:
        yield f"  ... and {len(counts) - _SHOWN} more requirements"
    judged = ("--backend", backend, "--dialect", first.dialect.id)
    yield f"judge it: {invocation.command('run', *judged)}"


def conclusion(found: Sequence[Likeness]) -> str:
    """The answer in one line."""
    first = found[0]
    if not first.applied:
        return "it can carry out no case: ask `doctor` what is wrong with it"
    alike = [each.dialect.id for each in nearest(found)]
    counted = f"{first.passed} of {first.applied} cases pass"
    if len(alike) > 1:
        return f"no case parts these: {', '.join(alike)} ({counted})"
    if first.share < _ALIKE:
        return f"it follows none; the nearest is {alike[0]} ({counted})"
    if first.failures:
        return f"nearest: {alike[0]} ({counted})"
    return f"it follows {alike[0]} ({counted})"


def hint(suite: Suite, backend: str, terms: Terms, judged_by: str = "") -> str:
    """One line, of few cases, for who has not said by which dialect to judge; empty where it is of
    no help. `judged_by` is the dialect that the backend declares. BackendUnusable as Run.
    """
    opening = judged_by or suite.default_dialect.id
    opened = Run(suite, backend, opening, Terms(timeout=terms.timeout))
    try:
        found = identify(opened, telling(suite))
    finally:
        opened.close()
    first = found[0]
    if not first.applied or judged_by in {each.dialect.id for each in nearest(found)}:
        return ""
    more = invocation.command("identify", "--backend", backend)
    return f"in the cases that tell dialects apart, {conclusion(found)}; more: {more}"


def percent(likeness: Likeness) -> str:
    """Never 100 where something failed."""
    share = 100 * likeness.share
    return f"{min(share, 99.9) if likeness.failures else share:.1f} %"


def _examples(failures: Sequence[Verdict], suite: Suite) -> dict[str, Verdict]:
    """The first failed case of each requirement."""
    found: dict[str, Verdict] = {}
    for each in failures:
        for name in suite.cases[each.case].requires:
            found.setdefault(name, each)
    return found


def _first(verdict: Verdict) -> str:
    """The first difference of a failed case, or how it ended, on one line."""
    if not verdict.mismatches:
        return f"{verdict.status.value} {words.detail(verdict)}".splitlines()[0]
    row = verdict.mismatches[0]
    expected, got = (_short(said) for said in row.difference.words())
    place = f" at {row.difference.place}" if row.difference.place else ""
    return f"{_short(words.place(row))}{place}: expected {expected}, got {got}"


def _short(said: str) -> str:
    """The first line of it, and not all of that where it is long."""
    lines = said.splitlines() or [""]
    cut = lines[0][:_WIDE]
    return cut if cut == said else f"{cut} ..."
