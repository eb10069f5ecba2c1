"""An adapter around any slot cache shaped like mlx-lm's `ArraysCache`, in one dependency-free file.

It needs Python 3.9, `mlx`, and the module that holds the class; nothing of the test suite. Run as a
script it speaks the wire protocol on stdin and stdout:

    python adapter.py --class mlx_lm.models.cache:ArraysCache --distribution mlx-lm
`cachefiles.py` beside it serves prompt-cache files, `tokencaches.py` the other kinds of caches.
Methods `op_*` are the protocol's operations. The handshake declares those that the class can serve.
"""

from __future__ import annotations

import argparse
import copy
import functools
import importlib
import inspect
import json
import math
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

import mlx.core as mx

PROTOCOL_VERSION = 1
REFUSED = 1  # the implementation raised
FILE_OPERATIONS = ("save", "load", "resave")
Perform = Callable[[str, "dict[str, Any]"], Any]
_signature = functools.cache(inspect.signature)  # asking costs more than most operations

# operation -> attribute of the class that it needs; operations not listed need nothing special
NEEDS = {
    "get": "__getitem__", "set": "__setitem__", "set_state": "state",
    "write_in_place": "__getitem__", "set_meta_state": "meta_state", "round_trip": "from_state",
    **{name: name for name in ("batch_size", "state", "meta_state", "from_state", "prepare",
        "from_serialized", "finalize", "advance", "make_mask", "nbytes", "empty", "size",
        "max_size", "is_trimmable", "trim", "materialize", "filter", "extend", "extract", "merge")},
}  # fmt: skip


class InvalidArguments(Exception):
    """The request is not one that the protocol allows."""


class UnknownCache(Exception):
    """A handle that no operation has made, usually because the one that should have was refused."""


class UnknownOperation(Exception):
    """The class has no such operation; the handshake did not declare it."""


class AdapterBug(Exception):
    """The implementation gave something that has no place on the wire."""


CODES = {UnknownCache: 2, UnknownOperation: -32601, InvalidArguments: -32602, AdapterBug: -32603}


