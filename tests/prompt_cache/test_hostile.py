"""Hostile files: one typed error that names key and reason, within the budget of the file."""

from __future__ import annotations

import random
import time
import tracemalloc
from dataclasses import replace

import mlx.core as mx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.filetools.goldens import goldens
from conformance.filetools.hostile import build, read_hostile
from reference_impl.files import LAYOUTS, load, save
from reference_impl.files.content import Content
from reference_impl.files.errors import BadContainer, PromptCacheError
from tools.mutated_files import CHANGES, find, problem, with_wrong_content

HOSTILE = read_hostile()
GOLDEN = [path.read_bytes() for _, _, path in goldens()]
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


SEVERAL = settings(
    max_examples=1000,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@SEVERAL
@given(seed=st.integers(0, 2**63), which=st.integers(0, len(GOLDEN) - 1))
def test_changed_files_are_refused_or_read_whole(tmp_path_factory, change, seed, which):
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    path.write_bytes(change(GOLDEN[which], random.Random(seed)))
    assert problem(path) is None


def test_what_is_wrong_with_a_reader_is_found(tmp_path, monkeypatch):
    """One that drops a tensor, one that names no reason, one that ends with another error."""
    path, data = tmp_path / "copy", GOLDEN[0]

    def found() -> str:
        return "\n".join(find(path, data, range(40), with_wrong_content))

    assert found() == ""

    def without_tensors(path, layout=None):
        loaded = load(path, layout)
        return loaded._replace(content=replace(loaded.content, entries=()))

    monkeypatch.setattr("tools.mutated_files.load", without_tensors)
    assert "are missing" in found()

    def silent(path, layout=None):
        raise BadContainer("file", "")

    monkeypatch.setattr("tools.mutated_files.load", silent)
    assert "names no key or no reason" in found()
    monkeypatch.setattr("tools.mutated_files.load", lambda path: {}["key"])
    assert "KeyError" in found()


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
