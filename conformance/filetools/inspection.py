"""What is in a prompt-cache file, who can have written it, and what readers make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.filetools.exchange import read_one
from conformance.filetools.reading import Reading
from conformance.fixtures.dialects import read_dialects
from conformance.transport.backend import OperationRefused

if TYPE_CHECKING:
    from conformance.transport.reference_files import Opened
    from reference_impl.files.content import Content, Entry
    from reference_impl.files.errors import PromptCacheError

WRITERS = {
    "mlx-lm-0.31": "mlx-lm up to 0.31.3",
    "mlx-lm-0.32": "mlx-lm 0.32.0 and later",
    "mlx-lm-main-2026-08-22": "mlx-lm's main branch of 2026-08-22, never released",
    "mlx-swift-lm": "mlx-swift-lm",
    "mlxrs-0.1": "mlxrs 0.1",
}
LAYOUTS = ("mlx-lm-0.31", "mlx-lm-0.32", "mlx-swift-lm", "mlxrs-0.1")
_ROWS_SHOWN = 16
_MEANINGS = {
    "same": "yes, whole",
    "lossy": "yes, but {}",
    "wrong": "NO, without an error it gets {}",
    "error": "no, it raises {}",
    "crash": "no, {}",
}
_REFUSED = {
    "BadContainer": "is no whole safetensors file",
    "UnknownLayout": "holds no prompt cache in a layout that is known",
    "UnknownClass": "holds a cache of an unknown class",
    "TooLarge": "asks for more than any real prompt cache",
}


def facts(path: Path) -> dict[str, Any]:
    """Everything about a file as plain data; raises a PromptCacheError for what is none."""
    from reference_impl.files import load

    loaded = load(path)
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "layout": loaded.layout,
        "fits": list(loaded.candidates),
        "writers": [writer(name, loaded.content) for name in loaded.candidates],
        "caches": [_cache(entry) for entry in loaded.content.entries],
        "user_metadata": dict(loaded.content.user_metadata),
        "readers": {name: found.spelled() for name, found in readers(path).items()},
    }


def writer(layout: str, content: Content) -> str:
    """Who can have written a file in a layout with this content."""
    names = {entry.class_name for entry in content.entries}
    if layout == "mlx-lm-0.31" and "MambaCache" in names:
        return "mlx-lm 0.26.1 to 0.30.5"
    if layout == "mlx-lm-0.31" and "CacheList" in names:
        return "mlx-lm 0.31.0 to 0.31.3"
    return WRITERS[layout]


def readers(path: Path) -> dict[str, Reading]:
    """What the reader of every dialect does with a file, compared with what is in it."""
    from conformance.transport.reference_files import Opened
    from reference_impl.files.readers import READERS

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
    """Why a file is none, in one line."""
    what = next(
        (words for kind, words in _REFUSED.items() if kind == error.kind),
        "is damaged, or written by nobody that is known",
    )
    return f"{path}: {what}: {error.kind}: {error}"


def reading_lines(path: Path, found: Mapping[str, str] | None = None) -> Iterator[str]:
    """What every reader does with a file, in words."""
    if found is None:
        found = {name: reading.spelled() for name, reading in readers(path).items()}
    run = {dialect.id for dialect in read_dialects().values() if dialect.evidence == "run"}
    yield "who reads it:"
    for name, said in found.items():
        kind, _, what = said.partition(": ")
        words = _MEANINGS[kind].format(what)
        yield f"  {name:<22} {words}{'' if name in run else ' (by its source, not run)'}"


def _cache(entry: Entry) -> dict[str, Any]:
    from reference_impl.files.content import ListEntry, SlotEntry

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


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The facts for a terminal."""
    yield f"{found['file']}: {found['bytes']} bytes"
    also = f" (its keys also fit {', '.join(found['fits'][1:])})" if found["fits"][1:] else ""
    yield f"layout: {found['layout']}{also}"
    yield f"written by: {' or '.join(found['writers'])}"
    yield f"caches: {len(found['caches'])}"
    for index, cache in enumerate(found["caches"]):
        yield from _cache_lines(str(index), cache, "  ")
    if found["user_metadata"]:
        yield "user metadata:"
        for key, value in found["user_metadata"].items():
            yield f"  {_printable(key)} = {_printable(value)}"
    yield from reading_lines(Path(found["file"]), found["readers"])
    others = [name for name in LAYOUTS if name not in found["fits"]]
    yield f"for other readers: mlx-cache-conformance convert FILE OUT --to {' | '.join(others)}"


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
    """A text of the file without control characters, and not longer than a line."""
    quoted = ascii(text)[1:-1]
    return quoted if len(quoted) <= 120 else f"{quoted[:120]}... ({len(text)} characters)"
