"""Hostile files: one typed error that names key and reason, within the budget of the file."""

from __future__ import annotations

import os
import random
import time
import tracemalloc

import mlx.core as mx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.filetools.goldens import goldens
from conformance.filetools.hostile import build, read_hostile
from reference_impl.files import LAYOUTS, container, decode, encode, load, save
from reference_impl.files.content import Content
from reference_impl.files.errors import CannotHold, PromptCacheError

HOSTILE = read_hostile()
GOLDEN = [path.read_bytes() for _, _, path in goldens()]
MUTATIONS = int(os.environ.get("MUTATED_FILES", "1000"))
# What the reader may take beyond the file, measured for its Python objects and its arrays.
MEGABYTE = 1 << 20


@pytest.mark.parametrize("file", HOSTILE, ids=[file.id for file in HOSTILE])
def test_hostile_file(file, tmp_path):
    path = tmp_path / "hostile.safetensors"
    data = build(file)
    path.write_bytes(data)
    start = time.process_time()
    with pytest.raises(PromptCacheError):
        load(path)
    seconds = time.process_time() - start
    tracemalloc.start()
    mx.reset_peak_memory()
    before = mx.get_active_memory()
    with pytest.raises(PromptCacheError) as refused:
        load(path)
    peak = tracemalloc.get_traced_memory()[1] + mx.get_peak_memory() - before
    tracemalloc.stop()
    error = refused.value
    assert (error.kind, error.payload["key"]) == (file.expect.error, file.expect.key)
    assert file.expect.reason in error.payload["reason"]
    assert len(str(error)) < 1000
    assert seconds < file.budget.seconds
    assert peak < file.budget.memory_mb * MEGABYTE + len(data)


def test_every_truncation_of_a_file_is_refused(tmp_path):
    path = tmp_path / "cut.safetensors"
    whole = max(GOLDEN, key=lambda data: data.count(b'"') if len(data) < 2000 else 0)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(PromptCacheError):
            load(path)


def refused_or_whole(path) -> None:
    """One typed error with key and reason; or a content from which no tensor is missing."""
    try:
        loaded = load(path)
    except PromptCacheError as error:
        said = error.payload
    else:
        said = {"key": "none", "reason": "none"}
        try:
            again = encode(loaded.content, loaded.layout, allow_loss=True).flat
        except CannotHold:
            return
        assert len(again.tensors) == len(container.read(path).tensors)
        assert decode(again, loaded.layout).layout == loaded.layout
    assert said["key"]
    assert said["reason"]


def mutate(data: bytes, rng: random.Random) -> bytes:
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


SEVERAL = settings(
    max_examples=MUTATIONS,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TEXTS = [
    *(b'"0.0"', b'"2.0"', b'"1.0"', b"0", b"1", b"-1", b"4294967295", b"1048577", b"e9", b"\xff"),
    *(b",", b'"', b'""', b".", b"{", b"}", b"[", b"]", b":", b"\\u0000"),
    *(b"F32", b"BF16", b"I32", b"U8", b"ArraysCache", b"KVCache", b"CacheList", b"MambaCache"),
    *(b"none", b"scalar", b"string"),
]


@SEVERAL
@given(seed=st.integers(0, 2**63), which=st.integers(0, len(GOLDEN) - 1))
def test_mutated_files_are_refused_or_read_whole(tmp_path_factory, seed, which):
    path = tmp_path_factory.getbasetemp() / "mutant.safetensors"
    path.write_bytes(mutate(GOLDEN[which], random.Random(seed)))
    refused_or_whole(path)


WORDS = [
    *("0", "1", "2", "0.0", "0.1", "1.0", "0.0.0", "0.0.1", "2.0", "2.1", "2.1.0", "", "-1", "00"),
    *("4294967295", "1048576", "0,1", "256", "List", "None", "none", "string", "scalar"),
    *("ArraysCache", "KVCache", "CacheList", "RotatingKVCache", "QuantizedKVCache"),
    *("ChunkedKVCache", "MambaCache"),
]


def _structured(header: dict, rng: random.Random) -> None:
    """A change that leaves a well-formed file: of a key, a value, a shape, a class."""
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


@SEVERAL
@given(seed=st.integers(0, 2**63), which=st.integers(0, len(GOLDEN) - 1))
def test_well_formed_files_with_wrong_content(tmp_path_factory, seed, which):
    import json

    rng, data = random.Random(seed), GOLDEN[which]
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for _ in range(rng.randint(1, 4)):
        _structured(header, rng)
    text = json.dumps(header).encode()
    path = tmp_path_factory.getbasetemp() / "wrong.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    refused_or_whole(path)


def test_the_user_may_have_any_key(tmp_path):
    """The third table of metadata: mlx-lm makes a list as long as such a key says, and ends."""
    path = tmp_path / "file.safetensors"
    metadata = {"4294967295": "a", "9" * 40: "b", "0.4294967295": "c", "": "d", "../x": "e"}
    content = Content((), metadata)
    for layout in LAYOUTS:
        save(path, content, layout)
        tracemalloc.start()
        found = load(path, layout).content.user_metadata
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert dict(found) == metadata
        assert peak < MEGABYTE
