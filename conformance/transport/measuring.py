"""`adapter.py` with a stopwatch: the optional operations `fill` and `measure`, for benchmarks.

Free of dependencies like the adapter that it extends, and run the same way, with adapter.py beside
it. The clock runs here, around the implementation's own method, with lazy arrays computed; neither
the adapter nor the wire is in the time.
"""

from __future__ import annotations

import copy
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import Any

import mlx.core as mx

try:
    from conformance.transport import adapter
except ImportError:  # run as a script, in a release's environment: adapter.py lies beside it
    import adapter  # type: ignore[import-not-found,no-redef]

Timed = Callable[[], Any]

# Operations that make arrays. What they leave pending is computed before the clock is read.
MAKE_ARRAYS = frozenset(
    {"filter", "extend", "extract", "merge", "copy", "prepare", "advance", "make_mask",
     "update_and_fetch"}
)  # fmt: skip
# Operations of a cache that are a plain attribute, method or item there.
ATTRIBUTES = ("batch_size", "state", "meta_state", "nbytes")
# What a cache holds in arrays, whatever its kind: its own, and those that are counted in place.
HOLDS = ("cache", "keys", "values", "left_padding", "lengths", "offset")
COUNTED = ("left_padding", "lengths", "offset")
METHODS = {
    "empty": (), "finalize": (), "materialize": (), "size": (), "is_trimmable": (),
    "filter": ("batch_indices",), "extract": ("index",), "prepare": ("lengths",), "advance": ("n",),
    "make_mask": ("n",), "trim": ("n",),
}  # fmt: skip


class Measuring(adapter.Adapter):
    """An adapter whose operations can be timed."""

    def add(self, kinds: Any, classes: Any) -> None:
        """Caches of keys and values can be filled, too."""
        super().add(kinds, classes)
        served = [kind for kind in kinds.KINDS if f"{kind}.update_and_fetch" in self._others]
        self._others |= {f"{kind}.fill": self._append for kind in served}

    def _append(self, cache: str, keys: Any, values: Any) -> None:
        """More tokens, which may be of any value."""
        target = self.cache(cache)
        mx.eval(target.update_and_fetch(_filled(keys), _filled(values)), *_held(target))

    def op_memory(self) -> Any:
        """What arrays take on the device now, and the most since this was asked last."""
        held, peak = mx.get_active_memory(), mx.get_peak_memory()
        mx.reset_peak_memory()
        return {"held": held, "peak": max(peak, held)}

    def op_fill(self, cache: str, slots: list[Any], times: int = 1) -> None:
        """A new cache of `times` as many slots as listed; equal ones may be one array."""
        arrays = [_filled(slot) for slot in slots]
        made = self.cls(len(arrays) * times)
        for position, array in enumerate(arrays * times):
            made[position] = array
        self.caches[cache] = made

    def op_measure(
        self, operation: str, arguments: dict[str, Any], times: int = 1, repeats: int = 1,
        memory: bool = False,
    ) -> Any:  # fmt: skip
        """How long an operation takes, and what it holds at its peak beyond what was held."""
        if operation not in self._others and not self._serves(operation):
            raise adapter.UnknownOperation(f"no operation {operation}")
        seconds = [_time(*self._prepared(operation, arguments), repeats) for _ in range(times)]
        peak = _peak(*self._prepared(operation, arguments)) if memory else None
        return {"seconds": seconds, "peak_bytes": peak}

    def _prepared(self, op: str, arguments: dict[str, Any]) -> tuple[Timed, Callable[[Any], None]]:
        """The bare operation on a cache that is as it was at first, and what computes its result.

        InvalidArguments for an operation that cannot be timed here, or with other parameters.
        """
        given, op = dict(arguments), op.rpartition(".")[2]
        receiver = _twin(self.cache(given.pop("cache"))) if "cache" in given else None
        given.pop("into", None)
        try:
            run = self._bare(op, receiver, given)
        except (KeyError, TypeError) as error:
            raise adapter.InvalidArguments(f"measure {op}: {error!r}") from error
        return run, partial(_compute, receiver) if op in MAKE_ARRAYS else _nothing

    def _bare(self, op: str, receiver: Any, given: dict[str, Any]) -> Timed:
        if op in ATTRIBUTES:
            return lambda: getattr(receiver, op)
        if op in METHODS:
            method = getattr(receiver, op)
            names = METHODS[op]
            return partial(method, *(given[name] for name in names)) if names else method
        if op == "new":
            return partial(self.cls, given["size"], given.get("left_padding"))
        if op == "get":
            return partial(receiver.__getitem__, given["slot"])
        if op == "set":
            return partial(receiver.__setitem__, given["slot"], _filled(given["value"]))
        if op == "copy":
            return receiver.copy if hasattr(receiver, "copy") else partial(copy.deepcopy, receiver)
        if op == "update_and_fetch":
            tokens = _filled(given["keys"]), _filled(given["values"])
            return partial(receiver.update_and_fetch, *tokens)
        if op == "extend":
            return partial(receiver.extend, self.cache(given["other"]))
        if op == "merge":
            found = [self.cache(handle) for handle in given["caches"]]
            return partial(type(found[0]).merge, found)
        if op == "set_meta_state":
            return partial(setattr, receiver, "meta_state", given["meta_state"])
        if op == "round_trip":
            return partial(self._restored, receiver)
        raise adapter.InvalidArguments(f"measure: {op} cannot be timed here")

    def _restored(self, source: Any) -> Any:
        name = str(getattr(source, "reference_class_name", type(source).__name__))
        return self._restore(name, list(source.state), getattr(source, "meta_state", ""))


