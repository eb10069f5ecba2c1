"""Checks across fixtures: every id resolves, every expectation is complete, nothing is dead."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from conformance import literals, yamlfile
from conformance.literals import Tensors
from conformance.load import ChapterFile, Suite, walk
from conformance.model import (
    OUTCOMES,
    CacheSpec,
    CacheState,
    Case,
    Dialect,
    DialectFile,
    Expect,
    HazardFile,
    SparseSlots,
    StepBase,
    TensorLiteral,
)
from conformance.plan import (
    NO_RECEIVER,
    Call,
    applicability,
    arguments,
    build,
    expectation,
    outcomes,
)
from conformance.prompt_cache.model import FOLDER
from conformance.yamlfile import Where

_CASE_ID = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+$")
_REQUIREMENT_ID = re.compile(r"^[A-Z]+-\d{3}$")
_CREATES = {"new": "cache", "new_mamba": "cache", "from_state": "cache", "round_trip": "into",
            "copy": "into", "extract": "into", "merge": "into"}  # fmt: skip

_OF_FILES = {"reading": "load", "written": "save"}  # what only these operations can come to

Problem = tuple[Where, str]  # the place inside a case or file, and what is wrong there


def problems(suite: Suite) -> Iterator[str]:
    """Everything that is wrong with the fixtures as a whole, each with file, line and key."""
    yield from _ids(suite)
    yield from _coverage(suite)
    yield from _tables(suite)
    names = set(suite.dialects) | {d.family for d in suite.dialects.values()}
    for file in suite.chapters:
        for where, problem in _chapter(file, names):
            yield _at(file.path, where, problem)
    for file, index, case in walk(suite):
        for where, problem in _case(suite, file, case, names):
            line = yamlfile.line_of(file.path, ("cases", index, *where))
            yield f"{file.path}:{line}: {yamlfile.spell((case.id, *where))}: {problem}"


def _at(path: Path, where: Where, problem: str) -> str:
    return f"{path}:{yamlfile.line_of(path, where)}: {yamlfile.spell(where)}: {problem}"


def _twice(path: Path, key: str, ids: Iterable[str]) -> Iterator[str]:
    ids = list(ids)
    counts = Counter(ids)
    for index, name in enumerate(ids):
        if counts[name] > 1:
            yield _at(path, (key, index, "id"), f"the id {name} stands {counts[name]} times")


# --------------------------------------------------------------------------- whole files


def _ids(suite: Suite) -> Iterator[str]:
    cases = Counter(case.id for _, _, case in walk(suite))
    rows = Counter(row.id for file in suite.chapters for row in file.chapter.requirements)
    for file, index, case in walk(suite):
        where = ("cases", index, "id")
        if cases[case.id] > 1:
            yield _at(file.path, where, f"the id {case.id} stands {cases[case.id]} times")
        if not _CASE_ID.match(case.id):
            yield _at(file.path, where, f"{case.id!r} is not of the form a.b-c.d")
    for file in suite.chapters:
        for index, row in enumerate(file.chapter.requirements):
            where = ("requirements", index, "id")
            if rows[row.id] > 1:
                yield _at(file.path, where, f"the id {row.id} stands {rows[row.id]} times")
            if not _REQUIREMENT_ID.match(row.id):
                yield _at(file.path, where, f"{row.id!r} is not of the form MASK-001")


def _coverage(suite: Suite) -> Iterator[str]:
    used = {req for _, _, case in walk(suite) for req in case.requires}
    for file, index, case in walk(suite):
        where = ("cases", index, "requires")
        if not case.requires:
            yield _at(file.path, where, f"{case.id} cites no requirement")
        for req in case.requires:
            if req not in suite.requirements:
                yield _at(file.path, where, f"{case.id}: no requirement {req}")
    for file in suite.chapters:
        for index, row in enumerate(file.chapter.requirements):
            at = ("requirements", index)
            if row.id not in used and not row.untested:
                yield _at(file.path, at, f"{row.id}: no case requires it; say why in `untested`")
            if row.id in used and row.untested:
                yield _at(file.path, (*at, "untested"), f"{row.id}: has cases and a reason why not")
            if not row.cites:
                yield _at(file.path, (*at, "cites"), f"{row.id}: cites no source")


def _tables(suite: Suite) -> Iterator[str]:
    # Read again: the suite maps by id, and a second entry of an id would be gone from it.
    known: set[str] = set()
    for path in (suite.root / "hazards.yaml", suite.root / FOLDER / "hazards.yaml"):
        if not path.exists():
            continue
        hazards = yamlfile.decode(path, HazardFile).hazards
        yield from _twice(path, "hazards", (hazard.id for hazard in hazards))
        for index, hazard in enumerate(hazards):
            if hazard.id in known:
                yield _at(path, ("hazards", index, "id"), f"the id {hazard.id} stands 2 times")
            for position, name in enumerate(hazard.dialects):
                if name not in suite.dialects:
                    yield _at(path, ("hazards", index, "dialects", position), f"no dialect {name}")
        known |= {hazard.id for hazard in hazards}
    path = suite.root / "dialects.yaml"
    # A folder of one's own may leave it out, and then has the shipped ones.
    dialects = yamlfile.decode(path, DialectFile).dialects if path.exists() else []
    yield from _twice(path, "dialects", (dialect.id for dialect in dialects))
    ops = {step.__struct_config__.tag for step in StepBase.__subclasses__()}
    for index, dialect in enumerate(dialects):
        for op in dialect.absent:
            if op not in ops:
                yield _at(path, ("dialects", index, "absent", op), f"no operation {op}")
    path = suite.root / "tensors.yaml"
    yield from (_at(path, where, problem) for where, problem in _tensors(suite.tensors))


def _chapter(file: ChapterFile, names: Iterable[str]) -> Iterator[Problem]:
    for key in file.chapter.evidence:
        if key not in names:
            yield ("evidence", key), f"{key} is neither a dialect nor a family"
    yield from _tensors(file.chapter.tensors)


def _tensors(named: dict[str, TensorLiteral]) -> Iterator[Problem]:
    for name, literal in named.items():
        try:
            literals.decode(literal)
        except ValueError as error:
            yield ("tensors", name), str(error)


# --------------------------------------------------------------------------- one case


def _case(suite: Suite, file: ChapterFile, case: Case, names: Iterable[str]) -> Iterator[Problem]:
    for field in ("not_applicable", "evidence"):
        for key in getattr(case, field):
            if key not in names:
                yield (field, key), f"{key} is neither a dialect nor a family"
    applying = [d for d in suite.dialects.values() if applicability(case, d) is None]
    if not applying:
        yield (), "applies to no dialect"
    for dialect in applying:
        if dialect.evidence == "run" and suite.evidence(case, dialect) != "run":
            yield ("evidence",), f"{dialect.id} can be run, so its expectations must be"
    if not any(step.expect or step.unless for step in case.steps):
        yield ("steps",), "no step expects anything"
    tensors = Tensors(case.tensors, file.chapter.tensors, suite.tensors, files=suite.files)
    yield from _tensors(case.tensors)
    yield from _given(case, tensors)
    yield from _handles(case)
    for index, step in enumerate(case.steps):
        where = ("steps", index)
        if "large" in case.tags and hasattr(step, "meta_state"):
            step = replace(step, meta_state=[])  # costly to spell out
        yield from _literal_problem(where, arguments, step, tensors)
        for place, option in _expectations(step):
            yield from _expectation(suite, step, option, (*where, *place), tensors)
        for place, problem in _choice(step, applying, names):
            yield (*where, *place), problem
        yield from ((where, problem) for problem in _hazards(suite, step, applying))


def _literal_problem(
    where: Where, spell_out: Callable[..., object], *arguments: object
) -> Iterator[Problem]:
    try:
        spell_out(*arguments)
    except ValueError as error:
        yield where, str(error)


def _built(handle: str, spec: CacheSpec, tensors: Tensors) -> list[Call]:
    return list(build(handle, spec, tensors))


def _given(case: Case, tensors: Tensors) -> Iterator[Problem]:
    for handle, spec in case.given.items():
        where = ("given", handle)
        forms = (spec.slots is not UNSET) + (spec.size is not UNSET)
        if forms > 1 or (forms == 0 and not spec.mamba):
            yield where, "exactly one of slots and size (mamba: true needs neither)"
        elif spec.mamba and spec.size is not UNSET:
            yield where, "`mamba: true` has two slots; leave out size"
        yield from _literal_problem(where, _built, handle, spec, tensors)


def _handles(case: Case) -> Iterator[Problem]:
    known, seen, held = set(case.given), set[str](), set[str]()
    steps: list[Any] = list(case.steps)  # which fields a step has goes by its operation
    for index, step in enumerate(steps):
        op = str(step.__struct_config__.tag)
        creates = _CREATES.get(op)
        used = set() if creates == "cache" or op in NO_RECEIVER else {step.cache}
        used |= {step.other} if op == "extend" else set()
        used |= set(step.caches) if op == "merge" else set()
        for handle in sorted(used - known):
            yield ("steps", index), f"no cache is called {handle!r} yet"
        for place, option in _expectations(step):
            where = ("steps", index, *place)
            if isinstance(option.same_as, str) and option.same_as not in seen:
                yield where, f"same_as: there is no snapshot of {option.same_as!r} before"
            if option.leaves is not UNSET and (op in NO_RECEIVER or step.cache not in known):
                yield where, "`leaves` needs a cache that is there before the step"
        if op == "held" and step.name not in held:
            yield ("steps", index), f"nothing is held as {step.name!r} yet"
        if creates:
            known.add(getattr(step, creates))
        if op == "snapshot":
            seen.add(step.cache)
        if op == "hold":
            held.add(step.name)


def _expectations(step: StepBase) -> Iterator[tuple[Where, Expect]]:
    """Every outcome that a step names, with its place in the step."""
    spelled: list[tuple[Where, Expect]] = [
        (("unless", key), option) for key, option in step.unless.items()
    ]
    if step.expect is not None:
        spelled.insert(0, (("expect",), step.expect))
    for where, expect in spelled:
        own, *better = outcomes(expect)
        yield where, own
        yield from (((*where, "accept", i), option) for i, option in enumerate(better))


def _expectation(
    suite: Suite, step: StepBase, option: Expect, where: Where, tensors: Tensors
) -> Iterator[Problem]:
    given = [name for name in OUTCOMES if getattr(option, name) is not UNSET]
    if len(given) != 1:
        got = ", ".join(given) or "none"
        yield where, f"an expectation has exactly one of {', '.join(OUTCOMES)}; got {got}"
    elif given != ["error"]:
        op = step.__struct_config__.tag
        if _OF_FILES.get(given[0], op) != op:
            yield where, f"`{given[0]}` goes with `{_OF_FILES[given[0]]}`"
        for name in ("payload", "message", "leaves"):
            if getattr(option, name) is not UNSET:
                yield where, f"`{name}` goes with `error`"
    if "accept" in where:
        if option.accept or option.hazard is not UNSET:
            yield where, "`hazard` and `accept` stand beside the dialect's own outcome"
    elif option.accept and option.hazard is UNSET:
        yield where, "`accept` goes with the `hazard` that the dialect's own outcome is"
    if isinstance(option.hazard, str) and option.hazard not in suite.hazards:
        yield where, f"no hazard {option.hazard}"
    if option.error == "Trap":
        yield where, "a trap is written `trap: reason`"
    if option.same_as is not UNSET and step.__struct_config__.tag != "snapshot":
        yield where, "`same_as` compares snapshots"
    yield from _literal_problem(where, _decode_literals, option, tensors)


def _choice(step: StepBase, applying: list[Dialect], names: Iterable[str]) -> Iterator[Problem]:
    """What of `expect` and `unless` no dialect ever gets, or gets for nothing."""
    applying_names = {d.id for d in applying} | {d.family for d in applying}
    chosen = {d.id if d.id in step.unless else d.family for d in applying}
    for key, option in step.unless.items():
        where = ("unless", key)
        families = {d.family for d in applying if d.id == key and d.family != key}
        above = [f"unless.{family}" for family in families if family in step.unless]
        instead = step.unless[above[0].removeprefix("unless.")] if above else step.expect
        if key not in names:
            yield where, f"{key} is neither a dialect nor a family"
        elif key not in applying_names:
            yield where, f"unless.{key} is dead: the case does not apply there"
        elif key not in chosen:
            yield where, f"unless.{key} is dead: each dialect of the family has its own"
        elif option == instead:
            yield where, f"unless.{key} says the same as {above[0] if above else 'expect'}"
    if step.expect is not None and applying and chosen <= set(step.unless):
        yield ("expect",), "expect is dead: `unless` replaces it in every dialect"


def _hazards(suite: Suite, step: StepBase, applying: list[Dialect]) -> Iterator[str]:
    for dialect in applying:
        option = expectation(step, dialect)
        hazard = option.hazard if option else UNSET
        known = suite.hazards.get(hazard) if isinstance(hazard, str) else None
        if known and dialect.id not in known.dialects:
            yield f"hazard {known.id} does not list {dialect.id}"


def _decode_literals(option: Expect, tensors: Tensors) -> None:
    if option.value is not UNSET and option.value != option.value:
        raise ValueError("`value: .nan` equals nothing; a tensor can spell a NaN")
    if not isinstance(option.tensor, UnsetType):
        tensors(option.tensor)
    if not isinstance(option.tensors, UnsetType):
        tensors.tree(option.tensors)
    if isinstance(option.written, str):
        tensors.files.file(option.written)
    if isinstance(option.cache, CacheState):
        slots = option.cache.slots
        if isinstance(slots, UnsetType):
            raise ValueError("`cache` needs `slots`")
        if isinstance(slots, SparseSlots):
            for index, ref in slots.present.items():
                if not (index.isascii() and index.isdecimal() and int(index) < slots.count):
                    raise ValueError(f"slots.present: {index!r} is no index below {slots.count}")
                tensors(ref)
        else:
            tensors.tree(slots)
        tensors.ints(option.cache.left_padding)
        tensors.ints(option.cache.lengths)
