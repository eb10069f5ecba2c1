"""What is in a prompt-cache file, who can have written it, and what readers make of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.filetools.consistency import disagreements
from conformance.filetools.exchange import read_one
from conformance.filetools.goldens import reader_lineages
from conformance.filetools.identify import identify
from conformance.filetools.reading import ERROR, TRAP, Reading
from conformance.fixtures.dialects import read_dialects
from conformance.outcomes.reading import LOSSY, SAME, WRONG
from conformance.transport.backend import OperationRefused
from conformance.transport.reference_files import Opened
from reference_impl.files import load
from reference_impl.files.content import BatchEntry, ListEntry, SlotEntry, walk
from reference_impl.files.readers import READERS

if TYPE_CHECKING:
    from reference_impl.files.content import Content, Entry
    from reference_impl.files.errors import PromptCacheError

LAYOUTS = ("mlx-lm-0.31", "mlx-lm-0.32", "mlx-swift-lm", "mlxrs-0.1")
# Layout -> who writes it. The two older ones of mlx-lm are told by their releases.
_WRITERS = {
    "mlx-lm-0.32": "mlx-lm 0.32.0 and later",
    "mlx-lm-main-2026-08-22": "mlx-lm's main branch of 2026-08-22, never released",
    "mlx-swift-lm": "mlx-swift-lm",
    "mlxrs-0.1": "mlxrs 0.1",
}
# Class -> the release of mlx-lm that has it, where that is not the first one.
_SINCE = {
    "QuantizedKVCache": "0.19.3",
    "ChunkedKVCache": "0.22.5",
    "ConcatenateKVCache": "0.25.3",
    "ArraysCache": "0.26.1",
    "BatchKVCache": "0.28.0",
    "BatchRotatingKVCache": "0.28.1",
    "CacheList": "0.31.1",
}
_ROWS_SHOWN = 16
# Files of more caches are shown with a line for each kind of them.
_CACHES_SHOWN = 20
_RUNS_SHOWN = 6
_TEXT_SHOWN = 120
_MEANINGS = {
    SAME: "yes, whole",
    LOSSY: "yes, but {}",
    WRONG: "NO, without an error it gets {}",
    ERROR: "no, it raises {}",
    TRAP: "no, {}",
}
_REFUSED = {
    "BadContainer": "is not a whole safetensors file",
    "UnknownLayout": "holds no prompt cache in a layout that is known",
    "UnknownClass": "holds a cache of an unknown class",
    "TooLarge": "asks for more than any real prompt cache",
}


def facts(path: Path) -> dict[str, Any]:
    """Everything about a file; raises a PromptCacheError for what is none."""
    loaded = load(path)
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "layout": loaded.layout,
        "fits": list(loaded.candidates),
        "writers": writers(loaded.candidates, loaded.content),
        "caches": [_cache(entry) for entry in loaded.content.entries],
        "disagreements": list(disagreements(loaded.content)),
        "user_metadata": dict(loaded.content.user_metadata),
        "readers": readers(path),
    }


def plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as JSON has them."""
    return {**found, "readers": {name: each.spelled() for name, each in found["readers"].items()}}


def writers(layouts: Sequence[str], content: Content) -> list[str]:
    """Who can have written a file whose keys fit these layouts, with this content."""
    names = {entry.class_name for _, entry in walk(content)}
    versions = [name for name in layouts if name in ("mlx-lm-0.28", "mlx-lm-0.31")]
    found = [f"mlx-lm {_first(versions, names)} to {_last(versions, names)}"] if versions else []
    return found + [_WRITERS[name] for name in layouts if name in _WRITERS]


def _first(versions: Sequence[str], names: set[str]) -> str:
    """The first release of mlx-lm with all of these classes in a layout."""
    since = [_SINCE[name] for name in names if name in _SINCE]
    return max(since + ([] if "mlx-lm-0.28" in versions else ["0.28.1"]), default="0.19.1")