def _filled(slot: dict[str, Any]) -> mx.array:
    """An array of `dtype` and `shape` whose memory has been written."""
    dtype = getattr(mx, "bool_" if slot["dtype"] == "bool" else slot["dtype"])
    array = mx.full(slot["shape"], 1, dtype)
    mx.eval(array)
    return array


def _twin(cache: Any) -> Any:
    """A cache with the same arrays that may be changed without changing the other one."""
    twin = copy.copy(cache)
    if hasattr(cache, "cache"):
        twin.cache = list(cache.cache)
    for rows in COUNTED:
        if isinstance(getattr(cache, rows, None), mx.array):
            own = mx.array(getattr(cache, rows))  # an object of its own: `-=` changes objects
            mx.eval(own)
            setattr(twin, rows, own)
    return twin


def _compute(receiver: Any, result: Any) -> None:
    """Compute what an operation has returned, or else what it has left in its cache; of one that
    returns what attention sees, both.
    """
    if isinstance(result, mx.array):
        mx.eval(result)
    elif isinstance(result, tuple):
        mx.eval(result, *_held(receiver))
    else:
        mx.eval(*_held(receiver if result is None else result))


def _held(cache: Any) -> list[Any]:
    """The arrays of a cache, and lists of them."""
    found = [getattr(cache, name, None) for name in HOLDS]
    return [each for each in found if isinstance(each, (mx.array, list, tuple))]


def _nothing(result: Any) -> None:
    """The operation made no arrays."""


def _time(run: Timed, compute: Callable[[Any], None], repeats: int) -> float:
    """Seconds for each of `repeats` in a row."""
    if compute is _nothing:
        started = time.perf_counter()
        for _ in repeat(None, repeats):
            run()
        return (time.perf_counter() - started) / repeats
    started = time.perf_counter()
    for _ in repeat(None, repeats):
        compute(run())
    return (time.perf_counter() - started) / repeats


def _peak(run: Timed, compute: Callable[[Any], None]) -> int:
    """Bytes of arrays and of Python objects at the peak, beyond those at the start."""
    before = mx.get_active_memory()
    mx.reset_peak_memory()
    tracemalloc.start()
    try:
        result = run()
        compute(result)
        python = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return int(max(mx.get_peak_memory() - before, 0) + python)


if __name__ == "__main__":
    adapter.main(Measuring)
