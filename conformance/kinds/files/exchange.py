"""Saving and loading drawn contents with backend and reference, each reading the other's file."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Flaky

from conformance.calls import Call, Refused, Reply
from conformance.engine.judge import lost
from conformance.engine.verdict import Status
from conformance.filetools.safetensors import parse
from conformance.kinds.files import FILES
from conformance.kinds.files.contents import Content, arguments, contents, requirements
from conformance.outcomes import written
from conformance.outcomes.difference import Difference
from conformance.outcomes.trap import is_trap
from conformance.properties.agreement import agree
from conformance.properties.comparison import Sides, answers
from conformance.properties.sequences import answer
from conformance.transport.backend import BackendTrouble
from conformance.values import Data

SHRINK_SECONDS = 20.0


@dataclass(frozen=True)
class Misfiled:
    """A content of which backend and reference make something else; `where` is the operation."""

    content: Content
    where: str
    requires: tuple[str, ...]
    differences: tuple[Difference, ...]
    trouble: BackendTrouble | None = None

    @property
    def status(self) -> Status:
        """A wrong answer, or how the backend was lost."""
        return Status.FAIL if self.trouble is None else lost(self.trouble)

    @property
    def kind(self) -> tuple[str, str]:
        """What a smaller content must show as well."""
        return self.where, type(self.trouble).__name__


def not_applicable(sides: Sides) -> str | None:
    """Why no files are exchanged, or None."""
    declared = sides.session.handshake.capabilities
    missing = [op for op in FILES.operations if op not in declared]
    return f"the backend declares no {', '.join(missing)}" if missing else None


def search(sides: Sides, number: int, count: int) -> tuple[Misfiled | None, int, str]:
    """Exchange `count` contents drawn from a seed; what differs, made small, if anything does.

    Also how many were drawn, and a digest of them: the same for the same seed in any process.
    """
    best: Misfiled | None = None
    until, tried, digest = 0.0, 0, hashlib.sha256()

    def exchanged(content: Content) -> None:
        nonlocal best, until, tried
        if best is None:
            tried += 1
            digest.update(repr(content).encode())
        elif time.monotonic() > until:
            raise _Enough
        found = exchange(sides, content)
        if found is None or (best is not None and found.kind != best.kind):
            return
        if best is None:
            until = time.monotonic() + SHRINK_SECONDS
        if best is None or len(repr(content)) <= len(repr(best.content)):
            best = found
        raise _Found

    run = settings(
        max_examples=count, deadline=None, database=None, print_blob=False,
        phases=(Phase.generate, Phase.shrink), report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )(seed(number)(given(contents(sides.dialect))(exchanged)))  # fmt: skip
    with contextlib.suppress(_Found, _Enough, Flaky):
        run()
    return best, tried, digest.hexdigest()[:16]


def exchange(sides: Sides, content: Content) -> Misfiled | None:
    """Both save a content, and both load both files. A load at which the dialect's process ends is
    not asked for.
    """
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "reference.safetensors"), Path(folder, "backend.safetensors")
        given_ = arguments(content)
        saved = answer(sides.model, Call("save", {"path": str(ours), **given_}))
        if is_trap(saved):
            return None
        got, trouble = _ask(sides, Call("save", {"path": str(theirs), **given_}))
        # As in fixtures: what has no place may be refused with any error.
        refused = isinstance(saved, Refused) and isinstance(got, Refused)
        if got is None or not (refused or agree(saved, got)):
            requires = ("FILE-011",) if isinstance(saved, Refused) else ("FILE-010",)
            return Misfiled(content, "save", requires, _whole(saved, got, trouble), trouble)
        if isinstance(saved, Refused):
            return None
        data = theirs.read_bytes() if theirs.is_file() else None
        rows = tuple(written.differences(parse(ours.read_bytes()), data))
        if rows:
            return Misfiled(content, "the saved file", ("FILE-010",), rows)
        for whose, path in (("the reference's file", ours), ("its own file", theirs)):
            call = Call("load", {"path": str(path)})
            read = answer(sides.model, call)
            if is_trap(read):
                continue
            got, trouble = _ask(sides, call)
            if got is None or not agree(read, got):
                told = _whole(read, got, trouble)
                where = f"load of {whose}"
                return Misfiled(content, where, tuple(requirements(content)), told, trouble)
    return None


def _ask(sides: Sides, call: Call) -> tuple[Reply | None, BackendTrouble | None]:
    got = answers(sides.session, [Call("reset"), call])
    return (got.replies[1] if len(got.replies) > 1 else None), got.trouble


def _whole(
    ours: Reply, theirs: Reply | None, trouble: BackendTrouble | None
) -> tuple[Difference, ...]:
    """The whole answers differ."""
    got = NoReply(str(trouble)) if theirs is None else _side(theirs)
    return (Difference("", _side(ours), got),)


def _side(reply: Reply) -> Any:
    return reply if isinstance(reply, Refused) else reply.value


class NoReply(Data, frozen=True):
    """The backend was lost instead of answering."""

    how: str

    def words(self) -> str:
        return f"no answer: {self.how}"


class _Found(Exception):
    """A content of which the two sides make something else."""


class _Enough(BaseException):
    """Shrinking has taken its share; not an Exception, so that it ends the engine at once."""