def _last(versions: Sequence[str], names: set[str]) -> str:
    if "mlx-lm-0.31" not in versions:
        return "0.28.0"
    return "0.30.5" if "MambaCache" in names else "0.31.3"


def readers(path: Path) -> dict[str, Reading]:
    """What the reader of every dialect does with a file, compared with what is in it."""
    opened = Opened(str(path))
    expected = opened.content()
    return {name: read_one(_Reader(opened, name), path, expected) for name in READERS}


class _Reader:
    """A dialect's reader as `read_one` asks for it."""

    def __init__(self, opened: Opened, name: str) -> None:
        self._opened = opened
        self._name = name

    def call(self, op: str, **arguments: Any) -> Any:
        """Loads the file that is open, whatever the arguments are."""
        try:
            return self._opened.read_as(self._name)
        except Exception as error:
            kind = getattr(error, "kind", type(error).__name__)
            raise OperationRefused(kind, str(error)) from error


def refused(path: str | Path, error: PromptCacheError) -> str:
    """Why a file is none, in one line: what it is instead, where something tells."""
    known = identify(Path(path))
    if known is not None:
        return f"{path}: cannot be read as a prompt cache: it is {known}"
    what = next(
        (words for kind, words in _REFUSED.items() if kind == error.kind),
        "is damaged, or written by nobody that is known",
    )
    return f"{path}: {what}: {error.kind}: {error}"


def reading_lines(found: Mapping[str, Reading]) -> Iterator[str]:
    """What every reader does with a file, in words."""
    run = {dialect.id for dialect in read_dialects().values() if dialect.evidence == "run"}
    lineages = reader_lineages()
    yield "who reads it:"
    for name, reading in found.items():
        words = _MEANINGS[reading.kind].format(reading.what)
        source = "" if run & {*lineages[name]} else " (by its source, not run)"
        yield f"  {name:<22} {words}{source}"


def _cache(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, ListEntry):
        children = [_cache(child) for child in entry.children]
        return {"class": entry.class_name, "caches": children}
    if isinstance(entry, SlotEntry):
        return {
            "class": entry.class_name,
            "slots": [None if slot is None else _tensor(slot) for slot in entry.slots],
            "left_padding": _rows(entry.left_padding),
            "lengths": _rows(entry.lengths),
        }
    if isinstance(entry, BatchEntry):
        return {
            "class": entry.class_name,
            "keys": [] if entry.keys is None else [_tensor(entry.keys)],
            "values": [] if entry.values is None else [_tensor(entry.values)],
            "offset": _rows(entry.offset),
            "left_padding": _rows(entry.left_padding),
            **entry.numbers,
        }
    return {
        "class": entry.class_name,
        "keys": [_tensor(tensor) for tensor in entry.keys],
        "values": [_tensor(tensor) for tensor in entry.values],
        **entry.numbers,
        **entry.extra,
    }


def _tensor(tensor: Any) -> str:
    dtype = str(tensor.dtype).rpartition(".")[2]
    return f"{dtype}[{','.join(map(str, tensor.shape))}] {tensor.nbytes} bytes"


def _rows(rows: Any) -> str | None:
    if rows is None:
        return None
    values = rows.flatten().tolist()
    more = ", ..." if len(values) > _ROWS_SHOWN else ""
    dtype = str(rows.dtype).rpartition(".")[2]
    shown = ", ".join(map(str, values[:_ROWS_SHOWN]))
    return f"[{shown}{more}]" + ("" if dtype == "int32" else f" as {dtype}")


def lines(found: dict[str, Any], everything: bool = False) -> Iterator[str]:
    """The facts for a terminal: each cache, or each kind of cache where there are many."""
    yield f"{found['file']}: {found['bytes']} bytes"
    also = f" (its keys also fit {', '.join(found['fits'][1:])})" if found["fits"][1:] else ""
    yield f"layout: {found['layout']}{also}"
    yield f"written by: {' or '.join(found['writers'])}"
    yield f"caches: {len(found['caches'])}"
    if everything or len(found["caches"]) <= _CACHES_SHOWN:
        for index, cache in enumerate(found["caches"]):
            yield from _cache_lines(str(index), cache, "  ")
    else:
        yield from _folded(found["caches"])
    for text in found["disagreements"]:
        yield f"the caches do not agree: {text}"
    if found["user_metadata"]:
        yield "user metadata:"
        for key, value in found["user_metadata"].items():
            yield f"  {_printable(key)} = {_printable(value)}"
    yield from reading_lines(found["readers"])
    others = [name for name in LAYOUTS if name not in found["fits"]]
    yield f"for other readers: mlx-cache-conformance convert FILE OUT --to {' | '.join(others)}"


