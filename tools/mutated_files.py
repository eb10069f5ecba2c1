"""`python -m tools.mutated_files`: the strict reader on changed copies of every golden file.

Each is refused with an error that names key and reason, or is read with all its tensors. A file is
changed in two ways: its bytes anywhere, and its header to another one that is well formed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from conformance.filetools.goldens import goldens
from reference_impl.files import container, decode, encode, load
from reference_impl.files.errors import CannotHold, PromptCacheError

TEXTS = [
    *(b'"0.0"', b'"2.0"', b'"1.0"', b"0", b"1", b"-1", b"4294967295", b"1048577", b"e9", b"\xff"),
    *(b",", b'"', b'""', b".", b"{", b"}", b"[", b"]", b":", b"\\u0000"),
    *(b"F32", b"BF16", b"I32", b"U8", b"ArraysCache", b"KVCache", b"CacheList", b"MambaCache"),
    *(b"none", b"scalar", b"string"),
]
WORDS = [
    *("0", "1", "2", "0.0", "0.1", "1.0", "0.0.0", "0.0.1", "2.0", "2.1", "2.1.0", "", "-1", "00"),
    *("4294967295", "1048576", "0,1", "256", "List", "None", "none", "string", "scalar"),
    *("ArraysCache", "KVCache", "CacheList", "RotatingKVCache", "QuantizedKVCache"),
    *("ChunkedKVCache", "MambaCache"),
]
Change = Callable[[bytes, random.Random], bytes]


def with_changed_bytes(data: bytes, rng: random.Random) -> bytes:
    """One to four changes: of a byte, of a stretch, of the length, of a text of the header."""
    mutant = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        end = min(len(mutant), 8 + int.from_bytes(mutant[:8], "little"))
        at = rng.randrange(end) if rng.random() < 0.9 and end else rng.randrange(len(mutant) or 1)
        kind = rng.randrange(6)
        if kind == 0 and mutant:
            mutant[min(at, len(mutant) - 1)] = rng.randrange(256)
        elif kind == 1:
            del mutant[at : at + rng.randint(1, 12)]
        elif kind == 2:
            mutant[at:at] = mutant[at : at + rng.randint(1, 40)]
        elif kind == 3:
            mutant[at:at] = rng.choice(TEXTS)
        elif kind == 4:
            spot = mutant.find(rng.choice(TEXTS), 8)
            if spot >= 0:
                mutant[spot : spot + 1] = rng.choice(TEXTS)
        else:
            del mutant[rng.randrange(len(mutant) or 1) :]
    if rng.random() < 0.8 and len(mutant) > 8:  # a header of the right length goes deeper
        closing = mutant.rfind(b"}")
        mutant[:8] = max(0, closing - 7).to_bytes(8, "little")
    return bytes(mutant)


def with_wrong_content(data: bytes, rng: random.Random) -> bytes:
    """One to four changes that leave a well-formed file."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for _ in range(rng.randint(1, 4)):
        _change_entry(header, rng)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def _change_entry(header: dict[str, Any], rng: random.Random) -> None:
    """A change of a key, a value, a shape, a class."""
    metadata = header.get("__metadata__", {})
    table = rng.choice([header, metadata]) if metadata else header
    keys = [key for key in table if key != "__metadata__"]
    if not keys:
        return
    key = rng.choice(keys)
    action = rng.randrange(4)
    if action == 0:
        table[rng.choice(WORDS)] = table.pop(key)
    elif action == 1 and table is metadata:
        table[key] = rng.choice(WORDS)
    elif action == 2 and table is metadata:
        del table[key]
    elif action == 3 and table is metadata:
        table[key + "." + rng.choice(WORDS)] = rng.choice(WORDS)
    elif table is header and isinstance(table[key], dict):
        shape = table[key].get("shape", [])
        table[key]["shape"] = rng.choice([[*shape, 1], [1, *shape], shape[::-1]])


CHANGES: tuple[Change, ...] = (with_changed_bytes, with_wrong_content)


def problem(path: Path) -> str | None:
    """What is wrong with how a file is read: None for one typed error with key and reason, and for
    a content from which no tensor is missing.
    """
    try:
        loaded = load(path)
    except PromptCacheError as error:
        said = error.payload
        return None if said["key"] and said["reason"] else f"{error!r} names no key or no reason"
    try:
        again = encode(loaded.content, loaded.layout, allow_loss=True).flat
    except CannotHold:
        return None
    if len(again.tensors) != len(container.read(path).tensors):
        return "tensors of the file are missing in what is read"
    layout = decode(again, loaded.layout).layout
    return None if layout == loaded.layout else f"{loaded.layout} is read as {layout}"


def find(path: Path, data: bytes, seeds: range, change: Change) -> Iterator[str]:
    """What is wrong with changed copies of a file, which are written to `path` one by one."""
    for seed in seeds:
        mutant = change(data, random.Random(seed))
        path.write_bytes(mutant)
        try:
            why = problem(path)
        except Exception as error:  # what no reader may answer with
            why = repr(error)
        if why is not None:
            yield f"{change.__name__}, seed {seed}: {why}"


def rounds(
    files: Sequence[bytes], each: int, path: Path, until: float
) -> Iterator[tuple[bytes, int, str]]:
    """All files in turn, some copies at a time, until `each` of every one or the time is over.

    Yields a file, how many of its copies were read so far, and what was found.
    """
    share = max(1, min(100, each // len(CHANGES)))
    for start in range(0, each, share * len(CHANGES)):
        for data in files:
            if time.monotonic() > until:
                return
            seeds = range(start, start + share)
            found = [why for change in CHANGES for why in find(path, data, seeds, change)]
            yield data, start + share * len(CHANGES), "\n".join(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tools.mutated_files")
    parser.add_argument("--each", type=int, default=20_000, help="copies of every golden file")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after")
    options = parser.parse_args()
    names: dict[bytes, str] = {}  # equal files have equal copies
    for record, golden, path in goldens():
        names.setdefault(path.read_bytes(), f"{record.writer}/{golden.case}")
    tried, wrong = dict.fromkeys(names, 0), 0
    until = time.monotonic() + options.seconds
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        path = Path(folder) / "copy.safetensors"
        for data, tried[data], found in rounds(list(names), options.each, path, until):
            if found:
                wrong += 1
                print(f"{names[data]}: {found}", flush=True)
    counts = tried.values()
    print(f"{len(tried)} files, {min(counts)} to {max(counts)} changed copies of each:", end=" ")
    print(f"{wrong or 'nothing'} found in {sum(counts)}")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
