"""The reference's own saving and loading of prompt-cache files.

The adapter around the reference takes in those of its dialect. As a program of its own,
`python -m conformance.transport.reference_files READER` saves and loads in the manner of any
reader; `strict` reads every layout as the reference does, and writes nothing.
"""

from __future__ import annotations

import sys
from typing import Any

import mlx.core as mx

from conformance import __version__
from conformance.tensor import Tensor
from conformance.transport import adapter
from conformance.transport.cachefiles import Codec, describe
from reference_impl.files import container, decode, load
from reference_impl.files.content import (
    BATCH_NUMBERS,
    BatchEntry,
    Content,
    Entry,
    KeyValueEntry,
    ListEntry,
    SlotEntry,
    raw,
    trimmed,
    trimmed_batch,
)
from reference_impl.files.readers import load_as, save_as

STRICT = "strict"
# What the constructors take where nothing is given.
_DEFAULTS: dict[str, dict[str, int | None]] = {
    "RotatingKVCache": {"keep": 0},
    "QuantizedKVCache": {"group_size": 64, "bits": 8},
    "ChunkedKVCache": {"chunk_size": None},
}


class ReferenceFiles:
    """File functions in the manner of one dialect, or strict ones."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect

    def save(self, path: str, caches: list[Any], user_metadata: dict[str, str]) -> None:
        """Write what the dialect's writer would write; CannotHold where it would fail."""
        content = Content(tuple(entry(spec) for spec in caches), user_metadata)
        container.write(path, save_as(self._dialect, content))

    def resave(self, path: str) -> None:
        """Write what the dialect's reader would go on with to the file that it came from."""
        content = load(path).content
        container.write(path, save_as(self._dialect, content))

    def load(self, path: str) -> dict[str, Any]:
        """What the dialect's reader finds in a file, or what is in it."""
        if self._dialect == STRICT:
            content = load(path).content
            plain = [described(each) for each in content.entries]
            return {"caches": plain, "user_metadata": dict(content.user_metadata)}
        objects, metadata = load_as(self._dialect, container.read(path))
        shown = [describe(each, adapter.encode) for each in objects]
        return {"caches": shown, "user_metadata": metadata}


def entry(spec: dict[str, Any]) -> Entry:
    """The entry of a cache that travels as a dict; one that is `held` is as `load` gives it."""
    if spec.get("held"):
        return restored(spec, _decoded)
    name = spec["class_name"]
    if name == "CacheList":
        return ListEntry(tuple(entry(child) for child in spec["caches"]))
    if "slots" in spec:
        slots = [None if slot is None else adapter.decode(slot) for slot in spec["slots"]]
        rows = [spec.get(what) for what in ("left_padding", "lengths")]
        return SlotEntry(
            name, tuple(slots), *(None if row is None else adapter.decode(row) for row in rows)
        )
    numbers: dict[str, int | None] = {**_DEFAULTS.get(name, {}), **spec.get("numbers", {})}
    halves = [adapter.decode(half[0]) for half in (spec["keys"], spec["values"]) if half]
    numbers["offset"] = halves[0].shape[2] if halves else 0
    if name == "RotatingKVCache":
        numbers["idx"] = numbers["offset"]
    if name == "ChunkedKVCache":
        numbers["start_position"] = 0
    if name == "QuantizedKVCache":
        size, bits = numbers["group_size"], numbers["bits"]
        parts = [tuple(mx.quantize(half, group_size=size, bits=bits)) for half in halves]
    else:
        parts = [(half,) for half in halves]
    keys, values = parts or ((), ())
    return KeyValueEntry(name, keys, values, numbers)


