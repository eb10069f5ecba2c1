"""Which rules of the reference a new dialect needs: the operations that differences come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

from conformance.capture.answers import Changed
from conformance.engine.case import Case
from conformance.engine.dialect import Dialect
from conformance.engine.plan import applicability, build
from conformance.engine.suite import Suite


@dataclass(frozen=True)
class Rule:
    """An operation that does something else, with the first difference in each case of it."""

    operation: str
    changed: tuple[Changed, ...]

    @property
    def requirements(self) -> list[str]:
        return sorted({name for each in self.changed for name in each.case.requires})


def rules(suite: Suite, dialect: Dialect, changed: Sequence[Changed]) -> list[Rule]:
    """The fewest operations that explain all differences.

    One is the likelier the more of the cases that have it differ, and of those that differ have it
    before the difference or there. (This is Ochiai's coefficient.)
    """
    first: dict[str, Changed] = {}
    for each in changed:
        known = first.get(each.case.id)
        if known is None or each.number < known.number:
            first[each.case.id] = each
    uses: dict[str, int] = {}
    for case in suite.cases.values():
        if applicability(case, dialect) is None:
            for op in _operations(case, len(case.steps)):
                uses[op] = uses.get(op, 0) + 1
    blamed = {name: _operations(each.case, each.number) for name, each in first.items()}
    found: list[Rule] = []
    while blamed:
        counts: dict[str, int] = {}
        for ops in blamed.values():
            for op in ops:
                counts[op] = counts.get(op, 0) + 1
        best = max(counts, key=lambda op: (counts[op] / sqrt(max(uses[op], 1) * len(blamed)), op))
        explained = [name for name, ops in blamed.items() if best in ops]
        found.append(Rule(best, tuple(first[name] for name in explained)))
        for name in explained:
            del blamed[name]
    return found


def _operations(case: Case, number: int) -> set[str]:
    """What a case has carried out by a step: what made its caches, and all steps up to it.

    What only looks is to blame where the difference is in its own answer, and at nothing else.
    """
    made = {p.call.op for handle, given in case.given.items() for p in build(handle, given, None)}
    done = {step.operation.wire for step in case.steps[:number] if not step.operation.looks}
    here = case.steps[number - 1].operation
    return made | done | {here.wire}


def listed(suite: Suite, found: Sequence[Rule], where: dict[str, str]) -> Iterator[str]:
    """The rules for a reader, each with its requirements and both answers.

    `where` says of an operation which rule of the reference carries it out in the parent.
    """
    for each in found:
        rule = where.get(each.operation, "")
        yield f"{each.operation}: {len(each.changed)} cases{f'; now {rule}' if rule else ''}"
        told: set[str] = set()
        for changed in each.changed:
            new = [name for name in changed.case.requires if name not in told]
            told.update(new)
            for name in new:
                yield f"  {name}: {suite.requirements[name].text}"
            if new:
                yield f"    {changed.case.id}, {_short(changed.step)}"
                yield f"      parent: {_short(changed.expected)}"
                yield f"      here:   {_short(changed.got)}"


def _short(said: str) -> str:
    line = said.splitlines()[0] if said else ""
    return line if len(line) <= _WIDE else f"{line[:_WIDE]} ..."


_WIDE = 140
