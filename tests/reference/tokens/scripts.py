"""Runs a script of the recorded ones on a cache of the reference, and tells what it answers.

A script is what the real implementations were asked to do: `update 3 | trim 1 | mask 2 - array`.
The key of token t is t in every head dimension, its value -t; row b of a batch has 100 b more.
"""

from __future__ import annotations

import copy
from typing import Any

import mlx.core as mx

from reference_impl.errors import CacheError
from reference_impl.kinds import cache_classes

WINDOW = 4  # of a cache with a window in a list
QUANTIZED_DIMENSION = 32


def run(dialect: str, kind: str, script: str) -> list[dict[str, Any]]:
    """One entry for the new cache and one a step: its answer, and what the cache shows then."""
    player = Player(dialect, kind)
    seen = [{"op": "new", "after": player.shown()}]
    for op in filter(None, script.split(" | ")):
        answer = player.answer(op)
        entry = {"op": op, "answer": answer}
        seen.append(entry)
        if isinstance(answer, dict) and "trap" in answer:
            break
        entry["after"] = player.shown()
    return seen


class Player:
    def __init__(self, dialect: str, kind: str) -> None:
        self.dialect = dialect
        self.classes = cache_classes(dialect)
        self.token = 1
        self.dimension = 1
        self.rows = 1
        name, *words = kind.split()
        self.cache = getattr(self, f"new_{name}")(*words)

    def new_standard(self) -> Any:
        return self.classes["KVCache"]()

    def new_rotating(self, max_size: str, keep: str) -> Any:
        return self.classes["RotatingKVCache"](int(max_size), int(keep))

    def new_quantized(self, group_size: str, bits: str) -> Any:
        self.dimension = QUANTIZED_DIMENSION
        return self.classes["QuantizedKVCache"](int(group_size), int(bits))

    def new_chunked(self, chunk: str) -> Any:
        return self.classes["ChunkedKVCache"](None if chunk == "None" else int(chunk))

    def new_batch(self, padding: str) -> Any:
        return self.classes["BatchKVCache"](self._rows(padding))

    def new_batch_rotating(self, max_size: str, padding: str) -> Any:
        return self.classes["BatchRotatingKVCache"](int(max_size), self._rows(padding))

    def _rows(self, padding: str) -> list[int]:
        numbers = [int(number) for number in padding.split(",")]
        self.rows = len(numbers)
        return numbers

    def new_list(self, *children: str) -> Any:
        make = {
            "S": lambda: self.classes["KVCache"](),
            "R": lambda: self.classes["RotatingKVCache"](WINDOW, 0),
            "A": lambda: self.classes["ArraysCache"](2),
            "L": lambda: self.classes["CacheList"](self.classes["KVCache"]()),
        }
        return self.classes["CacheList"](*(make[child]() for child in children))

    # Steps

    def answer(self, op: str) -> Any:
        name, *words = op.split(" ")
        try:
            return getattr(self, name)(*words)
        except CacheError as error:
            return {"trap": str(error)} if hasattr(error, "is_trap") else {"error": error.kind}
        except Exception as error:
            return {"error": type(error).__name__}

    def tokens(self, count: int) -> tuple[mx.array, mx.array]:
        first = [[self.token + t + 100 * row for t in range(count)] for row in range(self.rows)]
        self.token += count
        keys = mx.array(first, dtype=mx.float32).reshape(self.rows, 1, count, 1)
        keys = mx.broadcast_to(keys, (self.rows, 1, count, self.dimension))
        return keys, -keys

    def update(self, count: str, cache: Any = None) -> Any:
        got = (cache or self.cache).update_and_fetch(*self.tokens(int(count)))
        if isinstance(got[0], mx.array):
            return [shown(array) for array in got]
        return {"shapes": [str(list(array.shape)) for parts in got for array in parts]}

    def plain_update(self, count: str) -> Any:
        return [shown(array) for array in self.cache.plain_update(*self.tokens(int(count)))]

    def child(self, index: str, op: str, *words: str) -> Any:
        child = self.cache[int(index)]
        if child is None:
            return "no such child"
        if op == "set":
            child[0] = mx.array([[1.0, 2.0]])
            return "ok"
        return self.update(words[0], child) if op == "update" else child.trim(int(words[0]))

    def trim(self, count: str) -> Any:
        return self.cache.trim(int(count))

    def mask(self, count: str, window: str, array: str) -> Any:
        found = self.cache.make_mask(
            int(count),
            window_size=None if window == "-" else int(window),
            return_array=array == "array",
        )
        return "none" if found is None else found if isinstance(found, str) else shown(found)

    def maybe_trim_front(self) -> str:
        self.cache.maybe_trim_front()
        return "ok"

    def prepare(self, lengths: str, right_padding: str) -> str:
        given = {"lengths": lengths, "right_padding": right_padding}
        self.cache.prepare(
            **{
                name: [int(number) for number in text.split(",")]
                for name, text in given.items()
                if text != "-"
            }
        )
        return "ok"

    def finalize(self) -> str:
        self.cache.finalize()
        return "ok"

    def materialize(self) -> str:
        if hasattr(self.cache, "materialize"):
            self.cache.materialize()
        elif self.dialect == "mlx-lm-0.31":
            mx.eval(self.cache.state)
        return "ok"

    def copy(self) -> str:
        self.cache = self._copied()
        return "ok"

    def _copied(self) -> Any:
        return self.cache.copy() if hasattr(self.cache, "copy") else copy.deepcopy(self.cache)

    def copy_and_update(self) -> Any:
        """One token more in a copy, seven times the next one for key and value."""
        keys, _ = self.tokens(1)
        original, self.cache = self.cache, self._copied()
        self.cache.update_and_fetch(7 * keys, 7 * keys)
        copied, self.cache = self.shown(), original
        return copied

    def rope_offset(self) -> Any:
        if not hasattr(self.cache, "rope_offset"):
            return "absent"
        found = self.cache.rope_offset()
        return shown(found) if isinstance(found, mx.array) else found

    # Serialized form

    def set_state(self, which: str) -> str:
        self.cache.state = [] if which == "empty" else self.cache.state[:1]
        return "ok"

    def set_meta_state(self, texts: str) -> str:
        self.cache.meta_state = texts.split(";")
        return "ok"

    def round_trip(self) -> str:
        self.cache = self._restored(self.cache.state, self.cache.meta_state)
        return "ok"

    def restore_meta(self, texts: str) -> str:
        self.cache = self._restored(self.cache.state, texts.split(";"))
        return "ok"

    def restore_empty(self, texts: str) -> str:
        self.cache = self._restored([], [] if texts == "-" else texts.split(";"))
        return "ok"

    def _restored(self, state: Any, meta_state: Any) -> Any:
        return type(self.cache).from_state(state, meta_state)

    # What the cache shows

    def shown(self) -> dict[str, Any]:
        return shown_cache(self.cache)


