"""Mutants: deliberately wrong backends, by which the suite proves that it notices mistakes.

Each is the reference in one dialect with one rule taken wrongly, in a way in which a real port took
it or could have. `mutant:NAME` is a backend string like any other.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

# Module -> what it is about. Made of mlx, so that they are imported only by who runs or lists them.
CHAPTERS = {
    "slots": "Construction, slots, batch size, identity",
    "copies": "Copies and state",
    "rows": "Masks, lengths, left padding",
    "metadata": "Writing metadata",
    "parsing": "Reading numbers and lists",
    "restoring": "Restoring",
    "batch": "Batch operations",
    "files": "Prompt-cache files",
}


@dataclass(frozen=True)
class Mutant:
    """A wrong backend.

    `violates` are requirements, each of which has a case that tells this mutant from the reference.
    `wrong` says what it does. `seen` names what did or does so, or nearly, with a `link`;
    without it the mistake is one that a port could make. `rules` replaces fields of the reference's
    `Dialect`, `members` attributes of its class, `restore` how a label, a state and metadata become
    a cache (given the class of the mutant and what the dialect's own function would be). `files`
    makes the wrong `save` and `load` of right ones; without it a mutant has neither.
    `sequence` marks those that no single operation on a fresh cache shows: what is wrong is stale
    or shared, and comes out in a later operation or in another cache.
    """

    name: str
    dialect: str
    violates: tuple[str, ...]
    wrong: str
    seen: str = ""
    link: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)
    restore: Callable[..., Any] | None = None
    files: Callable[..., Any] | None = None
    sequence: bool = False


@cache
def chapters() -> dict[str, tuple[Mutant, ...]]:
    """Module -> its mutants. ValueError when a name stands twice."""
    found = {name: importlib.import_module(f"{__name__}.{name}").MUTANTS for name in CHAPTERS}
    names = [mutant.name for part in found.values() for mutant in part]
    if len(set(names)) < len(names):
        raise ValueError(f"two mutants are called {max(names, key=names.count)}")
    return found


def mutants() -> dict[str, Mutant]:
    """Name -> mutant, chapter by chapter."""
    return {mutant.name: mutant for part in chapters().values() for mutant in part}


def named(name: str) -> Mutant:
    """A mutant by its name; ValueError suggests those that are called alike."""
    import difflib

    known = mutants()
    if name in known:
        return known[name]
    near = ", ".join(difflib.get_close_matches(name, known, n=3))
    hint = f"did you mean {near}?" if near else "see mlx-cache-conformance list mutants"
    raise ValueError(f"no mutant is called {name!r}; {hint}")


def matching(patterns: Sequence[str]) -> list[Mutant]:
    """The mutants that any of the patterns matches, all if there is none; ValueError for a miss."""
    from fnmatch import fnmatchcase

    if not patterns:
        return list(mutants().values())
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in mutants()):
            named(pattern)  # refuses it
    return [m for m in mutants().values() if any(fnmatchcase(m.name, p) for p in patterns)]


def build(mutant: Mutant) -> tuple[type[Any], Callable[[str, Any, Any], Any]]:
    """The wrong class, and its way from (class label, state, meta_state) to a cache."""
    from dataclasses import replace

    from conformance.mutants.alter import altered
    from reference_impl import dialect_class, from_state

    reference = dialect_class(mutant.dialect)
    dialect = replace(reference.dialect, **mutant.rules)
    cls = type("ArraysCache", (reference,), {"dialect": dialect, **mutant.members})
    own = altered(from_state, dialect_class=lambda _: cls)
    wrong = mutant.restore
    if wrong is None:
        return cls, own
    return cls, lambda label, state, meta: wrong(cls, own, label, state, meta)
