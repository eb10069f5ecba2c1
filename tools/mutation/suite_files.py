"""What the fixtures say of prompt-cache files beyond the cases, which are about the dialects: what
the strict reader and a reader of no dialect find, and what can be converted.
"""

from __future__ import annotations

import builtins
import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from conformance.filetools import expectations
from conformance.filetools.exchange import read_one
from conformance.filetools.goldens import (
    goldens,
    read_expectations,
    read_provenance,
    reader_lineages,
)
from conformance.filetools.hostile import build, read_hostile
from conformance.filetools.library import Library
from conformance.filetools.model import FileChapter, folder
from conformance.filetools.written import differences
from conformance.fixtures import yamlfile
from conformance.transport.backend import OperationRefused, from_wire

DIALECTS = ("mlxrs-0.1", "mlx-lm-0.31", "mlx-lm-0.32", "mlx-swift-lm-3.31.3", "mlx-swift-lm-3.31.4")
READINGS = {writer: each.expectations for writer, each in read_expectations().items()}
READERS = sorted({name for each in READINGS.values() for case in each.values() for name in case})
LINEAGES = reader_lineages()
READ_AS = (*DIALECTS, "mlx-swift-lm-14414441")
OTHERS = sorted(set(READERS) - set(DIALECTS))
FILES = [(record.writer, golden.case, path) for record, golden, path in goldens()]
CONTENTS = expectations.contents()
HOSTILE = read_hostile()
LIBRARY = Library(folder())
WRITERS = yamlfile.decode(folder() / "chapter.yaml", FileChapter).writers
# The reference reads the frame of a file strictly, and has limits, whoever it reads as.
OWN_LIMITS = ("BadContainer", "TooLarge", "OutOfMemory")
GROUP = 8


def strict(writer: str) -> list[tuple[str, Path]]:
    """The files of a writer that the strict reader takes."""
    return [(case, path) for who, case, path in FILES
            if who == writer and not READINGS[writer][case]["strict"].error]  # fmt: skip


@pytest.mark.parametrize("writer", READINGS)
@pytest.mark.parametrize("reader", READERS)
def test_reader(reader: str, writer: str) -> None:
    """Exactly what is expected, where a case takes better outcomes too."""
    live = expectations.Local(reader)
    for who, case, path in FILES:
        if who == writer:
            found = read_one(live, path, CONTENTS[writer, case]).spelled()
            assert found == READINGS[writer][case][reader].spelled(), case


@pytest.mark.parametrize("start", range(0, len(HOSTILE), GROUP))
def test_hostile(start: int, tmp_path: Path) -> None:
    """The strict reader names the key that is to blame and the reason."""
    from conformance.transport.reference_files import serve

    path = tmp_path / "hostile.safetensors"
    for file in HOSTILE[start : start + GROUP]:
        path.write_bytes(build(file))
        with pytest.raises(ValueError) as refused:  # noqa: PT011
            serve("strict").perform("load", {"path": str(path)})
        error: Any = refused.value
        assert (error.kind, error.payload["key"]) == (file.expect.error, file.expect.key), file.id
        assert file.expect.reason in error.payload["reason"], file.id
        if error.kind == "TooLarge":
            said_so = "{observed} is above {cap_name} = {cap}".format(**error.payload)
            assert said_so == error.payload["reason"], file.id


@pytest.mark.parametrize("start", range(0, len(HOSTILE), GROUP))
@pytest.mark.parametrize("reader", READ_AS)
def test_hostile_reader(reader: str, start: int, tmp_path: Path) -> None:
    """Exactly what is expected, where a case takes a refusal instead; the error is free."""
    path, live = tmp_path / "hostile.safetensors", expectations.Local(reader)
    for file in HOSTILE[start : start + GROUP]:
        if not file.is_given_to(LINEAGES[reader]):
            continue
        path.write_bytes(build(file))
        try:
            said = f"wrong: {len(live.call('load', path=str(path))['caches'])} caches"
        except OperationRefused as refused:
            said = "crash: the process ends" if refused.kind == "Trap" else "refused"
            if refused.kind in OWN_LIMITS:
                continue
            if not reader.startswith("mlx-lm") and hasattr(builtins, refused.kind):
                said = f"{refused.kind}, which only Python has"
        own = file.reading(LINEAGES[reader])
        assert said == ("refused" if own is None or own.error else own.spelled()), file.id


def plain(content: Any) -> Any:
    """A content as the wire has it, so that the reference's own comparison is not asked."""
    from conformance.transport.reference_files import described

    shown = from_wire([described(each) for each in content.entries])
    return shown, [*extras(content.entries)], dict(content.user_metadata)


def extras(entries: Iterable[Any], place: str = "") -> Iterator[tuple[str, str, str]]:
    """What only mlx-swift-lm writes of a cache; a step of 256 is everybody's."""
    for i, entry in enumerate(entries):
        yield from extras(getattr(entry, "children", ()), f"{place}{i}.")
        for what, value in getattr(entry, "extra", {}).items():
            if (what, value) != ("step", "256"):
                yield f"{place}{i}", what, value


