"""Caches of keys and values for `adapter.py`: the operations of every kind that a module has.

Free of dependencies like the adapter, which takes it in when it lies beside it. A kind is found by
the name of its class; which operations the class can serve is seen by looking at it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import mlx.core as mx

try:
    from conformance.transport import listcaches
    from conformance.transport.cachefiles import KEY_VALUE, NAMES
except ImportError:  # in a release's environment: these lie beside it
    import listcaches  # type: ignore[import-not-found,no-redef]
    from cachefiles import KEY_VALUE, NAMES  # type: ignore[import-not-found,no-redef]

# kind -> class
KINDS = {
    "kv": "KVCache", "concatenate": "ConcatenateKVCache", "rotating": "RotatingKVCache",
    "quantized": "QuantizedKVCache", "chunked": "ChunkedKVCache",
    "batch_kv": "BatchKVCache", "batch_rotating": "BatchRotatingKVCache",
}  # fmt: skip
# operation -> attribute of the class that it needs; operations not listed need nothing special
NEEDS = {
    "set_state": "state", "set_meta_state": "meta_state", "round_trip": "from_state",
    **{name: name for name in (
        "update_and_fetch", "keys_and_values", "make_mask", "size", "nbytes", "empty",
        "is_trimmable", "trim", "state", "meta_state", "from_state", "materialize", "max_size",
        "to_quantized", "merge", "maybe_trim_front", "start_position", "prepare", "finalize",
        "filter", "extend", "extract")},
}  # fmt: skip
# Operations of some kinds alone.
BATCHES = ("batch_kv", "batch_rotating")
ONLY = {
    "merge": ("kv", "rotating"),
    "to_quantized": ("kv", "concatenate", "rotating", "quantized", "chunked"),
    **dict.fromkeys(("prepare", "finalize", "filter", "extend", "extract"), BATCHES),
    "maybe_trim_front": ("chunked",),
    "start_position": ("chunked",),
}
# Operations that the adapter carries out on a cache of any kind.
SHARED = ("copy", "trim", "materialize", "max_size", "size", "nbytes", "empty", "is_trimmable",
          "class_name", "meta_state", "set_meta_state", "finalize", "filter", "extend",
          "extract")  # fmt: skip
# The reference's name for an attribute.
OTHER_NAMES = {"_idx": "index", "_offset": "written"}
Codec = Callable[[Any], Any]


def operations(
    adapter: Any, classes: Mapping[str, Any], encode: Codec, decode: Codec
) -> dict[str, Callable[..., Any]]:
    """Name on the wire -> what carries it out, for the kinds whose class is among `classes`."""
    tokens = TokenCaches(adapter, classes, encode, decode)
    return {**tokens.operations(), **listcaches.operations(tokens, adapter, classes)}


class TokenCaches:
    """The kinds that some classes make up. Caches and live objects are those of the adapter, whose
    `encode` and `decode` are given with it.
    """

    def __init__(
        self, adapter: Any, classes: Mapping[str, Any], encode: Codec, decode: Codec
    ) -> None:
        self._classes: dict[str, type[Any]] = {
            kind: classes[name] for kind, name in KINDS.items() if name in classes
        }
        self._adapter = adapter
        self._caches, self._cache = adapter.caches, adapter.cache
        self.encode, self._decode = encode, decode

    def operations(self) -> dict[str, Callable[..., Any]]:
        """Name on the wire -> what carries it out."""
        own = {name[3:]: getattr(self, name) for name in dir(self) if name.startswith("op_")}
        own |= {name: getattr(self._adapter, f"op_{name}") for name in SHARED}
        found = {}
        for kind, cls in self._classes.items():
            for name, method in own.items():
                if kind in ONLY.get(name, (kind,)) and self._serves(cls, name):
                    found[f"{kind}.{name}"] = method
            found[f"{kind}.new"] = self._new(cls)
            if hasattr(cls, "from_state"):
                found[f"{kind}.from_state"] = self._from_state(cls)
        return found

    def _serves(self, cls: type[Any], name: str) -> bool:
        needed = NEEDS.get(name)
        return needed is None or hasattr(cls, needed) or needed in _assigned(cls)

    # ---- construction and restoring

    def _new(self, cls: type[Any]) -> Callable[..., None]:
        def new(cache: str, **arguments: Any) -> None:
            self._caches[cache] = cls(**arguments)

        return new

    def _from_state(self, cls: type[Any]) -> Callable[..., None]:
        def from_state(cache: str, class_name: str, state: Any, meta_state: Any) -> None:
            target = self._named(class_name) if class_name in KINDS.values() else cls
            self._caches[cache] = self.restored(target, state, meta_state)

        return from_state

    def restored(self, cls: type[Any], state: Any, meta_state: Any) -> Any:
        """A cache of a class from state in wire form."""
        return _restored(cls, self._tree(state), meta_state)

    def _named(self, name: str) -> type[Any]:
        return next(cls for kind, cls in self._classes.items() if KINDS[kind] == name)

    def op_round_trip(self, cache: str, into: str) -> None:
        source = self._cache(cache)
        meta = getattr(source, "meta_state", "")
        self._caches[into] = _restored(type(source), source.state, meta)

    def op_merge(self, caches: list[str], into: str) -> None:
        found = [self._cache(handle) for handle in caches]
        self._caches[into] = type(found[0]).merge(found)

    def op_to_quantized(self, cache: str, into: str, group_size: int = 64, bits: int = 8) -> None:
        source = self._cache(cache)
        self._caches[into] = source.to_quantized(group_size=group_size, bits=bits)

    # ---- tokens

    def op_update_and_fetch(self, cache: str, keys: Any, values: Any) -> Any:
        found = self._cache(cache).update_and_fetch(self._decode(keys), self._decode(values))
        return self.encode(found)

    def op_keys_and_values(self, cache: str) -> Any:
        return self.encode(self._cache(cache).keys_and_values())

    def op_make_mask(
        self, cache: str, n: int, window_size: Any = None, return_array: bool = False
    ) -> Any:
        found = self._cache(cache).make_mask(n, window_size=window_size, return_array=return_array)
        return found if isinstance(found, str) else self.encode(found)

    def op_prepare(self, cache: str, left_padding: Any = None, lengths: Any = None,
                   right_padding: Any = None) -> None:  # fmt: skip
        given = {"left_padding": left_padding, "lengths": lengths, "right_padding": right_padding}
        self._cache(cache).prepare(**{name: one for name, one in given.items() if one is not None})

    def op_maybe_trim_front(self, cache: str) -> None:
        self._cache(cache).maybe_trim_front()

    def op_write_in_place(self, cache: str, what: str, position: int, value: Any) -> None:
        buffer, new = getattr(self._cache(cache), what), self._decode(value)
        buffer[..., position : position + new.shape[2], :] = new

    # ---- what a cache says of itself

    def op_offset(self, cache: str) -> Any:
        return self._number(self._cache(cache).offset)

    def op_start_position(self, cache: str) -> Any:
        return self._cache(cache).start_position

    def op_snapshot(self, cache: str) -> Any:
        return self.shown(self._cache(cache))

    def shown(self, source: Any) -> dict[str, Any]:
        """A whole cache without free room."""
        name = str(getattr(source, "reference_class_name", type(source).__name__))
        numbers = {
            NAMES.get(each, each): self._number(_attribute(source, each))
            for each in KEY_VALUE.get(name, KEY_VALUE["KVCache"])[1]
        }
        stored = _stored(source)
        return {
            "class_name": name,
            "keys": self._parts(source.keys, stored),
            "values": self._parts(source.values, stored),
            "numbers": numbers,
        }

    def _parts(self, held: Any, stored: int) -> Any:
        if held is None:
            return []
        parts = held if isinstance(held, (list, tuple)) else [held]
        return [self.encode(_first(part, stored)) for part in parts]

    def _number(self, value: Any) -> Any:
        return self.encode(value) if isinstance(value, mx.array) else value

    # ---- serialized form and live objects

    def op_state(self, cache: str) -> Any:
        return self._plain(self._cache(cache).state)

    def op_set_state(self, cache: str, state: Any) -> None:
        self._cache(cache).state = self._tree(state)

    def op_hold(self, cache: str, what: str, name: str) -> None:
        self._adapter.op_hold(cache, what, name)

    def op_held(self, name: str) -> Any:
        return self._plain(self._adapter.kept(name))

    def _plain(self, value: Any) -> Any:
        """Arrays in wire form; numbers as they are."""
        if isinstance(value, (list, tuple)):
            return [self._plain(item) for item in value]
        return value if isinstance(value, (int, float, str)) else self.encode(value)

    def _tree(self, state: Any) -> Any:
        if isinstance(state, list):
            return [self._tree(item) for item in state]
        return self._decode(state) if isinstance(state, dict) else state


def _restored(cls: type[Any], state: Any, meta_state: Any) -> Any:
    """The class's own `from_state`, which takes (state) or (state, meta_state)."""
    arity = len(inspect.signature(cls.from_state).parameters)
    return cls.from_state(state) if arity == 1 else cls.from_state(state, meta_state)


def _assigned(cls: type[Any]) -> tuple[str, ...]:
    """The names that the constructor uses, decorated or not; it assigns attributes of these."""
    code = getattr(inspect.unwrap(cls.__init__), "__code__", None)
    return () if code is None else tuple(code.co_names)


def _attribute(source: Any, name: str) -> Any:
    return getattr(source, name, None) if hasattr(source, name) else \
        getattr(source, OTHER_NAMES.get(name, name), None)  # fmt: skip


def _stored(source: Any) -> int:
    """How many tokens are in the buffers; a batch has one offset a row, and counts them apart."""
    if isinstance(source.offset, mx.array):
        counted = "_idx" if _attribute(source, "_offset") is None else "_offset"
        return max(int(_attribute(source, counted)), 0)
    offset = source.offset - (getattr(source, "start_position", 0) or 0)
    return max(int(offset), 0)


def _first(part: Any, stored: int) -> Any:
    """The first tokens of a buffer; what has no axis of tokens stays whole."""
    if isinstance(part, mx.array) and part.ndim >= 2 and stored < part.shape[-2]:
        return part[..., :stored, :]
    return part
