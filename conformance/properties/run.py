"""Carrying out parts of the properties on a backend, and saying what came of them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from conformance import invocation, values
from conformance.calls import Call, Refused, Reply
from conformance.engine.kind import Kind
from conformance.engine.plan import absent
from conformance.engine.runner import Run
from conformance.engine.session import RESET
from conformance.engine.verdict import Mismatch, NoAnswer, Status, StepRecord, Verdict
from conformance.fixtures.userfile import FixtureError
from conformance.outcomes.difference import Difference
from conformance.properties import transcript
from conformance.properties.agreement import first_difference
from conformance.properties.better import mended
from conformance.properties.breaches import Breach, try_law
from conformance.properties.comparison import Answers, Comparison, Disagreement, answers
from conformance.properties.drawn import Drawn
from conformance.properties.finding import Finding
from conformance.properties.kind_properties import laws_of, properties_of
from conformance.properties.profiles import Part, PropertyChoice, Tries
from conformance.properties.repetition import other_answer, with_looks
from conformance.properties.result import PartResult
from conformance.properties.search import not_applicable, search
from conformance.properties.shorten import dropping, redrawn
from conformance.reporting import text as report
from conformance.transport import connect, served
from conformance.transport.backend import ProtocolViolation

REFERENCE = "reference"
FOLDER = Path("conformance-found")
# Each costs up to a minute of shortening, and most are the same mistake once more.
MAX_FOUND = 3
_TWO_WAYS = "the same calls were answered in two ways:"


class Properties:
    """The parts of a choice on the backend of a run; `folder` is where transcripts go.

    The backend is opened once more: what breaks here leaves the fixtures' one alone. A Python class
    of one's own runs in a process apart, so that a crash is a verdict.
    """

    def __init__(self, run: Run, choice: PropertyChoice, folder: Path | None = None) -> None:
        self._run = run
        self._choice = choice
        self._folder = folder or FOLDER
        spec, dialect = run.target.backend, run.dialect.id
        if spec.startswith("py:") or "--isolate" in run.target.terms:
            spec = served(spec, dialect, run.device)
        session = run.restarting(spec, dialect)
        reference, kinds = connect(REFERENCE, dialect), run.suite.kinds
        better = mended(run.suite, run.dialect, session)
        self._comparison = Comparison(reference, session, run.dialect, kinds, better)
        self._found = 0

    def close(self) -> None:
        """End the backend."""
        self._comparison.backend.close()
        self._comparison.reference.close()

    def result(self, part: Part) -> PartResult:
        """Carry out one part. Never raises for what the backend does."""
        started = time.perf_counter()
        tries = {Tries.LAW: self._law, Tries.SEQUENCES: self._sequences, Tries.OWN: self._own}
        made = tries[part.tries](part, self._run.suite.kinds[part.kind])
        return msgspec.structs.replace(made, seconds=time.perf_counter() - started)

    # ------------------------------------------------------------------ sequences

    def _sequences(self, part: Part, kind: Kind) -> PartResult:
        why = not_applicable(self._comparison, kind)
        if why is None and self._found >= MAX_FOUND:
            why = f"{MAX_FOUND} sequences were found already; the rest waits for these to be fixed"
        if why is not None:
            return _left_out(part, why)
        found, tally = search(self._comparison, kind, part.seed, part.count)
        made = PartResult(
            part.id, part.tries, Status.PASS, tally.sequences, calls=tally.calls,
            digest=tally.digest,
        )  # fmt: skip
        if found is None:
            return made
        self._found += 1
        status, detail = self._told(part, found, part.tries.value)
        return msgspec.structs.replace(made, status=status, detail=detail)

    # ------------------------------------------------------------------ laws

    def _law(self, part: Part, kind: Kind) -> PartResult:
        _, law = laws_of(self._comparison.kinds)[part.law]
        why = law.not_applicable(kind, self._comparison.rules, self._comparison.operations)
        if why is not None:
            return _left_out(part, why)
        breach, tried = try_law(law, self._comparison, kind, part.seed, part.count)
        made = PartResult(part.id, part.tries, Status.PASS, trials=tried.trials, calls=tried.calls)
        if breach is None:
            return made
        found = self._against_reference(breach)
        if found is None:
            status, lines = self._unexplained(breach)
            said = [f"{part.id}: {status.value}: {law.text}", f"  {breach.why}", *lines]
            detail = "\n".join([*said, f"  reproduce: {self._again(part)}"])
            return msgspec.structs.replace(made, status=status, detail=detail)
        status, detail = self._told(part, found, f"the law {law.id}")
        head = f"{part.id}: {law.text} ({', '.join(law.requires)})\n  {breach.why}\n"
        return msgspec.structs.replace(made, status=status, detail=head + detail)

    def _unexplained(self, breach: Breach) -> tuple[Status, list[str]]:
        """What a breach is in which backend and reference answer alike, or did the second time."""
        first = Answers(tuple(breach.replies))
        two = other_answer(self._comparison, breach.calls, first)
        if two is not None:
            return Status.FLAKY, [f"  {_TWO_WAYS}", *two.lines()]
        calls = (f"    {call.op} {call.arguments}" for call in breach.calls)
        head = "  the reference gives the same answers to these calls; please report this:"
        return Status.SUITE_BUG, [head, *calls]

    def _against_reference(self, breach: Breach) -> Disagreement | None:
        drawn = redrawn(self._comparison, breach.calls)
        if drawn is None or not breach.calls:
            return None
        found = self._comparison.compare(drawn)
        return None if found is None else dropping(self._comparison, found)

    # ------------------------------------------------------------------ what a kind has of its own

    def _own(self, part: Part, kind: Kind) -> PartResult:
        own = properties_of(kind).own
        assert own is not None
        why = own.not_applicable(self._comparison)
        if why is not None:
            return msgspec.structs.replace(_left_out(part, why), own=own.words)
        found, tried, digest = own.run(self._comparison, part.seed, part.count)
        made = PartResult(
            part.id, part.tries, Status.PASS, trials=tried, digest=digest, own=own.words
        )
        if found is None:
            return made
        origin = f"{part.id} of {self._choice.words}, in {self._comparison.dialect.id}"
        again = f"  reproduce: {self._again(part)}"
        detail = "\n".join([*found.lines(part.id, origin), again])
        return msgspec.structs.replace(made, status=found.status, detail=detail)

    # ------------------------------------------------------------------ telling

    def _told(self, part: Part, found: Disagreement, origin: str) -> tuple[Status, str]:
        """The status, and the whole text of a failure; the transcript is written on the way."""
        if found.is_refused_by_adapter:
            return Status.PROTOCOL_ERROR, self._adapter_refused(part, found)
        finding = Finding(
            found, self._comparison, self._run.suite, f"{origin}, {self._choice.words}"
        )
        verdict, more = self._settled(finding)
        target = self._run.target
        path = self._folder / f"{verdict.case}.jsonl"
        head = transcript.Head(
            transcript=transcript.FORMAT, dialect=target.dialect, backend=target.backend,
            origin=f"{part.id} of {' '.join(self._choice.options())}",
            verdict=verdict.status.value, case=finding.yaml,
        )  # fmt: skip
        whole, theirs = with_looks(self._comparison, found)
        backend = ("--backend", target.backend, "--dialect", target.dialect)
        again, kept = invocation.command("replay", str(path), *backend), str(path)
        try:
            transcript.write(path, head, whole.drawn.calls, whole.drawn.replies, theirs.replies)
        except FixtureError as error:  # a folder that cannot be written costs no more than that
            again, kept = self._again(part), f"not kept: {error}"
        lines = [
            report.failure(
                verdict, self._run.suite.extended(finding.case), target,
                again,
            ),
            *more,
            f"  found by: {self._again(part)}",
            f"  the answers of both: {kept}",
            "  as a case, to be pasted into a chapter of fixtures:",
            finding.yaml,
        ]  # fmt: skip
        return verdict.status, "\n".join(lines)

    def _settled(self, finding: Finding) -> tuple[Verdict, list[str]]:
        """The verdict on the case, and what is to be said of it where the case alone passes."""
        verdict, found = finding.verdict(), finding.found
        if verdict.status is not Status.PASS:
            return verdict, []
        call, ours = found.drawn.calls[-1], found.drawn.replies[-1]
        number = len(found.drawn.calls) - 1
        arguments = {name: values.excerpt(value) for name, value in call.arguments.items()}
        got = found.answers.replies[number:]
        difference = Difference(
            "",
            values.excerpt(_side(ours)),
            values.excerpt(_side(got[0])) if got else NoAnswer(str(found.answers.trouble)),
        )
        seen = (Mismatch(StepRecord(number, call.op, arguments), difference),)
        two = other_answer(self._comparison, found.drawn.calls, found.answers)
        if two is None:
            same = "  the case alone passes; the calls together are answered so each time"
            return msgspec.structs.replace(verdict, status=Status.FAIL, mismatches=seen), [same]
        flaky = msgspec.structs.replace(verdict, status=Status.FLAKY, mismatches=seen)
        return flaky, [f"  {_TWO_WAYS}", *two.lines()]

    def _adapter_refused(self, part: Part, found: Disagreement) -> str:
        call, target = found.drawn.calls[-1], self._run.target
        said = [
            f"{part.id}: {Status.PROTOCOL_ERROR.value}: arguments that the adapter does not take",
            f"  {values.call(call.op, call.arguments)}",
            f"    expected: {values.reply(found.drawn.replies[-1])}",
            f"    got:      {found.answers.trouble}",
            "  the adapter must be fixed, not the port; ask: " + invocation.command(
                "doctor", "--backend", target.backend, "--dialect", target.dialect
            ),
            f"  found by: {self._again(part)}",
        ]  # fmt: skip
        return "\n".join(said)

    def _again(self, part: Part) -> str:
        target = self._run.target
        return invocation.command(
            "run", "--backend", target.backend, "--dialect", target.dialect, *target.terms,
            *self._choice.options(), "-k", part.id,
        )  # fmt: skip


def _side(reply: Reply) -> Any:
    return reply if isinstance(reply, Refused) else reply.value


def _left_out(part: Part, why: str) -> PartResult:
    return PartResult(part.id, part.tries, Status.NOT_APPLICABLE, detail=why)


def replayed(comparison: Comparison, calls: list[Call]) -> tuple[Drawn, Answers, int | None]:
    """Recorded calls on both sides, and the first that they answer differently.

    ValueError where one of them lacks an operation, or the calls make no sense in the dialect.
    """
    calls = calls if calls[0].op == RESET.wire else [Call(RESET.wire), *calls]
    for op in sorted({call.op for call in calls[1:]}):
        lacks = absent(comparison.dialect, op) is not None
        if lacks or op not in comparison.reference.handshake.capabilities:
            raise ValueError(f"{comparison.dialect.id} has no {op}; choose another --dialect")
        if op not in comparison.backend.handshake.capabilities:
            raise ValueError(f"the backend declares no {op}, which the transcript uses")
    try:
        drawn = redrawn(comparison, calls)
    except ProtocolViolation as error:
        raise ValueError(f"the transcript holds a line that is not a call: {error}") from None
    if drawn is None:
        raise ValueError(
            f"the calls mean nothing in {comparison.dialect.id}: "
            "a cache or a row they use is not there"
        )
    got = answers(
        comparison.backend, drawn.calls, last_apart=drawn.traps and comparison.backend.is_process
    )
    return drawn, got, first_difference(drawn, got.replies, got.trouble)
