"""The fixture vocabulary as frozen structs; the JSON Schema of a fixture file comes from them.

Every struct refuses unknown keys. What a field means to the writer of a case is said here once.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from conformance.engine.dialect import Evidence
from conformance.engine.expect import Expect
from conformance.engine.literals import Slot, Strict, TensorLiteral, TensorRef, Text, Tree

Level = Literal["MUST", "SHOULD", "MAY"]


class CacheSpec(Strict, frozen=True):
    """A cache that a case starts from: built with `new`, then `set` and `prepare`.

    Exactly one of `slots` (one entry a slot, null for unset), `size` (all unset) and `mamba`
    (made by the 2-slot constructor; `slots` may fill it).
    """

    slots: list[Slot] | UnsetType = UNSET
    size: int | UnsetType = UNSET
    mamba: bool = False
    left_padding: list[int] | None = None
    lengths: list[int] | None = None


# --------------------------------------------------------------------------- steps


class StepBase(Strict, frozen=True, tag_field="op"):
    """One operation. `cache` is the handle it acts on; without `expect` it must merely succeed.

    `unless` replaces `expect` in a dialect and those that extend it, or in a family; the nearest
    one holds, and null takes it back.
    """

    cache: str = "c"
    expect: Expect | None = None
    unless: dict[str, Expect | None] = {}


class New(StepBase, frozen=True, tag="new"):
    size: int = 0
    left_padding: list[int] | None = None


class NewMamba(StepBase, frozen=True, tag="new_mamba"):
    left_padding: list[int] | None = None


class Get(StepBase, frozen=True, tag="get", kw_only=True):
    slot: int


class Set(StepBase, frozen=True, tag="set", kw_only=True):
    slot: int
    value: Slot


class BatchSize(StepBase, frozen=True, tag="batch_size"):
    pass


class State(StepBase, frozen=True, tag="state"):
    pass


class SetState(StepBase, frozen=True, tag="set_state", kw_only=True):
    state: list[Tree]


class MetaState(StepBase, frozen=True, tag="meta_state"):
    pass


class SetMetaState(StepBase, frozen=True, tag="set_meta_state", kw_only=True):
    meta_state: list[Text]


class FromState(StepBase, frozen=True, tag="from_state", kw_only=True):
    class_name: str
    state: list[Tree]
    meta_state: list[Text] = []


class FromSerialized(StepBase, frozen=True, tag="from_serialized", kw_only=True):
    state: list[Tree]
    meta_state: list[Text]


class RoundTrip(StepBase, frozen=True, tag="round_trip", kw_only=True):
    into: str


class Prepare(StepBase, frozen=True, tag="prepare", kw_only=True):
    lengths: list[int] | None


class Finalize(StepBase, frozen=True, tag="finalize"):
    pass


class Advance(StepBase, frozen=True, tag="advance", kw_only=True):
    n: int


class MakeMask(StepBase, frozen=True, tag="make_mask", kw_only=True):
    n: int


class NBytes(StepBase, frozen=True, tag="nbytes"):
    pass


class Empty(StepBase, frozen=True, tag="empty"):
    pass


class Size(StepBase, frozen=True, tag="size"):
    pass


class MaxSize(StepBase, frozen=True, tag="max_size"):
    pass


class IsTrimmable(StepBase, frozen=True, tag="is_trimmable"):
    pass


class Trim(StepBase, frozen=True, tag="trim", kw_only=True):
    n: int


class Update(StepBase, frozen=True, tag="update", kw_only=True):
    keys: TensorRef
    values: TensorRef


class Copy(StepBase, frozen=True, tag="copy", kw_only=True):
    into: str


class Materialize(StepBase, frozen=True, tag="materialize"):
    pass


class ClassName(StepBase, frozen=True, tag="class_name"):
    pass


class Filter(StepBase, frozen=True, tag="filter", kw_only=True):
    batch_indices: list[int]


class Extend(StepBase, frozen=True, tag="extend", kw_only=True):
    other: str


class Extract(StepBase, frozen=True, tag="extract", kw_only=True):
    index: int
    into: str


class Merge(StepBase, frozen=True, tag="merge", kw_only=True):
    caches: list[str]
    into: str


class Snapshot(StepBase, frozen=True, tag="snapshot"):
    pass


class WriteInPlace(StepBase, frozen=True, tag="write_in_place", kw_only=True):
    slot: int
    value: TensorRef


class Hold(StepBase, frozen=True, tag="hold", kw_only=True):
    what: Literal["state", "slot", "left_padding", "lengths"]
    name: str
    slot: int = 0


class Held(StepBase, frozen=True, tag="held", kw_only=True):
    name: str


class Load(StepBase, frozen=True, tag="load", kw_only=True):
    """Read a copy of a prompt-cache file: a golden one, `WRITER/CASE`, or `hostile/ID`."""

    file: str


class Save(StepBase, frozen=True, tag="save", kw_only=True):
    """Write a prompt-cache file with this content of `prompt_cache/cases.yaml`."""

    content: str


Step = (
    New | NewMamba | Get | Set | BatchSize | State | SetState | MetaState | SetMetaState
    | FromState | FromSerialized | RoundTrip | Prepare | Finalize | Advance | MakeMask | NBytes
    | Empty | Size | MaxSize | IsTrimmable | Trim | Update | Copy | Materialize | ClassName
    | Filter | Extend | Extract | Merge | Snapshot | WriteInPlace | Hold | Held | Load | Save
)  # fmt: skip


# --------------------------------------------------------------------------- cases and chapters


class Budget(Strict, frozen=True):
    """What one case may take: wall-clock seconds, and megabytes of memory beyond the start."""

    seconds: float = 10.0
    memory_mb: float | None = None


class Case(Strict, frozen=True, kw_only=True):
    """One fixture: given these caches, these steps, with an expectation in every dialect.

    `why` says what a user would hit. `not_applicable` maps a dialect or family to the reason; those
    that extend it have it too, unless null takes it back. `evidence` overrides the chapter's in the
    same way. `cites` adds sources.
    """

    id: str
    requires: list[str]
    why: str
    steps: list[Step]
    given: dict[str, CacheSpec] = {}
    tensors: dict[str, TensorLiteral] = {}
    tags: list[str] = []
    budget: Budget = Budget()
    not_applicable: dict[str, str | None] = {}
    evidence: dict[str, Evidence] = {}
    cites: list[str] = []


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
