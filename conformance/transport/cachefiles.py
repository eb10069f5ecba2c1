"""Saving and loading prompt-cache files with an implementation shaped like mlx-lm's cache module.

Free of dependencies like `adapter.py`, which takes it in when it lies beside it: a release's own
Python runs it. Caches travel as plain dicts:

    {"class_name": "ArraysCache", "slots": [tensor | null, ...], "left_padding", "lengths"}
    {"class_name": "KVCache", "keys": [tensor, ...], "values": [tensor, ...], "numbers": {...}}
    {"class_name": "CacheList", "caches": [...]}

To save, the key/value family is given as tensors of keys and of values to update with (none for an
empty cache, several for several updates), and as `numbers` the arguments of its constructor and the
offset that comes of it; `trim_front` has a ChunkedKVCache drop its front in the end. A batch has
its offset and left padding among its numbers, as tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# class -> (constructor arguments, attributes that make up its numbers)
KEY_VALUE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "KVCache": ((), ("offset",)),
    "RotatingKVCache": (("max_size", "keep"), ("offset", "keep", "max_size", "_idx")),
    "QuantizedKVCache": (("group_size", "bits"), ("offset", "group_size", "bits")),
    "ChunkedKVCache": (("chunk_size",), ("offset", "chunk_size", "start_position")),
    "ConcatenateKVCache": ((), ("offset",)),
    "BatchKVCache": (("left_padding",), ("offset", "left_padding", "_idx")),
    "BatchRotatingKVCache": (
        ("max_size", "left_padding"),
        ("offset", "left_padding", "max_size", "_offset", "_idx", "rotated"),
    ),
}
# Attributes whose names elsewhere are others.
NAMES = {"_idx": "idx", "_offset": "seen"}
Codec = Callable[[Any], Any]


class ModuleFiles:
    """The file functions of one module, such as mlx_lm.models.cache."""

    def __init__(self, module: Any, encode: Codec, decode: Codec) -> None:
        self._module = module
        self._encode = encode
        self._decode = decode

    def save(self, path: str, caches: list[Any], user_metadata: dict[str, str]) -> None:
        """Build the caches and let the implementation write them."""
        built = [self._build(spec) for spec in caches]
        # Without metadata the function's own default counts.
        extra = (user_metadata,) if user_metadata else ()
        self._module.save_prompt_cache(path, built, *extra)

    def load(self, path: str) -> dict[str, Any]:
        """What the implementation finds in a file."""
        caches, metadata = self._module.load_prompt_cache(path, return_metadata=True)
        described = [describe(cache, self._encode) for cache in caches]
        return {"caches": described, "user_metadata": metadata}

    def resave(self, path: str) -> None:
        """Save what was loaded to the file that it was loaded from; nothing is computed between."""
        caches, metadata = self._module.load_prompt_cache(path, return_metadata=True)
        self._module.save_prompt_cache(path, caches, *((metadata,) if metadata else ()))

    def _build(self, spec: dict[str, Any]) -> Any:
        name = spec["class_name"]
        cls = getattr(self._module, name)
        if name == "CacheList":
            return cls(*(self._build(child) for child in spec["caches"]))
        if name in KEY_VALUE:
            numbers = spec.get("numbers", {})
            cache = cls(**{what: numbers[what] for what in KEY_VALUE[name][0] if what in numbers})
            for keys, values in zip(spec.get("keys", ()), spec.get("values", ()), strict=True):
                cache.update_and_fetch(self._decode(keys), self._decode(values))
            if spec.get("trim_front"):
                cache.maybe_trim_front()
            return cache
        slots = [None if slot is None else self._decode(slot) for slot in spec["slots"]]
        cache = cls() if name == "MambaCache" else cls(len(slots))
        for position, slot in enumerate(slots):
            cache[position] = slot
        for rows in ("left_padding", "lengths"):
            if spec.get(rows) is not None:
                setattr(cache, rows, self._decode(spec[rows]))
        return cache


def of_module(module: Any, encode: Codec, decode: Codec) -> ModuleFiles | None:
    """The file functions of a module; None where it has not both of them."""
    names = ("save_prompt_cache", "load_prompt_cache")
    if not all(callable(getattr(module, name, None)) for name in names):
        return None
    return ModuleFiles(module, encode, decode)


def describe(cache: Any, encode: Codec) -> dict[str, Any]:
    """A cache object as a dict; what is of an unexpected type is named by that type."""
    name = str(getattr(cache, "reference_class_name", type(cache).__name__))
    if hasattr(cache, "caches"):
        return {"class_name": name, "caches": [describe(child, encode) for child in cache.caches]}
    if name in KEY_VALUE:
        return {
            "class_name": name,
            "keys": _parts(cache.keys, encode),
            "values": _parts(cache.values, encode),
            "numbers": {
                NAMES.get(what, what): _number(getattr(cache, what, None), encode)
                for what in KEY_VALUE[name][1]
            },
        }
    return {
        "class_name": name,
        "slots": encode(cache.cache),
        "left_padding": encode(getattr(cache, "left_padding", None)),
        "lengths": encode(getattr(cache, "lengths", None)),
    }


def _number(value: Any, encode: Codec) -> Any:
    """A number, or the numbers of a batch as a tensor; what is neither is named by its type."""
    if value is None or isinstance(value, int):
        return value
    return encode(value) if hasattr(value, "shape") else {"foreign": type(value).__name__}


def _parts(held: Any, encode: Codec) -> Any:
    """One tensor or several as a list; what is neither stands in it as what it is."""
    if held is None:
        return []
    return encode(held) if isinstance(held, list | tuple) else [encode(held)]