def _folded(caches: Sequence[dict[str, Any]]) -> Iterator[str]:
    """One line for caches that are equal in everything that is shown of them."""
    kinds: dict[str, list[int]] = {}
    for index, cache in enumerate(caches):
        kinds.setdefault(_in_a_line(cache), []).append(index)
    for words, indices in islice(kinds.items(), _CACHES_SHOWN):
        many = f" ({len(indices)} caches)" if len(indices) > 1 else ""
        yield f"  {_ranges(indices)}{many} {words}"
    left = len(kinds) - _CACHES_SHOWN
    if left > 0:
        yield f"  and {left} kinds more; --all shows every cache"
    else:
        yield "  --all shows every cache on its own"


def _in_a_line(cache: dict[str, Any]) -> str:
    if "caches" in cache:
        return f"{cache['class']} of " + "; ".join(map(_in_a_line, cache["caches"]))
    parts = []
    if "slots" in cache:
        slots = ["unset" if slot is None else slot for slot in cache["slots"]]
        more = ", ..." if len(slots) > _ROWS_SHOWN else ""
        parts.append(f"{len(slots)} slots: {', '.join(slots[:_ROWS_SHOWN])}{more}")
    for key, value in cache.items():
        if key not in ("class", "slots") and value is not None and value != []:
            said = " + ".join(value) if isinstance(value, list) else value
            parts.append(f"{key} {said}")
    return ", ".join([cache["class"], *parts])


def _ranges(indices: Sequence[int]) -> str:
    """`0-2, 4-6, 8`, and no more than a few of them."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1][1:] = [index]
        else:
            runs.append([index])
    shown = ["-".join(map(str, run)) for run in runs[:_RUNS_SHOWN]]
    return ", ".join(shown) + (", ..." if len(runs) > _RUNS_SHOWN else "")


def _cache_lines(where: str, cache: dict[str, Any], indent: str) -> Iterator[str]:
    rest = {key: value for key, value in cache.items() if key not in ("class", "slots", "caches")}
    if "caches" in cache:
        yield f"{indent}{where} {cache['class']} of {len(cache['caches'])}"
        for index, child in enumerate(cache["caches"]):
            yield from _cache_lines(f"{where}.{index}", child, indent + "  ")
        return
    slots = cache.get("slots")
    yield f"{indent}{where} {cache['class']}" + ("" if slots is None else f", {len(slots)} slots")
    for index, slot in enumerate(slots or ()):
        if slot is not None:
            yield f"{indent}  slot {index}: {slot}"
    unset = [str(index) for index, slot in enumerate(slots or ()) if slot is None]
    if unset:
        more = ", ..." if len(unset) > _ROWS_SHOWN else ""
        yield f"{indent}  unset: {', '.join(unset[:_ROWS_SHOWN])}{more}"
    for key, value in rest.items():
        if value is not None and value != []:
            yield f"{indent}  {key}: {', '.join(value) if isinstance(value, list) else value}"


def _printable(text: str) -> str:
    """A text of the file without control characters, and not longer than a line. Letters are shown
    as letters where the terminal has them.
    """
    has_letters = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    quoted = "".join(
        each
        if each.isprintable() and each != "\\" and (has_letters or each.isascii())
        else ascii(each)[1:-1]
        for each in text[:_TEXT_SHOWN]
    )
    return quoted if len(text) <= _TEXT_SHOWN else f"{quoted}... ({len(text)} characters)"
