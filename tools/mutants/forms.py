"""Wrong readers and writers of files by one change of what is in a file, in arrays of mlx.

A change takes and gives `{"caches": [...], "user_metadata": {...}}` in the form that `load` gives,
with arrays for tensors. It is applied to what is read, or to what is about to be written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from conformance.mutants.mutant import Mutant
from conformance.mutants.wrong_files import Loaded, Wrong, WrongFiles, finding
from conformance.transport import adapter
from conformance.transport.reference_files import ReferenceFiles, described, entry, restored
from reference_impl.files import container, load
from reference_impl.files.content import Content
from reference_impl.files.readers import save_as

RS, LM31, LM32 = "mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32"
SWIFT3, SWIFT4 = "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4"
DIALECTS = (RS, LM31, LM32, SWIFT3, SWIFT4)
PYTHON = (LM31, LM32)

Cache = dict[str, Any]
Whole = dict[str, Any]
Change = Callable[[Whole], Whole]
Of = Callable[[Any], Any]


def each(change: Callable[[Cache], Cache]) -> Change:
    """A change of every cache that is not a list."""

    def changed(cache: Cache) -> Cache:
        if "caches" in cache:
            return {**cache, "caches": [changed(child) for child in cache["caches"]]}
        return change(cache)

    return lambda whole: {**whole, "caches": [changed(cache) for cache in whole["caches"]]}


def slot_tensors(change: Of) -> Change:
    """A change of every tensor in a slot."""
    return slots(lambda held: [change(t) if isinstance(t, mx.array) else t for t in held])


def slots(change: Of) -> Change:
    """A change of the list of slots."""
    return each(
        lambda c: {**c, "slots": change(c["slots"])} if isinstance(c.get("slots"), list) else c
    )


def rows(what: str, change: Callable[[list[int]], list[int]]) -> Change:
    """A change of the numbers of left padding or lengths."""

    def changed(cache: Cache) -> Cache:
        row = cache.get(what)
        if "slots" not in cache or not isinstance(row, mx.array) or row.ndim != 1:
            return cache
        return {**cache, what: mx.array(change(row.tolist()), row.dtype)}  # type: ignore[arg-type]

    return each(changed)


def halves(change: Of, *which: str, name: str = "") -> Change:
    """A change of every tensor of keys and values, or of one of both."""

    def changed(cache: Cache) -> Cache:
        if not cache["class_name"].endswith(name) or "keys" not in cache:
            return cache
        new = {
            half: [change(t) if isinstance(t, mx.array) else t for t in cache[half]]
            for half in which or ("keys", "values")
            if isinstance(cache[half], list)
        }
        return {**cache, **new}

    return each(changed)


def of_class(name: str, change: Callable[[Cache], Cache]) -> Change:
    """A change of the caches of one class that hold something."""
    return each(lambda c: change(c) if c["class_name"] == name and c.get("keys") else c)


def numbers(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """A change of the numbers of one class, empty or not."""
    return each(
        lambda c: {**c, "numbers": {**c["numbers"], **change(c["numbers"])}}
        if c["class_name"] == name else c
    )  # fmt: skip


def metadata(change: Callable[[dict[str, str]], dict[str, str]]) -> Change:
    """A change of the user's metadata, with keys as they were saved."""

    def changed(whole: Whole) -> Whole:
        flat = _flat(whole["user_metadata"])
        if not isinstance(flat, dict) or not all(isinstance(v, str) for v in flat.values()):
            return whole
        new = change(flat)
        return whole if new == flat else {**whole, "user_metadata": new}

    return changed


def values(change: Callable[[str], str]) -> Change:
    """A change of every value of the user."""
    return metadata(lambda table: {key: change(value) for key, value in table.items()})


def keys(change: Callable[[str], str]) -> Change:
    """A change of every key of the user."""
    return metadata(lambda table: {change(key): value for key, value in table.items()})


def texts(change: Callable[[str], str]) -> Change:
    """A change of keys and values."""
    return metadata(lambda table: {change(key): change(value) for key, value in table.items()})


def _flat(table: Any, prefix: str = "") -> Any:
    if not isinstance(table, dict):
        return table
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _arrays(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"dtype", "shape", "data"}:
        return adapter.decode(value)
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    return [_arrays(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return adapter.encode(value) if isinstance(value, mx.array) else value


def reading(change: Change) -> Wrong:
    """Files in which the change of what is there is found."""

    def changed(found: Loaded) -> Loaded:
        table = found["user_metadata"]
        whole = change({"caches": _arrays(found["caches"]), "user_metadata": table})
        return {"caches": _plain(whole["caches"]), "user_metadata": whole["user_metadata"]}

    return finding(changed)


def saving(dialect: str, change: Change) -> Wrong:
    """Files that the dialect's writer writes with the change, over a file that was loaded too."""

    def write(path: str, content: Content) -> None:
        whole = change(
            {
                "caches": [_arrays(described(each)) for each in content.entries],
                "user_metadata": dict(content.user_metadata),
            }
        )
        entries = tuple(restored(cache) for cache in whole["caches"])
        container.write(path, save_as(dialect, Content(entries, whole["user_metadata"])))

    def wrong(own: ReferenceFiles) -> WrongFiles:
        return WrongFiles(
            own.load,
            lambda path, caches, table: write(path, Content(tuple(map(entry, caches)), table)),
            lambda path: write(path, load(path).content),
        )

    return wrong


def mutants(
    about: str,
    wrongs: Sequence[tuple[str, str, Change]],
    among: Sequence[str] = DIALECTS,
    saved: Sequence[str] | None = None,
    over: bool = False,
) -> list[Mutant]:
    """A mutant of each (name, what is wrong, change): a reader and a writer by turns, in dialects
    that follow each other. `about` is the requirement that a reader violates; `saved` are the
    dialects whose writers can show it, `over` a file that was loaded where nobody is asked to
    write such a content.
    """
    writers = among if saved is None else saved
    made = []
    for at, (name, wrong, change) in enumerate(wrongs):
        if at % 2 == 0:
            reader = among[at // 2 % len(among)]
            made.append(
                Mutant(f"file-read-{name}", reader, (about,), f"In a file that is read, {wrong}.",
                       files=reading(change), one_kill=True)
            )  # fmt: skip
        else:
            writer = writers[at // 2 % len(writers)]
            made.append(
                Mutant(f"file-saved-{name}", writer, ("FILE-017" if over else "FILE-010",),
                       f"In a saved file, {wrong}.", files=saving(writer, change), one_kill=True)
            )  # fmt: skip
    return made