def shown_cache(cache: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "offset": attempt(lambda: position(cache)),
        "is_trimmable": attempt(cache.is_trimmable),
        "is_empty": attempt(lambda: cache.empty()) if hasattr(cache, "empty") else None,
        "meta_state": attempt(lambda: listed(cache.meta_state)),
        "state": attempt(lambda: [shown(array) for array in flat(cache.state)]),
    }
    if hasattr(cache, "reference_class_name"):
        found["class_name"] = cache.reference_class_name
        found["max_size"] = cache.max_size
        found["nbytes"] = getattr(cache, "nbytes", None)
    if hasattr(cache, "inner_state"):
        found["inner"] = [list(array.shape) for array in cache.inner_state()]
    return found


def position(cache: Any) -> Any:
    """The offset; of a batch, how many tokens are in its buffers."""
    for name in ("written", "index"):
        if type(cache).__name__.startswith("Batch") and hasattr(cache, name):
            return getattr(cache, name)
    return cache.offset


def attempt(read: Any) -> Any:
    try:
        return read()
    except Exception as error:
        return {"error": type(error).__name__}


def listed(value: Any) -> Any:
    """Tuples as lists, and the empty text of mlx-lm as no texts."""
    if value == "":
        return []
    return _lists(value)


def _lists(value: Any) -> Any:
    return [_lists(part) for part in value] if isinstance(value, list | tuple) else value


def flat(state: Any) -> list[mx.array]:
    if isinstance(state, list | tuple):
        return [array for part in state for array in flat(part)]
    if state is None:
        return []
    if not isinstance(state, mx.array):
        raise TypeError(f"a state of {type(state).__name__}")
    return [state]


def shown(array: mx.array) -> dict[str, Any]:
    """Dtype, shape and values; of keys and values the first of each token, of a mask its rows."""
    found = {"dtype": str(array.dtype).removeprefix("mlx.core."), "shape": list(array.shape)}
    if array.dtype == mx.bool_:
        width = array.shape[-1]
        rows = array.reshape(-1, width).tolist() if array.size else []
        return {**found, "rows": ["".join(".1"[seen] for seen in row) for row in rows]}
    if array.ndim == 4 and array.shape[-1] > 1:
        array = array[..., :1]
    values = array.flatten().tolist()
    return {**found, "values": [int(v) if float(v).is_integer() else v for v in values]}