@pytest.mark.parametrize("writer", READINGS)
def test_conversion(writer: str, tmp_path: Path) -> None:
    """What comes out says the same; what is refused would have lost something."""
    from conformance.filetools.conversion import convert
    from reference_impl.files import LAYOUTS, load
    from reference_impl.files.errors import CannotHold

    out = tmp_path / "out.safetensors"
    for case, path in strict(writer):
        for layout in LAYOUTS:
            missing: list[list[str]] = []
            try:
                convert(path, out, layout, force=True)
            except CannotHold as refused:
                missing = refused.payload["losses"]
                assert_named(layout, refused.payload)
            else:
                assert plain(load(out, layout).content) == plain(load(path).content), (case, layout)
            with contextlib.suppress(CannotHold):
                lost = convert(path, out, layout, allow_loss=True, force=True).losses
                assert [[loss.key, loss.reason] for loss in lost] == missing
                same = plain(load(out, layout).content) == plain(load(path).content)
                assert same != bool(lost), (case, layout)


@pytest.mark.parametrize("writer", sorted(set(OTHERS) & set(READINGS)))
def test_writer(writer: str, tmp_path: Path) -> None:
    """A writer of no dialect writes what its golden files are, and refuses what it cannot write."""
    live, path = expectations.Local(writer), tmp_path / "out.safetensors"
    for golden in read_provenance(folder() / writer).files:
        if golden.cannot is not None:
            with pytest.raises(OperationRefused):
                live.call("save", path=str(path), **LIBRARY.content(golden.case))
            continue
        live.call("save", path=str(path), **LIBRARY.content(golden.case))
        assert not list(differences(LIBRARY.golden(f"{writer}/{golden.case}"), path.read_bytes()))


@pytest.mark.parametrize("writer", sorted(set(DIALECTS) & set(WRITERS)))
def test_writer_refuses(writer: str, tmp_path: Path) -> None:
    """What the real writer fails on is not written."""
    live = expectations.Local(writer)
    for golden in read_provenance(folder() / WRITERS[writer]).files:
        if golden.cannot is not None:
            content = LIBRARY.content(golden.case)
            lists: list[Any] = LIBRARY.content("list")["caches"]
            for beside in ([], lists):
                whole = {**content, "caches": [*content["caches"], *beside]}
                with pytest.raises(OperationRefused):
                    live.call("save", path=str(tmp_path / "out"), **whole)


@pytest.mark.parametrize("writer", READINGS)
def test_another_layout(writer: str) -> None:
    """A file is read alike in the layouts that its keys fit, and refused or otherwise in others.

    But for an empty key/value cache, which mlx-lm would read and cannot save.
    """
    from reference_impl.files import LAYOUTS, READ_ONLY, load
    from reference_impl.files.errors import PromptCacheError

    for _, path in strict(writer):
        content, _, candidates = load(path)
        empty = not all(getattr(entry, "keys", True) for entry in content.entries)
        for layout in (*LAYOUTS, *READ_ONLY):
            try:
                same = plain(load(path, layout).content) == plain(content)
            except PromptCacheError:
                same = False
            assert same == (layout in candidates) or (same and empty), (path, layout)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """Without waiting for somebody to write into it."""
    from reference_impl.files import load
    from reference_impl.files.errors import BadContainer

    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BadContainer) as refused:
        load(tmp_path / "fifo")
    assert refused.value.payload == {"key": "file", "reason": "is not a regular file"}


def test_an_unknown_layout_is_refused() -> None:
    from reference_impl.files import load
    from reference_impl.files.errors import UnknownLayout

    with pytest.raises(UnknownLayout) as refused:
        load(FILES[0][2], "mlx-lm-0.1")
    assert refused.value.payload["key"] == "layout"
    assert "mlx-lm-0.31" in refused.value.payload["reason"]


@pytest.mark.parametrize("writer", READINGS)
def test_save(writer: str, tmp_path: Path) -> None:
    from reference_impl.files import LAYOUTS, READ_ONLY, encode, load, save
    from reference_impl.files.errors import CannotHold

    out = tmp_path / "out.safetensors"
    for case, path in strict(writer):
        content, layout, candidates = load(path)
        assert layout == candidates[0]
        if layout in READ_ONLY:
            assert refusal(save, out, content, layout)["key"] == layout
        elif not save(out, content, layout, allow_loss=True):
            assert plain(load(out, layout).content) == plain(content), case
            assert not save(out, content, layout), case
            assert not [*differences(LIBRARY.golden(f"{writer}/{case}"), out.read_bytes())], case
        for other in LAYOUTS:
            try:
                losses = encode(content, other, allow_loss=True).losses
            except CannotHold:
                refused = refusal(save, out, content, other, allow_loss=True)
                assert refused["final"]
                assert all(loss in refused["losses"] for loss in refused["final"])
                continue
            assert save(out, content, other, allow_loss=True) == losses
            assert load(out, other).layout == other
            if losses:
                asked = (save, out, content, other), (encode, content, other)
                for refused in (refusal(*each) for each in asked):
                    assert_named(other, refused)
                    assert not refused["final"]


