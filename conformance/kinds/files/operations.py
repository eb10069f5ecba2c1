"""Saving and loading whole prompt-cache files."""

from __future__ import annotations

from typing import Any

import msgspec

from conformance.engine.kind import Step
from conformance.engine.literals import Tensors
from conformance.engine.operation import Gives, Operation

MAX_DEPTH = 160  # of lists of caches in a loaded file


class Load(Step, frozen=True, kw_only=True):
    """Read a copy of a prompt-cache file: a golden one, `WRITER/CASE`, or `hostile/ID`."""

    file: str


class Save(Step, frozen=True, kw_only=True):
    """Write a prompt-cache file with this content of `prompt_cache/cases.yaml`."""

    content: str


class Resave(Step, frozen=True, kw_only=True):
    """Read a copy of a golden file, `WRITER/CASE`, and save what was read over it."""

    file: str


class LoadRequest(msgspec.Struct, frozen=True):
    path: str


class SaveRequest(msgspec.Struct, frozen=True):
    path: str
    caches: list[Any]
    user_metadata: dict[str, Any]


def _load(step: Load, tensors: Tensors) -> dict[str, Any]:
    return {"path": tensors.files.file(step.file)}


def _resave(step: Resave, tensors: Tensors) -> dict[str, Any]:
    return {"path": tensors.files.overwritten(step.file)}


def _save(step: Save, tensors: Tensors) -> dict[str, Any]:
    return {"path": tensors.files.target(step.content), **tensors.files.content(step.content)}


# What a cache of a loaded file says, by its kind; the first of the keys shows which kind it is.
_CACHE_KEYS = (("slots", "left_padding", "lengths"), ("keys", "values", "numbers"), ("caches",))


def _problem(result: Any) -> str | None:
    """Every cache says all that its kind has: what is left out would pass for unset."""
    if not isinstance(result, dict) or not {"caches", "user_metadata"} <= result.keys():
        return 'the result is not of the form {"caches", "user_metadata"}'
    return _problem_of_caches(result["caches"])


def _problem_of_caches(caches: Any, depth: int = 0) -> str | None:
    if not isinstance(caches, list) or depth > MAX_DEPTH:
        return "caches is not a list"
    return next(filter(None, (_problem_of_cache(cache, depth) for cache in caches)), None)


def _problem_of_cache(cache: Any, depth: int) -> str | None:
    if not isinstance(cache, dict) or not isinstance(cache.get("class_name"), str):
        return "a cache is not an object with a class_name"
    name = cache["class_name"]
    kind = next((kind for kind in _CACHE_KEYS if kind[0] in cache), _CACHE_KEYS[0])
    missing = [key for key in kind if key not in cache]
    if missing:
        return f"a {name} has no {', '.join(missing)}"
    if "caches" in cache:
        why = _problem_of_caches(cache["caches"], depth + 1)
        if why is not None:
            return why
    if "slots" in cache:
        return _problem_of_slots(name, cache)
    for key, form in (("keys", list), ("values", list), ("numbers", dict)):
        if key in cache and not isinstance(cache[key], form):
            return f"{key} of a {name} is not a {form.__name__}"
    return None


def _problem_of_slots(name: str, cache: dict[str, Any]) -> str | None:
    """Slots are listed one by one, or only those that are set, with the count beside them."""
    count = cache.get("slot_count")
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        return f"slot_count of a {name} is not a count"
    if not isinstance(cache["slots"], dict):
        return f"slots of a {name} are not listed by index beside a slot_count"
    return None


SAVING = Operation(
    "save", Save, "null; writes a prompt-cache file",
    reads=(), gives=Gives.SAVED, request=SaveRequest, spell=_save,
)  # fmt: skip
LOADING = Operation(
    "load", Load, '{"caches": list, "user_metadata": object}',
    reads=(), looks=True, gives=Gives.LOADED, request=LoadRequest, spell=_load, problem=_problem,
)  # fmt: skip
RESAVING = Operation(
    "resave", Resave, "null; saves what is loaded to the file that it is loaded from",
    reads=(), gives=Gives.SAVED, request=LoadRequest, spell=_resave,
)  # fmt: skip
OPERATIONS = (SAVING, LOADING, RESAVING)
