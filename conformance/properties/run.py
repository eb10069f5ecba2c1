"""Carrying out parts of an order on a backend, and saying what came of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from conformance import invocation
from conformance.calls import Call
from conformance.engine.runner import Run
from conformance.engine.verdict import Status
from conformance.kinds.files import contents, exchange
from conformance.kinds.slots.laws import LAWS
from conformance.outcomes import difference
from conformance.properties import transcript
from conformance.properties.agreement import first_difference
from conformance.properties.comparison import Answers, Difference, Sides, answers
from conformance.properties.finding import Finding
from conformance.properties.profiles import Order, Part
from conformance.properties.search import search
from conformance.properties.sequences import Drawn
from conformance.properties.shorten import dropping, redrawn
from conformance.properties.trials import Breach, try_law
from conformance.reporting import text as report
from conformance.transport import connect, served
from conformance.transport.backend import ProtocolViolation

FOLDER = Path("conformance-found")
# Each costs up to a minute of shortening, and most are the same mistake once more.
MAX_FOUND = 3


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one part came to; `detail` is all that a reader needs, or why it was not tried.

    `digest` is of the sequences that were drawn.
    """

    part: str
    status: Status
    sequences: int = 0
    trials: int = 0
    calls: int = 0
    seconds: float = 0.0
    detail: str = ""
    digest: str = ""


class Properties:
    """The parts of an order on the backend of a run; `folder` is where transcripts go.

    The backend is opened once more: what breaks here leaves the fixtures' one alone. A Python class
    of one's own runs in a process apart, so that a crash is a verdict.
    """

    def __init__(self, run: Run, order: Order, folder: Path | None = None) -> None:
        self._run = run
        self._order = order
        self._folder = folder or FOLDER
        spec, dialect = run.target.backend, run.dialect.id
        if spec.startswith("py:") or "--isolate" in run.target.terms:
            spec = served(spec, dialect)
        session = run.restarting(spec, dialect)
        self._sides = Sides(connect("reference", dialect), session, run.dialect)
        self._found = 0

    def close(self) -> None:
        """End the backend."""
        self._sides.session.close()
        self._sides.model.close()

    def outcome(self, part: Part) -> Outcome:
        """Carry out one part. Never raises for what the backend does."""
        started = time.perf_counter()
        if part.files:
            made = self._files(part)
        else:
            made = self._sequences(part) if part.law is None else self._law(part, part.law)
        return msgspec.structs.replace(made, seconds=time.perf_counter() - started)

    # ------------------------------------------------------------------ sequences

    def _sequences(self, part: Part) -> Outcome:
        missing = {"new", "snapshot"} - set(self._sides.operations)
        if missing:
            why = f"the backend declares no {', '.join(sorted(missing))}"
            return Outcome(part.id, Status.NOT_APPLICABLE, detail=why)
        if self._found >= MAX_FOUND:
            why = f"{MAX_FOUND} sequences were found already; the rest waits for these to be mended"
            return Outcome(part.id, Status.NOT_APPLICABLE, detail=why)
        found, tally = search(self._sides, part.seed, part.count)
        made = Outcome(
            part.id, Status.PASS, tally.sequences, calls=tally.calls, digest=tally.digest
        )
        if found is None:
            return made
        self._found += 1
        status, detail = self._told(part, found, "sequences of operations")
        return msgspec.structs.replace(made, status=status, detail=detail)

    # ------------------------------------------------------------------ laws

    def _law(self, part: Part, name: str) -> Outcome:
        law = LAWS[name]
        why = law.not_applicable(self._sides.dialect, self._sides.operations)
        if why is not None:
            return Outcome(part.id, Status.NOT_APPLICABLE, detail=why)
        breach, tried = try_law(law, self._sides, part.seed, part.count)
        made = Outcome(part.id, Status.PASS, trials=tried.trials, calls=tried.calls)
        if breach is None:
            return made
        found = self._against_reference(breach)
        if found is None:
            said = [f"{part.id}: {law.text}", f"  {breach.why}",
                    "  the reference answers these calls alike; please report this:",
                    *(f"    {call.op} {call.arguments}" for call in breach.calls)]  # fmt: skip
            detail = "\n".join([*said, f"  reproduce: {self._again(part)}"])
            return msgspec.structs.replace(made, status=Status.SUITE_BUG, detail=detail)
        status, detail = self._told(part, found, f"the law {name}")
        head = f"{part.id}: {law.text} ({', '.join(law.requires)})\n  {breach.why}\n"
        return msgspec.structs.replace(made, status=status, detail=head + detail)

    def _against_reference(self, breach: Breach) -> Difference | None:
        drawn = redrawn(self._sides, breach.calls)
        if drawn is None or not breach.calls:
            return None
        found = self._sides.compare(drawn)
        return None if found is None else dropping(self._sides, found)

    # ------------------------------------------------------------------ files

    def _files(self, part: Part) -> Outcome:
        why = exchange.not_applicable(self._sides)
        if why is not None:
            return Outcome(part.id, Status.NOT_APPLICABLE, detail=why)
        found, tried, digest = exchange.search(self._sides, part.seed, part.count)
        made = Outcome(part.id, Status.PASS, trials=tried, digest=digest)
        if found is None:
            return made
        expected, got = ("; ".join(side) for side in zip(*_said(found.differences), strict=True))
        origin = f"{part.id} of {self._order.words}, in {self._sides.dialect.id}"
        detail = "\n".join([
            f"{part.id}: {found.status.value}: {found.where} ({', '.join(found.requires)})",
            f"  expected: {expected}",
            f"  got:      {got}",
            "  as a case of fixtures/prompt_cache/cases.yaml:",
            contents.spelled(found.content, origin),
            f"  reproduce: {self._again(part)}",
        ])  # fmt: skip
        return msgspec.structs.replace(made, status=found.status, detail=detail)

    # ------------------------------------------------------------------ telling

    def _told(self, part: Part, found: Difference, origin: str) -> tuple[Status, str]:
        """The status, and the whole text of a failure; the transcript is written on the way."""
        finding = Finding(found, self._sides, self._run.suite, f"{origin}, {self._order.words}")
        verdict, target = finding.verdict(), self._run.target
        path = self._folder / f"{verdict.case}.jsonl"
        head = transcript.Head(
            transcript=transcript.FORMAT, dialect=target.dialect, backend=target.backend,
            origin=f"{part.id} of {' '.join(self._order.options())}",
            verdict=verdict.status.value, case=finding.yaml,
        )  # fmt: skip
        transcript.write(path, head, found.drawn.calls, found.drawn.replies, found.answers.replies)
        backend = ("--backend", target.backend, "--dialect", target.dialect)
        lines = [
            report.failure(
                verdict, self._run.suite.extended(finding.case), target,
                invocation.command("replay", str(path), *backend),
            ),
            f"  found by: {self._again(part)}",
            f"  both sides' answers: {path}",
            "  as a case, to be pasted into a chapter of fixtures:",
            finding.yaml,
        ]  # fmt: skip
        # The case is judged by itself: if it passes alone, what was seen does not happen always.
        flaky = verdict.status is Status.PASS
        if flaky:
            lines.insert(1, "  it did not happen again when the case was run alone: flaky")
        return (Status.FAIL if flaky else verdict.status), "\n".join(lines)

    def _again(self, part: Part) -> str:
        target = self._run.target
        return invocation.command(
            "run", "--backend", target.backend, "--dialect", target.dialect, *target.terms,
            *self._order.options(), "-k", part.id,
        )  # fmt: skip


