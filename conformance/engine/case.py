"""The fixture vocabulary as frozen structs; the JSON Schema of a fixture file comes from them.

Every struct refuses unknown keys. What a field means to the writer of a case is said here once.
"""

from __future__ import annotations

from typing import Literal

from conformance.engine.dialect import Evidence
from conformance.engine.kind import Given, Step
from conformance.engine.literals import Strict, TensorLiteral

Level = Literal["MUST", "SHOULD", "MAY"]
LARGE = "large"  # the tag of cases that take long


class Budget(Strict, frozen=True):
    """What one case may take: wall-clock seconds, and megabytes of memory beyond the start."""

    seconds: float = 10.0
    memory_mb: float | None = None


class Case(Strict, frozen=True, kw_only=True):
    """One fixture: given these caches, these steps, with an expectation in every dialect.

    `why` says what a user would hit. `not_applicable` maps a dialect or family to the reason; those
    that extend it have it too, unless null takes it back. `evidence` overrides the chapter's in the
    same way. `cites` adds sources. `captured` lists the dialects whose outcome here was written by
    `dialect capture`, until a person has looked at it.
    """

    id: str
    requires: list[str]
    why: str
    steps: list[Step]  # which there are follows from the kinds: see engine/kinds.py
    given: dict[str, Given] = {}
    tensors: dict[str, TensorLiteral] = {}
    tags: list[str] = []
    budget: Budget = Budget()
    not_applicable: dict[str, str | None] = {}
    evidence: dict[str, Evidence] = {}
    cites: list[str] = []
    captured: list[str] = []


class Requirement(Strict, frozen=True, kw_only=True):
    """One normative sentence. `untested` is the reason why no case cites it, if none does."""

    id: str
    level: Level
    text: str
    cites: list[str]
    untested: str | None = None


class Chapter(Strict, frozen=True, kw_only=True):
    """One fixture file: the requirements of a chapter and the cases that test them."""

    title: str
    about: str
    requirements: list[Requirement]
    cases: list[Case]
    evidence: dict[str, Evidence] = {}
    tensors: dict[str, TensorLiteral] = {}


class TensorFile(Strict, frozen=True):
    tensors: dict[str, TensorLiteral]
