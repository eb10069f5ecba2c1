"""All mutants: the wrong backends that the cases must tell from the reference.

A dozen of them ship as demonstrations (conformance/mutants); the others are here, a module a
chapter. `python -m tools.mutants` has them face the cases.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache

from conformance.mutants import mutant as product
from conformance.mutants.mutant import Mutant

# Module -> what it is about.
CHAPTERS = {
    "slots": "Construction, slots, batch size, identity",
    "copies": "Copies and state",
    "rows": "Masks, lengths, left padding",
    "metadata": "Writing metadata",
    "parsing": "Reading numbers and lists",
    "restoring": "Restoring",
    "batch": "Batch operations",
    "large": "Large sizes",
    "large_tokens": "Large sizes of keys and values",
    "large_lists": "Large sizes of lists and quantized caches",
    "many": "Large sizes: many slots, axes, texts and calls in one operation",
    "quantized": "QuantizedKVCache: packing, room, counting, masks, what does not fit",
    "quantized_state": "QuantizedKVCache: state, copies, conversion, what it says of itself",
    "files": "Prompt-cache files",
    "kv": "KVCache",
    "plain": "KVCache: what it could do wrongly",
    "concatenating": "ConcatenateKVCache",
    "rotating": "RotatingKVCache: chunks, single tokens, what is kept, room",
    "rotating_counting": "RotatingKVCache: counting, taking back, what does not fit",
    "rotating_masks": "RotatingKVCache: masks",
    "rotating_state": "RotatingKVCache: state, copies, what is handed out",
    "chunked": "ChunkedKVCache: appending, dropping the front, taking back",
    "chunked_state": "ChunkedKVCache: masks, state, copies",
    "chunked_more": "ChunkedKVCache: first tokens, counting, what is handed out",
    "lists": "CacheList: children, what it says of them, taking back, batches",
    "lists_state": "CacheList: state, copies, what it says of itself",
    "prompts": "Whole prompts: trimming, making",
    "prompt_masks": "Whole prompts: masks",
    "batch_kv": "BatchKVCache",
    "batch_kv_more": "BatchKVCache: tokens, padding, rows, what it shows",
    "batch_rotating": "BatchRotatingKVCache",
    "batch_rotating_more": "BatchRotatingKVCache: tokens, masks, padding, what does not fit",
    "batch_rotating_form": "BatchRotatingKVCache: rows, state, copies, what is read",
    "file_tensors": "Prompt-cache files: tensors",
    "file_counts": "Prompt-cache files: slots, layers, children, rows",
    "file_key_values": "Prompt-cache files: keys and values",
    "file_texts": "Prompt-cache files: metadata of the user",
}


@cache
def chapters() -> dict[str, tuple[Mutant, ...]]:
    """Module -> its mutants. ValueError when a name is there twice."""
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
    return product.named(name, mutants(), "see python -m tools.mutants list")


def matching(patterns: Sequence[str]) -> list[Mutant]:
    """The mutants that any of the patterns matches, all if there is none; ValueError for a miss."""
    if not patterns:
        return list(mutants().values())
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in mutants()):
            named(pattern)  # refuses it
    return [m for m in mutants().values() if any(fnmatchcase(m.name, p) for p in patterns)]