def _said(differences: Iterable[difference.Difference]) -> Iterator[tuple[str, ...]]:
    """Both sides of each difference, with its place before."""
    for each in differences:
        place = f"{each.place}: " if each.place else ""
        yield tuple(f"{place}{side}" for side in each.words())


def replayed(sides: Sides, calls: list[Call]) -> tuple[Drawn, Answers, int | None]:
    """Recorded calls on both sides, and the first that they answer differently.

    ValueError where one of them lacks an operation, or the calls make no sense in the dialect.
    """
    calls = calls if calls[0].op == "reset" else [Call("reset"), *calls]
    for op in sorted({call.op for call in calls[1:]}):
        if op in sides.dialect.absent or op not in sides.model.handshake.capabilities:
            raise ValueError(f"{sides.dialect.id} has no {op}; choose another --dialect")
        if op not in sides.session.handshake.capabilities:
            raise ValueError(f"the backend declares no {op}, which the transcript uses")
    try:
        drawn = redrawn(sides, calls)
    except ProtocolViolation as error:
        raise ValueError(f"the transcript holds a call that is none: {error}") from None
    if drawn is None:
        raise ValueError(
            f"the calls mean nothing in {sides.dialect.id}: a cache or a row they use is not there"
        )
    got = answers(sides.session, drawn.calls, last_apart=drawn.traps and sides.session.is_process)
    return drawn, got, first_difference(drawn, got.replies, got.trouble)