def described(each: Entry, encode: Codec = adapter.encode) -> dict[str, Any]:
    """The opposite of `entry`, in the form that `load` gives."""
    if isinstance(each, ListEntry):
        children = [described(child, encode) for child in each.children]
        return {"class_name": each.class_name, "caches": children}
    if isinstance(each, SlotEntry):
        return {
            "class_name": each.class_name,
            "slots": encode(each.slots),
            "left_padding": encode(each.left_padding),
            "lengths": encode(each.lengths),
        }
    if isinstance(each, BatchEntry):
        each = trimmed_batch(each)
        rows = {"offset": encode(each.offset), "left_padding": encode(each.left_padding)}
        return {
            "class_name": each.class_name,
            "keys": [] if each.keys is None else [encode(each.keys)],
            "values": [] if each.values is None else [encode(each.values)],
            "numbers": {**rows, **each.numbers},
        }
    each = trimmed(each)
    return {
        "class_name": each.class_name,
        "keys": encode(each.keys),
        "values": encode(each.values),
        "numbers": dict(each.numbers),
    }


def _decoded(value: Any) -> Any:
    return None if value is None else adapter.decode(value)


def restored(cache: dict[str, Any], decode: Codec = lambda value: value) -> Entry:
    """The entry of a cache in the form that `load` gives; its tensors are decoded."""
    name = cache["class_name"]
    if "caches" in cache:
        return ListEntry(tuple(restored(child, decode) for child in cache["caches"]))
    if "slots" in cache:
        slots = tuple(map(decode, cache["slots"]))
        return SlotEntry(name, slots, decode(cache["left_padding"]), decode(cache["lengths"]))
    numbers = cache["numbers"]
    keys, values = (tuple(map(decode, cache[half])) for half in ("keys", "values"))
    if name in BATCH_NUMBERS:
        rest = {what: bool(numbers[what]) if what == "rotated" else numbers[what]
                for what in BATCH_NUMBERS[name]}  # fmt: skip
        first, second = (half[0] if half else None for half in (keys, values))
        offset, padding = (decode(numbers[what]) for what in ("offset", "left_padding"))
        return BatchEntry(name, first, second, offset, padding, rest)
    return KeyValueEntry(name, keys, values, numbers)


class Opened:
    """A file in memory, shown to one reader after the other without copying it for each."""

    def __init__(self, path: str) -> None:
        self._flat = container.read(path)
        self._seen: dict[int, tuple[mx.array, Tensor]] = {}

    def content(self) -> dict[str, Any]:
        """What is in it, in the form that `load` gives, with `Tensor`."""
        content = decode(self._flat).content
        plain = [described(each, self._encode) for each in content.entries]
        return {"caches": plain, "user_metadata": dict(content.user_metadata)}

    def read_as(self, reader: str) -> dict[str, Any]:
        """What a dialect's reader finds, in that form; raises what it would raise."""
        objects, metadata = load_as(reader, self._flat)
        shown = [describe(each, self._encode) for each in objects]
        return {"caches": shown, "user_metadata": metadata}

    def _encode(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._encode(item) for item in value]
        if not isinstance(value, mx.array):
            return adapter.encode(value)
        if id(value) not in self._seen:
            dtype = str(value.dtype).rpartition(".")[2].rstrip("_")
            tensor = Tensor(dtype, tuple(value.shape), raw(value))
            self._seen[id(value)] = value, tensor  # the array too, so that its id stays its own
        return self._seen[id(value)][1]


class FileAdapter:
    """The file operations of the wire protocol and no other."""

    def __init__(self, files: ReferenceFiles, implementation: dict[str, str]) -> None:
        self._files = files
        self._implementation = implementation

    def perform(self, op: str, params: dict[str, Any]) -> Any:
        """Carry out one operation; whatever the reference raises passes through."""
        if op == "initialize":
            return {
                "protocol": adapter.PROTOCOL_VERSION,
                "implementation": self._implementation,
                "dialect": "",
                "capabilities": list(adapter.FILE_OPERATIONS),
            }
        if op == "save":
            return self._files.save(params["path"], params["caches"], params["user_metadata"])
        if op == "load":
            return self._files.load(params["path"])
        if op == "resave":
            return self._files.resave(params["path"])
        raise adapter.UnknownOperation(f"no operation {op}")


def serve(reader: str) -> FileAdapter:
    """The file operations of the reference in the manner of a reader."""
    who = {"name": f"reference as {reader}", "version": __version__, "language": "python"}
    return FileAdapter(ReferenceFiles(reader), who)


if __name__ == "__main__":
    adapter.serve(serve(sys.argv[1]).perform)
