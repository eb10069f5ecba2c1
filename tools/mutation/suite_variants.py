"""Laws of prompt-cache files: how a content fares says how others made of it fare.

What each reader does with the plain content is what the golden files' expectations say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.filetools import expectations
from conformance.filetools.exchange import read_one
from conformance.filetools.goldens import read_expectations
from conformance.filetools.library import Library
from conformance.filetools.model import folder
from conformance.tensor import Tensor, tensor
from conformance.transport.backend import OperationRefused, from_wire, to_wire

STRICT = "strict"
LIBRARY = Library(folder())
CASES = [case.id for case in LIBRARY.contents]
READERS = sorted({name for each in read_expectations().values()
                  for case in each.expectations.values() for name in case} - {STRICT})  # fmt: skip
KEY_VALUE = ("key-value", "rotating", "quantized", "chunked")
# mlxrs wants a ChunkedKVCache's tensors; an empty one of the other classes loads.
EMPTY = {("mlxrs-0.1", "chunked"): ("error: LengthMismatch", "same")}


def fares(reader: str, content: dict[str, Any], path: Path) -> tuple[str, str]:
    """What becomes of a content that is saved in a reader's manner: there, and strictly read."""
    try:
        expectations.Local(reader).call("save", path=str(path), **content)
    except OperationRefused as refused:
        return f"cannot: {refused.kind}", ""
    whole = {**content, "caches": [complete(cache) for cache in content["caches"]]}
    return readings(reader, path, whole)


def altered(
    reader: str,
    case: str,
    path: Path,
    entry_change: Callable[[Any], dict[str, Any]],
    cache_change: Callable[[dict[str, Any]], dict[str, Any]],
) -> tuple[str, str]:
    """The same of a file that no writer makes: one with another entry, and what must be found."""
    from reference_impl.files import load, save

    expectations.Local(reader).call("save", path=str(path), **LIBRARY.content(case))
    content, layout, _ = load(path)
    (entry,) = content.entries
    save(path, replace(content, entries=(replace(entry, **entry_change(entry)),)), layout)
    whole = LIBRARY.content(case, read=True)
    (cache,) = whole["caches"]
    return readings(reader, path, {**whole, "caches": [{**cache, **cache_change(cache)}]})


def readings(reader: str, path: Path, whole: dict[str, Any]) -> tuple[str, str]:
    """What a reader finds, and the strict one."""
    own, strict = (read_one(expectations.Local(name), path, whole) for name in (reader, STRICT))
    return anywhere(own.spelled()), anywhere(strict.spelled())


def complete(cache: dict[str, Any]) -> dict[str, Any]:
    """With the numbers that a writer makes of the offset."""
    if "caches" in cache:
        return {**cache, "caches": [complete(child) for child in cache["caches"]]}
    made = {"RotatingKVCache": "idx", "ChunkedKVCache": "start_position"}.get(cache["class_name"])
    if made is None:
        return cache
    value = cache["numbers"]["offset"] if made == "idx" else 0
    return {**cache, "numbers": {**cache["numbers"], made: value}}


def anywhere(said: str) -> str:
    """A reading without the places, each thing said once."""
    texts = (
        re.sub(r" of cache [0-9.]+|cache [0-9.]+ ", "", said).removeprefix("wrong: ").split(", ")
    )
    return ", ".join(dict.fromkeys(texts))


@pytest.mark.parametrize("case", [case for case in CASES if case not in ("no-slots", "list-empty")])
@pytest.mark.parametrize("reader", READERS)
def test_a_list_and_a_second_cache_fare_as_the_cache(
    reader: str, case: str, tmp_path: Path
) -> None:
    path, plain = tmp_path / "out.safetensors", LIBRARY.content(case)
    alone = fares(reader, plain, path)
    inside = [{"class_name": "CacheList", "caches": plain["caches"]}]
    assert fares(reader, {**plain, "caches": inside}, path) == alone
    assert fares(reader, {**plain, "caches": plain["caches"] * 2}, path) == alone
    assert fares(reader, {**plain, "caches": plain["caches"] + inside}, path) == alone


@pytest.mark.parametrize("case", KEY_VALUE)
@pytest.mark.parametrize("reader", READERS)
def test_an_empty_cache_fares_as_an_empty_key_value_cache(
    reader: str, case: str, tmp_path: Path
) -> None:
    path, plain = tmp_path / "out.safetensors", LIBRARY.content(case)
    (cache,) = plain["caches"]
    empty = {**cache, "keys": [], "values": [], "numbers": {**cache["numbers"], "offset": 0}}
    expected = fares(reader, LIBRARY.content("key-value-empty"), path)
    assert fares(reader, {**plain, "caches": [empty]}, path) == EMPTY.get((reader, case), expected)


@pytest.mark.parametrize("reader", READERS)
def test_quantized_without_biases_fares_as_quantized(reader: str, tmp_path: Path) -> None:
    path = tmp_path / "out.safetensors"
    own = altered(reader, "quantized", path, lambda entry: {}, lambda cache: {})
    assert own[1] == "same"
    assert own == altered(
        reader, "quantized", path,
        lambda entry: {"keys": entry.keys[:2], "values": entry.values[:2]},
        lambda cache: {half: cache[half][:2] for half in ("keys", "values")},
    )  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_quantized_values_are_their_own(reader: str, tmp_path: Path) -> None:
    """In the golden files they are the keys."""
    path = tmp_path / "out.safetensors"
    assert altered(reader, "quantized", path, lambda entry: {}, lambda cache: {}) == altered(
        reader, "quantized", path,
        lambda entry: {"values": tuple(part + part for part in entry.values)},
        lambda cache: {"values": [doubled(part) for part in cache["values"]]},
    )  # fmt: skip