def refusal(call: Callable[..., Any], *arguments: Any, **options: Any) -> dict[str, Any]:
    """The payload of CannotHold, which the call must raise."""
    from reference_impl.files.errors import CannotHold

    with pytest.raises(CannotHold) as refused:
        call(*arguments, **options)
    return refused.value.payload


def assert_named(layout: str, refused: dict[str, Any]) -> None:
    losses = refused["losses"]
    assert losses
    assert all(re.fullmatch(r"[0-9]+(\.[0-9]+)*", key) and reason for key, reason in losses)
    assert refused["key"] == layout
    assert refused["reason"] == "; ".join(map(": ".join, losses))


@pytest.mark.parametrize("writer", READINGS)
def test_comparison(writer: str) -> None:
    """Two contents differ for `convert` where they differ for the judge."""
    from reference_impl.files import load
    from reference_impl.files.content import differences

    contents = [load(path).content for _, path in strict(writer)]
    for one, other in [*pairwise(contents), *((each, each) for each in contents)]:
        assert (not list(differences(one, other))) == (plain(one) == plain(other))


def test_comparison_sees_bits_dtype_and_shape() -> None:
    from reference_impl.files import load
    from reference_impl.files.content import SlotEntry, differences

    content = load(next(path for _, case, path in FILES if case == "full")).content
    (entry,) = content.entries
    assert isinstance(entry, SlotEntry)
    first, *rest = entry.slots
    assert first is not None
    for other in (first.view(mx.int32), first.reshape(-1), first + 1):
        changed = replace(content, entries=(replace(entry, slots=(other, *rest)),))
        assert list(differences(content, changed))


ROWS = {
    "int32": mx.array([1, -2]),
    "none": mx.array([], dtype=mx.int32),
    "int64": mx.array([1, 2], dtype=mx.int64),
    "rank-2": mx.array([[1], [2]]),
    "fractions": mx.array([1.5, 2.0]),
    "beyond-int32": mx.array([2**31, 0], dtype=mx.int64),
    "below-int32": mx.array([-(2**31) - 1, 0], dtype=mx.int64),
}
NO_TEXT = ("fractions", "beyond-int32", "below-int32")
# What a layout spells as a text. Others keep tensors, or nothing.
TEXTS = {"mlx-swift-lm": 2, "mlxrs-0.1": 1}


@pytest.mark.parametrize("lengths", [None, *ROWS])
@pytest.mark.parametrize("left_padding", [None, *ROWS])
def test_losses(left_padding: str | None, lengths: str | None, tmp_path: Path) -> None:
    """Something is named exactly where what comes back is not the same."""
    from reference_impl.files import LAYOUTS, encode, load, save
    from reference_impl.files.content import Content, ListEntry, SlotEntry
    from reference_impl.files.errors import CannotHold

    path = tmp_path / "out.safetensors"
    rows = [None if each is None else ROWS[each] for each in (left_padding, lengths)]
    entry = SlotEntry("ArraysCache", (mx.ones([2, 1]),), *rows)
    for place, held in (("0", entry), ("0.0", ListEntry((entry,)))):
        for layout in LAYOUTS:
            content = Content((held,), {})
            hopeless = {left_padding, *[lengths][: TEXTS.get(layout, 0) - 1]} & set(NO_TEXT)
            try:
                losses = encode(content, layout, allow_loss=True).losses
            except CannotHold as refused:
                if any("cannot restore" in reason for _, reason in refused.payload["losses"]):
                    assert isinstance(held, ListEntry), layout  # too old for lists
                    continue
                assert hopeless
                assert layout in TEXTS
                named = [key for key, _ in refused.payload["losses"]]
            else:
                save(path, content, layout, allow_loss=True)
                named = [loss.key for loss in losses]
                same = plain(load(path, layout).content) == plain(content)
                assert same != bool(named), layout
                assert not hopeless or layout not in TEXTS
            assert set(named) <= {place}, layout


@pytest.mark.parametrize("writer", READINGS)
def test_filled_caches_fit_every_layout(writer: str) -> None:
    """But for where a window's size comes from, which only mlx-swift-lm keeps."""
    from reference_impl.files import LAYOUTS, encode, load

    for case, path in strict(writer):
        if case in ("key-value", "rotating", "quantized", "chunked"):
            for layout in LAYOUTS:
                losses = encode(load(path).content, layout, allow_loss=True).losses
                assert all("capacity_origin" in loss.reason for loss in losses), (case, layout)