def decode(value: Any) -> mx.array:
    """A wire tensor as an array of its dtype and shape."""
    try:
        dtype = getattr(mx, "bool_" if value["dtype"] == "bool" else value["dtype"])
        if not isinstance(dtype, mx.Dtype):
            raise ValueError(f"no dtype is called {value['dtype']}")
        raw: Any = memoryview(bytes.fromhex(value["data"]))
        with mx.stream(mx.cpu):  # where the bytes are; a GPU has no float64
            flat = mx.array(raw).view(dtype) if len(raw) else mx.zeros([0], dtype)
            return flat.reshape(value["shape"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InvalidArguments(f"not a tensor: {error}") from error


def encode(value: Any) -> Any:
    """An array, None, or a list or tuple of them in wire form; other objects by type name."""
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if not isinstance(value, mx.array):
        return None if value is None else {"foreign": type(value).__name__}
    if min(value.shape, default=0) < 0 or math.prod(value.shape) * value.itemsize != value.nbytes:
        return {"foreign": f"array of the shape {list(value.shape)}"}  # of a forged file
    mx.eval(value)  # what a lazy graph raises is the implementation's answer, not the adapter's
    try:
        held = memoryview(cast(Any, value))
        if not (held.c_contiguous and held.nbytes == value.nbytes):
            flat: Any = mx.contiguous(value.reshape(-1)).view(mx.uint8) if value.size else b""
            held = memoryview(flat)
        dtype = str(value.dtype).rpartition(".")[2].rstrip("_")
        return {"dtype": dtype, "shape": list(value.shape), "data": held.hex()}
    except Exception as error:
        raise AdapterBug(f"cannot encode {value.dtype}{list(value.shape)}: {error}") from error


def plain(value: Any) -> Any:
    """A result as JSON has it: tuples as lists, and what JSON cannot carry by its type's name."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"foreign": f"float {value}"}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return encode(value)


def refusal(error: Exception) -> dict[str, Any]:
    """What the wire says of an error: its `kind` and `payload` if it has them, else its type."""
    kind, payload = getattr(error, "kind", None), getattr(error, "payload", None)
    return {"kind": kind if isinstance(kind, str) else type(error).__name__,
            "payload": plain(payload) if isinstance(payload, dict) else {}}  # fmt: skip


def reads(name: str) -> Callable[..., Any]:
    """The operation that is an attribute of the cache."""
    return lambda self, cache: getattr(self.cache(cache), name)


def calls(name: str) -> Callable[..., Any]:
    """The operation that is a method of the cache without arguments."""
    return lambda self, cache: getattr(self.cache(cache), name)()


def counts(name: str) -> Callable[..., Any]:
    """The operation that is a method of the cache with a number of tokens."""
    return lambda self, cache, n: getattr(self.cache(cache), name)(n)


class Adapter:
    """Named caches of one class, and the operations on them, in wire values."""

    def __init__(self, cls: Any, implementation: dict[str, str], dialect: str = "",
                 restore: Callable[[str, Any, Any], Any] | None = None,
                 files: Any = None) -> None:  # fmt: skip
        self.cls, self._mamba = cls, getattr(cls, "mamba", None) or mamba_beside(cls)
        self._restore, self.dialect = restore or self._by_arity, dialect
        self.implementation = {**implementation, "mlx": getattr(mx, "__version__", ""),
                               "device": str(mx.default_device().type)[11:]}  # fmt: skip
        self.caches: dict[str, Any] = {}
        self.held: dict[str, Any] = {}
        # What is served by another part: files, all of its operations or some; other kinds.
        self._others = {op: getattr(files, op) for op in FILE_OPERATIONS if hasattr(files, op)}

    def add(self, kinds: Any, classes: Any) -> None:
        """Serve the kinds that `tokencaches.py` finds among classes by name."""
        self._others |= kinds.operations(self, classes, encode, decode)

    def op_initialize(self, protocol: int = PROTOCOL_VERSION, **_: Any) -> Any:
        if protocol != PROTOCOL_VERSION:
            raise InvalidArguments(f"protocol {PROTOCOL_VERSION} is spoken here, not {protocol}")
        return {"protocol": PROTOCOL_VERSION, "implementation": self.implementation,
                "dialect": self.dialect, "capabilities": self.capabilities()}  # fmt: skip

    def op_reset(self) -> None:
        self.caches.clear()
        self.held.clear()
        if mx.get_cache_memory() > 1 << 20:  # one case is not charged for the one before it
            mx.clear_cache()

    def capabilities(self) -> list[str]:
        """The operations that the class can serve."""
        ops = {name[3:] for name in dir(self) if name.startswith("op_")} - {"initialize", "reset"}
        return [*filter(self._serves, sorted(ops)), *self._others]

    def perform(self, op: str, params: dict[str, Any]) -> Any:
        """Carry out one operation; whatever the implementation raises passes through."""
        method = self._others.get(op) or (self._serves(op) and getattr(self, "op_" + op, None))
        if not method:
            raise UnknownOperation(f"no operation {op}")
        try:
            _signature(method).bind(**params)
        except TypeError as error:
            raise InvalidArguments(f"{op}: {error}") from error
        return plain(method(**params))

    def _serves(self, op: str) -> bool:
        if op == "new_mamba":
            return self._mamba is not None
        names = ("update", "update_and_fetch") if op == "update" else (NEEDS.get(op),)
        known = self.cls or op in ("initialize", "reset")
        return bool(known) and any(name is None or hasattr(self.cls, name) for name in names)

    def cache(self, handle: str) -> Any:
        """The cache of that name."""
        if handle not in self.caches:
            raise UnknownCache(f"no cache is called {handle!r}")
        return self.caches[handle]

    def op_new(self, cache: str, size: int, left_padding: Any = None) -> None:
        self.caches[cache] = self.cls(size, left_padding)

    def op_new_mamba(self, cache: str, left_padding: Any = None) -> None:
        self.caches[cache] = self._mamba(*([] if left_padding is None else [left_padding]))

    def op_copy(self, cache: str, into: str) -> None:
        source = self.cache(cache)
        self.caches[into] = source.copy() if hasattr(source, "copy") else copy.deepcopy(source)

    def op_from_state(self, cache: str, class_name: str, state: Any, meta_state: Any) -> None:
        self.caches[cache] = self._restore(class_name, self._tree(state), meta_state)

    def op_from_serialized(self, cache: str, state: Any, meta_state: Any) -> None:
        self.cache(cache).from_serialized(self._tree(state), meta_state)

    def op_round_trip(self, cache: str, into: str) -> None:
        source = self.cache(cache)
        state = source.state
        state = type(state)(list(item) if isinstance(item, list) else item for item in state)
        meta = getattr(source, "meta_state", "")
        self.caches[into] = self._restore(self.op_class_name(cache), state, meta)

    def _by_arity(self, class_name: str, state: Any, meta_state: Any) -> Any:
        """The class's own `from_state`, which takes (state) or (state, meta_state)."""
        own = class_name == "MambaCache" and inspect.isclass(self._mamba)
        restore = (self._mamba if own else self.cls).from_state
        arity = len(inspect.signature(restore).parameters)
        return restore(state) if arity == 1 else restore(state, meta_state)

    def _tree(self, state: Any) -> Any:
        if isinstance(state, list):
            return [self._tree(item) for item in state]
        return None if state is None else decode(state)

    def op_get(self, cache: str, slot: int) -> Any:
        return encode(self.cache(cache)[slot])

    def op_set(self, cache: str, slot: int, value: Any) -> None:
        self.cache(cache)[slot] = None if value is None else decode(value)

    def op_write_in_place(self, cache: str, slot: int, value: Any) -> None:
        held = self.cache(cache)[slot]
        held[slice(None) if held.ndim else ()] = decode(value)  # mlx before 0.32 has no [...] = v

    def op_state(self, cache: str) -> Any:
        return encode(self.cache(cache).state)

    def op_set_state(self, cache: str, state: Any) -> None:
        self.cache(cache).state = self._tree(state)

    def op_set_meta_state(self, cache: str, meta_state: Any) -> None:
        self.cache(cache).meta_state = meta_state

    def op_snapshot(self, cache: str) -> Any:
        source = self.cache(cache)
        slots = source.cache if isinstance(source.cache, (list, tuple)) else None
        return {
            "class_name": self.op_class_name(cache),
            "slot_count": None if slots is None else len(slots),
            "slots": {str(i): encode(s) for i, s in enumerate(slots or ()) if s is not None},
            **{rows: encode(getattr(source, rows, None)) for rows in ("left_padding", "lengths")},
        }

    def op_hold(self, cache: str, what: str, name: str, slot: int = 0) -> None:
        source = self.cache(cache)
        self.held[name] = source[slot] if what == "slot" else getattr(source, what)

    def kept(self, name: str) -> Any:
        """The object that is held as that."""
        if name not in self.held:
            raise UnknownCache(f"nothing is held as {name!r}")
        return self.held[name]

    def op_held(self, name: str) -> Any:
        return encode(self.kept(name))

    def op_prepare(self, cache: str, lengths: Any) -> None:
        self.cache(cache).prepare(lengths=lengths)

    def op_filter(self, cache: str, batch_indices: list[int]) -> None:
        self.cache(cache).filter(batch_indices)

    def op_extend(self, cache: str, other: str) -> None:
        self.cache(cache).extend(self.cache(other))

    def op_extract(self, cache: str, index: int, into: str) -> None:
        self.caches[into] = self.cache(cache).extract(index)

    def op_merge(self, caches: list[str], into: str) -> None:
        self.caches[into] = self.cls.merge([self.cache(handle) for handle in caches])

    op_finalize, op_materialize = calls("finalize"), calls("materialize")
    op_advance, op_make_mask, op_trim = counts("advance"), counts("make_mask"), counts("trim")

    op_batch_size, op_meta_state = reads("batch_size"), reads("meta_state")
    op_nbytes, op_max_size = reads("nbytes"), reads("max_size")
    op_empty, op_size, op_is_trimmable = calls("empty"), calls("size"), calls("is_trimmable")

    def op_class_name(self, cache: str) -> str:
        source = self.cache(cache)
        return str(getattr(source, "reference_class_name", type(source).__name__))

    def op_update(self, cache: str, keys: Any, values: Any) -> Any:
        source = self.cache(cache)
        update = getattr(source, "update_and_fetch", None) or source.update
        return encode(update(decode(keys), decode(values)))


def mamba_beside(cls: Any) -> Any:
    """The class MambaCache beside an ArraysCache, which mlx-lm has up to 0.30.5; None elsewhere."""
    found = getattr(sys.modules.get(getattr(cls, "__module__", "")), "MambaCache", None)
    return found if inspect.isclass(found) and issubclass(found, cls) else None


def module_loader(module: Any) -> Callable[[str, Any, Any], Any] | None:
    """A module's own `from_state(class_name, state, meta_state)`, if it has one."""
    loader = getattr(module, "from_state", None)
    first = next(iter(inspect.signature(loader).parameters), "") if callable(loader) else ""
    return loader if first == "class_name" else None


def beside(name: str) -> Any:
    """A module that lies beside this file; None where it does not."""
    try:
        return importlib.import_module(f"{__package__}.{name}" if __package__ else name)
    except ImportError:
        return None


def answer(perform: Perform, request: Any) -> dict[str, Any]:
    """The response to one decoded request. An error that `is_trap` ends the process."""
    identity = request.get("id") if isinstance(request, dict) else None
    try:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            raise InvalidArguments("not a JSON-RPC request")
        return {"jsonrpc": "2.0", "id": identity,
                "result": perform(request["method"], request.get("params") or {})}  # fmt: skip
    except tuple(CODES) as error:
        failed = {"code": CODES[type(error)], "message": str(error)}
    except Exception as error:
        if getattr(error, "is_trap", False):
            print(f"trap: {error}", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGILL)
        failed = {"code": REFUSED, "message": str(error), "data": refusal(error)}
    return {"jsonrpc": "2.0", "id": identity, "error": failed}


def own_stdout() -> TextIO:
    """Keep stdout for the protocol: what others print from now on goes to stderr."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # which is written line by line: a crash loses nothing that was said
    return out


def serve(perform: Perform, out: TextIO | None = None) -> None:
    """Answer requests from stdin on `out`, or stdout, until `shutdown` or the end of input."""
    out = out or own_stdout()
    for line in sys.stdin.buffer:
        last: list[Any] = []
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            reply: Any = {"jsonrpc": "2.0", "id": None,
                          "error": {"code": -32700, "message": f"not JSON: {error}"}}  # fmt: skip
        else:
            batch = message if isinstance(message, list) else [message]
            last = [m for m in batch if isinstance(m, dict) and m.get("method") == "shutdown"]
            replies = [answer((lambda *_: None) if m in last else perform, m) for m in batch]
            reply = replies if isinstance(message, list) else replies[0]
        print(json.dumps(reply), file=out, flush=True)
        if last:
            return


def main(kind: type[Adapter] = Adapter) -> None:
    parser = argparse.ArgumentParser(description="slot cache adapter over stdio")
    parser.add_argument("--class", dest="cls", required=True, help="module:ClassName")
    parser.add_argument("--distribution", default="", help="its version is reported")
    parser.add_argument("--dialect", default="")
    parser.add_argument("--device", choices=("cpu", "gpu"), default=mx.default_device().type.name)
    options = parser.parse_args()
    mx.set_default_device(mx.Device(getattr(mx, options.device)))
    out = own_stdout()  # before the implementation is imported, which may print
    module, _, name = options.cls.partition(":")
    loaded = importlib.import_module(module)
    version = ""
    if options.distribution:  # imported only here, as it takes longer than all the rest
        version = importlib.import_module("importlib.metadata").version(options.distribution)
    who = {"name": options.distribution or module, "version": version, "language": "python"}
    files = (part := beside("cachefiles")) and part.of_module(loaded, encode, decode)
    adapter = kind(getattr(loaded, name), who, options.dialect, module_loader(loaded), files)
    if kinds := beside("tokencaches"):
        adapter.add(kinds, vars(loaded))
    serve(adapter.perform, out)


if __name__ == "__main__":
    main()
