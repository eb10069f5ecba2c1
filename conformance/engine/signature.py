"""How a case failed, short and the same in every run: the first difference, or how it ended."""

from __future__ import annotations

from typing import Any

import msgspec

from conformance import values
from conformance.calls import Refused
from conformance.engine.literals import Strict, spelled
from conformance.engine.verdict import Lost, Status, Verdict
from conformance.outcomes.difference import Difference
from conformance.outcomes.registry import spelled as spelled_reply
from conformance.outcomes.trap import is_trap
from conformance.tensor import Tensor
from conformance.values import Data, LongList, LongTable, LongTensor, LongText, Name, same

LONGEST = 160
SHORTEST = 8  # of a text that is a part of what it is compared with; less is in nearly every one
_SHOWN = 16  # elements and items; of more there is a digest


class Signature(Strict, frozen=True):
    """A failure as data. What is left out of `got` may be anything.

    `op`: the operation. `place`: where in its result. `got`: what was there, such as
    `{value: null}` or `{error: ValueError, message: too many}`. `how`: the way in which the
    backend was lost, such as SIGSEGV, or why nothing could be compared.
    """

    op: str = ""
    place: str = ""
    got: dict[str, Any] = {}
    how: str = ""


def signature(verdict: Verdict) -> Signature:
    """How a case failed."""
    first = _first(verdict)
    if first is not None:
        return Signature(_op(verdict), first.place, _got(first.got))
    if isinstance(verdict.detail, Lost):
        at = verdict.detail.at
        return Signature("" if at is None else at.op, how=_line(verdict.detail.how))
    return Signature(how="" if verdict.detail is None else _line(verdict.detail.words()))


def text(verdict: Verdict) -> str:
    """The same in words; a signature that is a text is a part of these."""
    first = _first(verdict)
    if first is None:
        return "" if verdict.detail is None else _line(verdict.detail.words())
    place = f" at {first.place}" if first.place else ""
    return f"{_op(verdict)}{place}: {first.words()[1]}"[:LONGEST]


def holds(listed: Signature | str, verdict: Verdict) -> bool:
    """Whether a case failed as it is listed."""
    if isinstance(listed, str):
        return listed in text(verdict)
    found = signature(verdict)
    return (
        (listed.op, listed.place, listed.how) == (found.op, found.place, found.how)
        and listed.got.keys() <= found.got.keys()
        and all(
            _within(value, found.got[key]) if key == "message" else same(value, found.got[key])
            for key, value in listed.got.items()
        )
    )


def _within(part: str, whole: str) -> bool:
    return part == whole or (len(part) >= SHORTEST and part in whole)


def said(listed: Signature | str) -> str:
    """A signature of a list in words."""
    if isinstance(listed, str):
        return repr(listed)
    return values.words(msgspec.to_builtins(listed))


def _first(verdict: Verdict) -> Difference | None:
    failed = verdict.status is Status.FAIL and verdict.mismatches
    return verdict.mismatches[0].difference if failed else None


def _op(verdict: Verdict) -> str:
    step = verdict.mismatches[0].step
    return "" if step is None else step.op


def _line(told: str) -> str:
    return told.partition("\n")[0][:LONGEST]


def _got(value: Any) -> dict[str, Any]:
    """What was there, spelled as an expectation where it is an answer, and short."""
    if isinstance(value, Refused):
        told = is_trap(value) or not value.message
        return {**spelled_reply(value), **({} if told else {"message": value.message[:LONGEST]})}
    if isinstance(value, Data) and not isinstance(value, _EXCERPTS):
        return {type(value).__name__: {
            name: _short(getattr(value, name)) for name in value.__struct_fields__
        }}  # fmt: skip
    return {"tensor" if isinstance(value, (Tensor, LongTensor)) else "value": _short(value)}


_EXCERPTS = (LongList, LongTable, LongTensor, LongText, Name)


def _short(value: Any) -> Any:
    if isinstance(value, Tensor):
        if value.size <= _SHOWN:
            return spelled(value)
        return {"dtype": value.dtype, "shape": list(value.shape), "digest": values.digest(value)}
    if isinstance(value, LongTensor):
        return {"dtype": value.dtype, "shape": list(value.shape), "digest": value.digest}
    if isinstance(value, list):
        if len(value) <= _SHOWN:
            return [_short(item) for item in value]
        return {"items": len(value), "digest": values.digest(value)}
    if isinstance(value, dict):
        if len(value) <= _SHOWN:
            return {key: _short(item) for key, item in value.items()}
        return {"entries": len(value), "digest": values.digest(value)}
    if isinstance(value, (LongList, LongTable)):
        what = "items" if isinstance(value, LongList) else "entries"
        return {what: value.length, "digest": value.digest}
    if isinstance(value, LongText):
        return {"starts": value.start, "length": value.length, "digest": value.digest}
    if isinstance(value, Name):
        return value.text
    return _got(value) if isinstance(value, (Data, Refused)) else value
