"""Lists of caches and whole prompts for `adapter.py`, which finds them by way of `tokencaches.py`.

Free of dependencies like these. A class or a function is found by its name in the module.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import mlx.core as mx

try:
    from conformance.transport.cachefiles import describe
except ImportError:  # in a release's environment: cachefiles.py lies beside it
    from cachefiles import describe  # type: ignore[import-not-found,no-redef]

LIST = "CacheList"
# operation of a list -> attribute of the class that it needs; others need nothing special
NEEDS = {
    "set_state": "state", "set_meta_state": "meta_state", "round_trip": "from_state",
    **{name: name for name in (
        "update_and_fetch", "make_mask", "offset", "size", "nbytes", "empty", "is_trimmable",
        "trim", "state", "meta_state", "from_state", "materialize", "max_size", "prepare",
        "finalize", "filter", "extend", "extract", "merge")},
}  # fmt: skip
# Operations that are those of caches of keys and values, or of the adapter, on a cache of any kind.
SHARED = (
    "update_and_fetch", "make_mask", "offset", "state", "set_state", "prepare", "round_trip",
    "merge", "copy", "trim", "materialize", "max_size", "size", "nbytes", "empty", "is_trimmable",
    "class_name", "meta_state", "set_meta_state", "finalize", "filter", "extend", "extract",
)  # fmt: skip
MAKE, MASKS = "make_prompt_cache", "create_attention_mask"
# operation of prompts -> function behind it, where that is called otherwise
FUNCTIONS = {"make_prompt_cache_of_model": MAKE}
Served = dict[str, Callable[..., Any]]


def operations(tokens: Any, adapter: Any, classes: Mapping[str, Any]) -> Served:
    """Name on the wire -> what carries it out; `tokens` serves caches of keys and values."""
    found = Prompts(tokens, adapter, classes).operations()
    if LIST in classes:
        found |= Lists(tokens, adapter, classes[LIST]).operations()
    return found


class Lists:
    """Caches that are lists of others, of one class."""

    def __init__(self, tokens: Any, adapter: Any, cls: type[Any]) -> None:
        self._tokens, self._adapter, self._cls = tokens, adapter, cls
        self._caches, self._cache = adapter.caches, adapter.cache

    def operations(self) -> Served:
        """Name on the wire -> what carries it out."""
        own = {name[3:]: getattr(self, name) for name in dir(self) if name.startswith("op_")}
        shared = {name: self._method(name) for name in SHARED}
        return {
            f"list.{name}": method
            for name, method in {**shared, **own}.items()
            if NEEDS.get(name) is None or hasattr(self._cls, NEEDS[name])
        }

    def _method(self, name: str) -> Callable[..., Any]:
        op = f"op_{name}"
        method: Callable[..., Any] = getattr(self._tokens, op, None) or getattr(self._adapter, op)
        return method

    def op_new(self, cache: str, children: list[str]) -> None:
        self._caches[cache] = self._cls(*(self._cache(child) for child in children))

    def op_child(self, cache: str, index: int, into: str) -> bool:
        child = self._cache(cache)[index]
        if child is not None:
            self._caches[into] = child
        return child is not None

    def op_from_state(self, cache: str, class_name: str, state: Any, meta_state: Any) -> None:
        self._caches[cache] = self._tokens.restored(self._cls, state, meta_state)

    def op_snapshot(self, cache: str) -> Any:
        return self._shown(self._cache(cache))

    def _shown(self, source: Any) -> Any:
        if hasattr(source, "caches"):
            name = str(getattr(source, "reference_class_name", type(source).__name__))
            return {"class_name": name, "caches": [self._shown(child) for child in source.caches]}
        if hasattr(source, "cache"):
            return describe(source, self._tokens.encode)
        return self._tokens.shown(source)


def _nothing() -> None:
    """In the place of a function that a module has not."""


class Model:
    """So many layers, for functions that count them."""

    def __init__(self, layers: int) -> None:
        self._count = layers

    @property
    def layers(self) -> list[None]:
        return [None] * self._count

    def __index__(self) -> int:
        return self._count


class ModelOfItsOwn(Model):
    """A model that makes its own caches."""

    def __init__(self, caches: list[Any]) -> None:
        super().__init__(len(caches) + 1)  # who counts layers is found out
        self._caches = caches

    def make_cache(self) -> list[Any]:
        return self._caches


class Prompts:
    """Functions over the caches of all layers, in a module or, of masks, in `base` beside it."""

    def __init__(self, tokens: Any, adapter: Any, found: Mapping[str, Any]) -> None:
        self._tokens, self._found = tokens, found
        self._caches, self._cache = adapter.caches, adapter.cache

    def operations(self) -> Served:
        """Name on the wire -> what carries it out."""
        names = [name[3:] for name in dir(self) if name.startswith("op_")]
        served = [name for name in names if self._of(name)]
        if "model" not in inspect.signature(self._of(MAKE) or _nothing).parameters:
            served = [name for name in served if name not in FUNCTIONS]  # it counts layers
        return {f"prompt.{name}": getattr(self, f"op_{name}") for name in served}

    def _of(self, name: str) -> Any:
        name = FUNCTIONS.get(name, name)
        # mlx-lm's cache.py has a function of masks too, which takes other arguments.
        beside = self._beside(name) if name == MASKS else None
        return beside or self._found.get(name)

    def _beside(self, name: str) -> Any:
        package = self._found.get("__package__")
        if not package:  # a module at the top, as a port's own may be
            return None
        try:
            return getattr(importlib.import_module(f"{package}.base"), name, None)
        except ImportError:
            return None

    def _layers(self, caches: list[str]) -> list[Any]:
        return [self._cache(handle) for handle in caches]

    def op_can_trim_prompt_cache(self, caches: list[str]) -> Any:
        return self._of("can_trim_prompt_cache")(self._layers(caches))

    def op_trim_prompt_cache(self, caches: list[str], n: int) -> Any:
        return self._of("trim_prompt_cache")(self._layers(caches), n)

    def op_make_prompt_cache(self, layers: int, into: list[str], max_kv_size: Any = None) -> None:
        made = self._of(MAKE)(Model(layers), max_kv_size)
        self._caches.update(zip(into, made, strict=False))

    def op_make_prompt_cache_of_model(
        self, caches: list[str], into: list[str], max_kv_size: Any = None
    ) -> None:
        made = self._of(MAKE)(ModelOfItsOwn(self._layers(caches)), max_kv_size)
        self._caches.update(zip(into, made, strict=False))

    def op_create_attention_mask(
        self, n: int, layer: Any = None, window_size: Any = None, return_array: bool = False
    ) -> Any:
        found = self._of(MASKS)(
            mx.zeros((1, n, 1)),
            None if layer is None else self._cache(layer),
            window_size=window_size,
            return_array=return_array,
        )
        return found if isinstance(found, str) else self._tokens.encode(found)
