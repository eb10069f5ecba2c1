"""The adapters of backends in this process: the reference, a mutant, any class like mlx-lm's.

Importing this imports mlx.
"""

from __future__ import annotations

import importlib
import os
import sys
from functools import partial
from typing import Any

from conformance import __version__
from conformance.mutants.mutant import Mutant, build
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
    adapter.add(tokencaches, _family(dialect))
    return adapter


def _family(dialect: str) -> dict[str, Any]:
    """The reference's classes of a dialect and its functions over whole prompts, by name."""
    prompt = prompt_functions(dialect)
    functions = {name: getattr(prompt, name) for name in PROMPT_FUNCTIONS if hasattr(prompt, name)}
    return {**cache_classes(dialect), **functions}


def mutant(wrong: Mutant) -> Adapter:
    """The adapter around a mutant, in the mutant's dialect."""
    cls, restore = build(wrong)
    implementation = {"name": f"mutant:{wrong.name}", "version": __version__, "language": "python"}
    files = wrong.files(LaterFiles(wrong.dialect)) if wrong.files else None
    return Adapter(cls, implementation, wrong.dialect, restore, files)


def python_class(target: str) -> Adapter:
    """The adapter around `module:Class`; BackendUnusable when there is no such class."""
    module_name, separator, class_name = target.partition(":")
    if not separator or not module_name or not class_name:
        raise BackendUnusable(
            Unusable.NO_BACKEND, f"py:{target}: write py:package.module:ClassName"
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
    cls = getattr(module, class_name, None)
    if not isinstance(cls, type):
        raise BackendUnusable(
            Unusable.NO_CACHE_CLASS, f"py:{target}: {module_name} has no class {class_name}"
        )
    missing = [name for name in ESSENTIAL if not hasattr(cls, name)]
    if missing:
        raise BackendUnusable(
            Unusable.NO_CACHE_CLASS,
            f"py:{target}: {class_name} has no {', '.join(missing)}; a slot cache is shaped like "
            "mlx-lm's ArraysCache (see the README, section on plugging in your own code)",
        )
    package = module_name.partition(".")[0]
    version = str(getattr(importlib.import_module(package), "__version__", ""))
    implementation = {"name": target, "version": version, "language": "python"}
    files = cachefiles.of_module(module, encode, decode)
    adapter = Measuring(cls, implementation, restore=module_loader(module), files=files)
    adapter.add(tokencaches, vars(module))
    return adapter
