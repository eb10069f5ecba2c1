"""The adapters of backends in this process: the reference, a mutant, any class like mlx-lm's.

Importing this imports mlx.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from functools import partial
from types import ModuleType
from typing import Any

import mlx.core as mx

from conformance import __version__
from conformance.mutants.mutant import Mutant, build, classes, prompt
from conformance.transport import cachefiles, tokencaches
from conformance.transport.adapter import Adapter, decode, encode, module_loader
from conformance.transport.backend import BackendUnusable
from conformance.transport.causes import Unusable
from conformance.transport.later_files import LaterFiles
from conformance.transport.measuring import Measuring
from reference_impl import DIALECTS, cache_classes, dialect_class, from_state, prompt_functions

# Without these there is no slot cache to speak of; everything else is a declared gap.
ESSENTIAL = ("__getitem__", "__setitem__", "state")
PROMPT_FUNCTIONS = (
    "can_trim_prompt_cache", "trim_prompt_cache", "make_prompt_cache", "create_attention_mask"
)  # fmt: skip
SLOTS = "ArraysCache"  # the class that a module has it under


def compute_on(device: str) -> None:
    """Make a device the one of this process; nothing where none is named, `BackendUnusable` where
    MLX has none of it.
    """
    if not device:
        return
    try:
        mx.set_default_device(mx.Device(getattr(mx, device)))
    except ValueError as error:
        raise BackendUnusable(
            Unusable.OTHER_DEVICE, f"--device {device}: MLX has none here ({error})"
        ) from None


def reference(dialect: str) -> Adapter:
    """The adapter around the reference implementation in a dialect."""
    if dialect not in DIALECTS:
        raise BackendUnusable(
            Unusable.NO_BACKEND, f"the reference speaks {', '.join(DIALECTS)}; not {dialect}"
        )
    implementation = {"name": "reference", "version": __version__, "language": "python"}
    restore = partial(from_state, dialect=dialect)
    files = LaterFiles(dialect)
    adapter = Measuring(dialect_class(dialect), implementation, dialect, restore, files)
    adapter.add(tokencaches, _family(cache_classes(dialect), prompt_functions(dialect)))
    return adapter


def _family(found: Mapping[str, Any], prompt: Any) -> dict[str, Any]:
    """Classes of caches and functions over whole prompts, by name."""
    functions = {name: getattr(prompt, name) for name in PROMPT_FUNCTIONS if hasattr(prompt, name)}
    return {**found, **functions}


def mutant(wrong: Mutant) -> Adapter:
    """The adapter around a mutant, in the mutant's dialect.

    One of slots serves nothing else, one of another kind all the kinds beside it.
    """
    implementation = {"name": f"mutant:{wrong.name}", "version": __version__, "language": "python"}
    if not wrong.of_slots:
        adapter = Adapter(dialect_class(wrong.dialect), implementation, wrong.dialect)
        adapter.add(tokencaches, _family(classes(wrong), prompt(wrong)))
        return adapter
    cls, restore = build(wrong)
    files = wrong.files(LaterFiles(wrong.dialect)) if wrong.files else None
    return Adapter(cls, implementation, wrong.dialect, restore, files)


def python_class(target: str) -> Adapter:
    """The adapter around `module:Class`, or around all classes of `module` that are called like
    mlx-lm's; BackendUnusable when there is none.
    """
    module_name, separator, class_name = target.partition(":")
    if not module_name or (separator and not class_name):
        raise BackendUnusable(
            Unusable.NO_BACKEND,
            f"py:{target}: write py:package.module:ClassName, or py:package.module",
        )
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # as `python -m` does: a port is judged where it lies
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise BackendUnusable(
            Unusable.NOT_IMPORTED,
            f"py:{target}: importing {module_name} failed with {type(error).__name__}: {error}",
        ) from error
    cls = _named(target, module, class_name) if separator else _any(target, module)
    package = module_name.partition(".")[0]
    version = str(getattr(importlib.import_module(package), "__version__", ""))
    implementation = {"name": target, "version": version, "language": "python"}
    files = cachefiles.of_module(module, encode, decode)
    adapter = Measuring(cls, implementation, restore=module_loader(module), files=files)
    adapter.add(tokencaches, vars(module))
    return adapter


def _named(target: str, module: ModuleType, name: str) -> type[Any]:
    cls = getattr(module, name, None)
    if not isinstance(cls, type):
        raise BackendUnusable(
            Unusable.NO_CACHE_CLASS, f"py:{target}: {module.__name__} has no class {name}"
        )
    missing = [name for name in ESSENTIAL if not hasattr(cls, name)]
    if missing:
        raise BackendUnusable(
            Unusable.NO_CACHE_CLASS,
            f"py:{target}: {name} has no {', '.join(missing)}; a slot cache is shaped like "
            "mlx-lm's ArraysCache (see the README, section on plugging in your own code)",
        )
    return cls


def _any(target: str, module: ModuleType) -> type[Any] | None:
    """The slot cache of a module, which may have other kinds alone."""
    known = (SLOTS, *tokencaches.KINDS.values())
    if not any(isinstance(getattr(module, name, None), type) for name in known):
        raise BackendUnusable(
            Unusable.NO_CACHE_CLASS,
            f"py:{target}: {module.__name__} has none of the classes {', '.join(known)}",
        )
    return _named(target, module, SLOTS) if hasattr(module, SLOTS) else None