def doubled(held: Tensor) -> Tensor:
    """Each element added to itself."""
    from conformance.transport import adapter

    array = adapter.decode(to_wire(held))
    found: Tensor = from_wire(adapter.encode(array + array))
    return found


@pytest.mark.parametrize("reader", READERS)
def test_user_metadata_may_be_any_unicode(reader: str, tmp_path: Path) -> None:
    path, plain = tmp_path / "out.safetensors", LIBRARY.content("user-metadata")
    foreign = {**plain, "user_metadata": {"größe": "東京 \U0001f600"}}
    assert fares(reader, foreign, path) == fares(reader, plain, path)


@pytest.mark.parametrize("reader", READERS)
def test_left_padding_may_be_any_int32(reader: str, tmp_path: Path) -> None:
    path, plain = tmp_path / "out.safetensors", LIBRARY.content("left-padding")
    (cache,) = plain["caches"]
    widest = {**cache, "left_padding": tensor("int32", [2], [-(2**31), 2**31 - 1])}
    assert fares(reader, {**plain, "caches": [widest]}, path) == fares(reader, plain, path)


@pytest.mark.parametrize("reader", READERS)
def test_a_slot_may_have_sixteen_axes(reader: str, tmp_path: Path) -> None:
    path, plain = tmp_path / "out.safetensors", LIBRARY.content("full")
    (cache,) = plain["caches"]
    deep = {**cache, "slots": [tensor("float32", [1] * 16, [1.5]), *cache["slots"][1:]]}
    assert fares(reader, {**plain, "caches": [deep]}, path) == ("same", "same")


@pytest.mark.parametrize("reader", READERS)
def test_a_window_may_have_any_size_of_int32(reader: str, tmp_path: Path) -> None:
    path, plain = tmp_path / "out.safetensors", LIBRARY.content("rotating")
    (cache,) = plain["caches"]
    wide = {**cache, "numbers": {**cache["numbers"], "max_size": 2**31 - 1}}
    assert fares(reader, {**plain, "caches": [wide]}, path) == ("same", "same")


@pytest.mark.parametrize("reader", READERS)
def test_a_chunk_may_begin_later(reader: str, tmp_path: Path) -> None:
    later = {"start_position": 2}
    assert altered(
        reader, "chunked", tmp_path / "out.safetensors",
        lambda entry: {"numbers": {**entry.numbers, **later}},
        lambda cache: {"numbers": {**cache["numbers"], **later}},
    ) == ("same", "same")  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
def test_a_chunk_may_have_no_size(reader: str, tmp_path: Path) -> None:
    from reference_impl.files import load
    from reference_impl.files.content import KeyValueEntry

    path, plain = tmp_path / "out.safetensors", LIBRARY.content("chunked")
    (cache,) = plain["caches"]
    endless = {**plain, "caches": [{**cache, "numbers": {**cache["numbers"], "chunk_size": None}}]}
    if reader != "mlx-lm-0.31":
        assert fares(reader, endless, path) == ("same", "same")
        for layout in load(path).candidates:
            (entry,) = load(path, layout).content.entries
            assert isinstance(entry, KeyValueEntry)
            assert entry.numbers["chunk_size"] is None, layout
        return
    with pytest.raises(OperationRefused, match=r"mlx-lm-0\.31: 0: "):  # it fails on a None
        expectations.Local(reader).call("save", path=str(path), **endless)


@pytest.mark.parametrize("case", ["rotating", "chunked"])
def test_more_tokens_than_positions(case: str, tmp_path: Path) -> None:
    """The offset of a chunk is read off its tensors, but for mlx-lm 0.32; a ring keeps its own."""
    from conformance.transport.reference_files import described
    from reference_impl.files import LAYOUTS, encode, load, save
    from reference_impl.files.content import Content, KeyValueEntry, ListEntry

    path = tmp_path / "out.safetensors"
    (entry,) = load(folder() / "mlx-lm-0.32.2" / f"{case}.safetensors").content.entries
    assert isinstance(entry, KeyValueEntry)
    tokens = entry.keys[0].shape[2] + 2
    moved = {"offset": tokens, "idx" if case == "rotating" else "start_position": 1}
    longer = replace(entry, numbers={**entry.numbers, **moved})
    for place, held in (("0", longer), ("0.0", ListEntry((longer,)))):
        for layout in LAYOUTS:
            lost = case == "chunked" and layout != "mlx-lm-0.32"
            content = Content((held,), {})
            losses = encode(content, layout, allow_loss=True).losses
            assert [loss.key for loss in losses] == [place] * lost, layout
            save(path, content, layout, allow_loss=True)
            (found,) = load(path, layout).content.entries
            assert (from_wire(described(found)) == from_wire(described(held))) != lost, layout


def test_lengths_are_of_mlx_swift_lm(tmp_path: Path) -> None:
    from reference_impl.files import load

    path, plain = tmp_path / "out.safetensors", LIBRARY.content("padding-and-lengths")
    inside = {**plain, "caches": [{"class_name": "CacheList", "caches": plain["caches"]}]}
    for content in (plain, inside):
        expectations.Local("mlx-swift-lm-3.31.4").call("save", path=str(path), **content)
        assert load(path).candidates == ("mlx-swift-lm",)
