"""What a mutant is, and the wrong class that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.mutants.alter import altered
from conformance.suggestions import did_you_mean
from reference_impl import cache_classes, dialect_class, from_state, prompt_functions

# Rule -> how it stands in the class of a dialect, given what stands there.
RULES: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "construct": ("__init__", lambda rule, _: rule),
    "get": ("__getitem__", lambda rule, _: rule),
    "set": ("__setitem__", lambda rule, _: rule),
    "batch_size": ("batch_size", lambda rule, _: property(rule)),
    "read_state": ("state", lambda rule, before: before.getter(rule)),
    "write_state": ("state", lambda rule, before: before.setter(rule)),
    "read_meta": ("meta_state", lambda rule, before: before.getter(rule)),
    "write_meta": ("meta_state", lambda rule, before: before.setter(rule)),
    "from_state": ("from_state", lambda rule, _: classmethod(rule)),
    **{
        name: (name, lambda rule, _: rule)
        for name in ("empty", "prepare", "advance", "make_mask", "filter", "extend", "copy", "size")
    },
}  # fmt: skip


PROMPT = "Prompt"


@dataclass(frozen=True)
class Mutant:
    """A wrong backend.

    `violates` are requirements, each of which has a case that tells this mutant from the reference.
    `wrong` says what it does. `seen` names what did or does so, or nearly, with a `link`;
    without it the mistake is one that a port could make. `rules` replaces rules of the reference
    (`RULES` says which operation each decides), `members` attributes of its class, `restore` how a
    label, a state and metadata become a cache (given the class of the mutant and what the dialect's
    own function would be). `files`
    makes the wrong `save` and `load` of right ones; without it a mutant has neither.
    `kind` is that of the wrong class and `label` its name, where it is not a slot cache; it has
    `members` and nothing else of these. The class of functions over whole prompts is `PROMPT`.
    `one_kill` marks one of many of its kind, for which the first case that kills it is enough.
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
    one_kill: bool = False
    kind: str = "slots"
    label: str = "ArraysCache"

    @property
    def of_slots(self) -> bool:
        """Whether its class is a slot cache, which alone has `rules`, `restore` and `files`."""
        return self.kind == "slots"


def named(name: str, known: Mapping[str, Mutant], hint: str) -> Mutant:
    """A mutant by its name; ValueError with the names that are like it, or the hint."""
    if name in known:
        return known[name]
    raise ValueError(f"no mutant is called {name!r}{did_you_mean(name, known) or f'; {hint}'}")


def classes(mutant: Mutant) -> dict[str, type[Any]]:
    """The classes of keys and values in the mutant's dialect, by label; one of them is wrong, or
    none where the functions over whole prompts are.

    Each is one of its own, so that what they make of each other (a batch, a quantized cache) is of
    the same classes.
    """
    found: dict[str, type[Any]] = {}
    for label, reference in cache_classes(mutant.dialect).items():
        found[label] = type(label, (reference,), {"classes": found})
    if mutant.label != PROMPT:
        found[mutant.label] = type(mutant.label, (found[mutant.label],), dict(mutant.members))
    return found


def prompt(mutant: Mutant) -> Any:
    """The functions over whole prompts in the mutant's dialect, which are wrong if it says so."""
    right = prompt_functions(mutant.dialect)
    if mutant.label != PROMPT:
        return right
    return type(PROMPT, (type(right),), dict(mutant.members))(right.classes)


def build(mutant: Mutant) -> tuple[type[Any], Callable[[str, Any, Any], Any]]:
    """The wrong slot cache, and its way from (class label, state, meta_state) to a cache."""
    reference = dialect_class(mutant.dialect)
    members = dict(mutant.members)
    for rule, wrong_rule in mutant.rules.items():
        name, fitted = RULES[rule]
        members[name] = fitted(wrong_rule, members.get(name) or getattr(reference, name))
    cls = type("ArraysCache", (reference,), members)
    own = altered(from_state, dialect_class=lambda _: cls)
    wrong = mutant.restore
    if wrong is None:
        return cls, own
    return cls, lambda label, state, meta: wrong(cls, own, label, state, meta)
