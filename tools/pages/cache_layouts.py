"""docs/prompt-cache-layouts.md: the keys of every layout, as the reference writes it.

Each cache is written with numbers that only one of its fields has, so that what is found under a
key says which field belongs there.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import mlx.core as mx

from conformance.filetools.safetensors import parse
from conformance.filetools.written import shown
from reference_impl.files import (
    mlx_lm_0_28,
    mlx_lm_0_31,
    mlx_lm_0_32,
    mlx_swift_lm,
    mlxrs_0_1,
)
from reference_impl.files.content import (
    BATCH_NUMBERS,
    CLASSES,
    LIST_CLASS,
    NUMBERS,
    SLOT_CLASSES,
    BatchEntry,
    Content,
    Entry,
    Flat,
    KeyValueEntry,
    ListEntry,
    SlotEntry,
)
from tools.pages import affine
from tools.pages.templates import render

GOLDENS = Path(__file__).resolve().parents[2] / "fixtures" / "prompt_cache"
NO_METADATA = "no metadata: the empty text"
_LENGTH = 3  # positions of keys and values
_HALVES = ("keys", "values")
_PARTS = ("packed words", "scales", "biases")
# A number that stands for a field, so that it is recognised in a file.
_FIELDS = sorted({name for names in (*NUMBERS.values(), *BATCH_NUMBERS.values()) for name in names})
_MARKS = {name: 1001 + index for index, name in enumerate(_FIELDS) if name != "rotated"}
_SAID = {str(mark): name for name, mark in _MARKS.items()}
_SAID |= {"True": "rotated", "true": "rotated", "256": "step"}


@dataclass(frozen=True)
class Layout:
    """One that is written; `holds_holes` if it has a place for slots that are not set."""

    module: ModuleType
    holds_holes: bool = True

    @property
    def id(self) -> str:
        name: str = self.module.ID
        return name

    @property
    def is_compacted(self) -> bool:
        """Whether texts that stand one after the other say what there is."""
        return hasattr(self.module, "FORM")

    def flat(self, *entries: Entry, user: Mapping[str, str] | None = None) -> Flat:
        """The file of these caches."""
        written: Flat = self.module.write(Content(entries, user or {})).flat
        return written


LAYOUTS = (
    Layout(mlx_lm_0_31, holds_holes=False),
    Layout(mlx_lm_0_28, holds_holes=False),
    Layout(mlx_lm_0_32),
    Layout(mlx_swift_lm),
    Layout(mlxrs_0_1),
)


@dataclass
class Marked:
    """Caches of which each part is known again: tensors by what they are, numbers by `_MARKS`."""

    place: str = ""  # in a list
    tensors: dict[int, str] = field(default_factory=dict)
    kept: list[mx.array] = field(default_factory=list)

    def tensor(self, what: str, *shape: int, dtype: mx.Dtype = mx.float32) -> mx.array:
        made = mx.zeros(shape, dtype)
        self.kept.append(made)
        self.tensors[id(made)] = self.place + what
        return made

    def slots(self, name: str, unset: Sequence[int] = (), rows: bool = True) -> SlotEntry:
        slots = [None if j in unset else self.tensor(f"slot {j}", 2, 4) for j in range(3)]
        padding, lengths = (
            self.tensor(what, 2, dtype=mx.int32) for what in ("left padding", "lengths")
        )
        return SlotEntry(name, tuple(slots), padding if rows else None, lengths if rows else None)

    def filled(self, entry: Entry) -> Entry:
        """The same cache with all of its slots and rows set."""
        if isinstance(entry, ListEntry):
            made = []
            for c, child in enumerate(entry.children):
                self.place = f"child {c}: "
                made.append(self.filled(child))
            self.place = ""
            return replace(entry, children=tuple(made))
        return self.slots(entry.class_name) if isinstance(entry, SlotEntry) else entry

    def key_values(self, name: str) -> KeyValueEntry:
        numbers = {what: _MARKS[what] for what in NUMBERS[name]}
        keys, values = (self._half(half, name == "QuantizedKVCache") for half in _HALVES)
        return KeyValueEntry(name, keys, values, numbers)

    def _half(self, half: str, quantized: bool) -> tuple[mx.array, ...]:
        names = [f"{half}, {part}" for part in _PARTS] if quantized else [half]
        return tuple(self.tensor(name, 1, 1, _LENGTH, 4) for name in names)

    def batch(self, name: str) -> BatchEntry:
        keys, values = (self.tensor(half, 2, 1, _LENGTH, 4) for half in _HALVES)
        offset = self.tensor("offset of each row", 2, dtype=mx.int32)
        padding = self.tensor("left padding", 2, dtype=mx.int32)
        numbers = {what: _MARKS.get(what, True) for what in BATCH_NUMBERS[name]}
        return BatchEntry(name, keys, values, offset, padding, numbers)

    def entry(self, name: str) -> Entry:
        """One cache of a class, with everything set."""
        if name in SLOT_CLASSES:
            return self.slots(name)
        return self.key_values(name) if name in NUMBERS else self.batch(name)


def page() -> str:
    """The whole page."""
    return render(
        "prompt-cache-layouts.md.j2",
        classes={layout.id: [*_classes(layout)] for layout in LAYOUTS},
        examples={layout.id: "\n".join(_example(layout)) for layout in LAYOUTS},
        main="\n".join(_listed("mlx-lm-main-2026-08-22/hybrid")),
        packed="\n".join(_listed("mlx-swift-lm-3.31.4/quantized")),
        quantize=inspect.getsource(affine).split("import struct\n")[1].strip(),
    )


def _classes(layout: Layout) -> Iterator[tuple[str, str, str]]:
    """A class, what its tensors are and what its metadata says, key by key."""
    for name in CLASSES:
        if name == LIST_CLASS or name in layout.module.UNKNOWN:
            continue
        marked = Marked()
        entry = marked.entry(name)
        flat = layout.flat(entry)
        tensors, texts = _roles(layout, marked, flat, [entry])
        metadata = [(f"0.i{key[3:]}", what) for key, what in texts.items() if key.startswith("0.0")]
        said = [(f"i{key[1:]}", what) for key, what in tensors.items()]
        if [what for _, what in metadata] == [NO_METADATA]:
            metadata = [(metadata[0][0], "the empty text")]
        yield name, _cell(said), _cell(metadata)


def _cell(rows: Sequence[tuple[str, str]]) -> str:
    return "<br>".join(f"`{key}` {what}" for key, what in rows)


def _example(layout: Layout) -> Iterator[str]:
    """A file of three layers with what stands under each of its keys."""
    marked = Marked()
    padded = layout.holds_holes
    first = marked.slots("ArraysCache", unset=[1] if padded else [], rows=False)
    if padded:
        first = replace(first, left_padding=marked.tensor("left padding", 2, dtype=mx.int32))
    entries: list[Entry] = [first, marked.key_values("RotatingKVCache")]
    if "CacheList" not in layout.module.UNKNOWN:
        marked.place = "child 0: "
        child = marked.slots("ArraysCache", rows=False)
        marked.place = "child 1: "
        entries.append(ListEntry((child, marked.key_values("KVCache"))))
        marked.place = ""
    flat = layout.flat(*entries, user={"model": "m"})
    tensors, texts = _roles(layout, marked, flat, entries)
    real = layout.flat(*map(_with_real_numbers, entries), user={"model": "m"})
    width = max(map(len, [*tensors, *texts]))
    yield "tensors"
    for key, tensor in real.tensors.items():
        form = f"{str(tensor.dtype).rpartition('.')[2]}{list(tensor.shape)}".replace(" ", "")
        yield f"  {key:<{width}}  {form:<18} cache {key.partition('.')[0]}: {tensors[key]}"
    yield "metadata"
    for key, text in real.metadata.items():
        yield f"  {key:<{width}}  {_quoted(text):<18} {texts[key]}"


def _with_real_numbers(entry: Entry) -> Entry:
    """The same cache with numbers that it could have in place of the marks."""
    real = {"offset": _LENGTH, "keep": 1, "max_size": 4, "idx": 3}
    if isinstance(entry, ListEntry):
        return replace(entry, children=tuple(map(_with_real_numbers, entry.children)))
    if isinstance(entry, KeyValueEntry):
        return replace(entry, numbers={what: real[what] for what in entry.numbers})
    return entry


def _roles(
    layout: Layout, marked: Marked, flat: Flat, entries: Sequence[Entry]
) -> tuple[dict[str, str], dict[str, str]]:
    """What stands under each key of the tensors, and of the metadata."""
    kinds = _kinds(flat)
    filled: dict[str, str] = {}
    if "none" in kinds.values():  # what is missing stands where it would stand if it were there
        whole = layout.flat(*(marked.filled(entry) for entry in entries))
        filled = {key: marked.tensors.get(id(each), "") for key, each in whole.tensors.items()}
    tensors = {
        key: _tensor_role(marked, key, tensor, kinds.get(key), filled)
        for key, tensor in flat.tensors.items()
    }
    if layout.module is mlx_lm_0_32:
        texts = {key: _text_role_of_0_32(key) for key in flat.metadata}
    else:
        texts = {key: _text_role(key, text) for key, text in flat.metadata.items()}
    if layout.is_compacted:
        for i, entry in enumerate(entries):
            found = [key for key in flat.metadata if key.startswith(f"0.{i}.")]
            said = _compacted(entry, [flat.metadata[key] for key in found])
            texts |= {key: f"cache {i}: {what}" if len(entries) > 1 else what
                      for key, what in zip(found, said, strict=True)}  # fmt: skip
    return tensors, texts


def _kinds(flat: Flat) -> dict[str, str]:
    """Of mlx-lm 0.32: the tensors that stand for something else, and for what."""
    table = {key[2:].partition(".")[0] for key in flat.metadata if key.startswith("2.")} - {"0"}
    return {flat.metadata[f"2.{n}.0"]: flat.metadata[f"2.{n}.1"] for n in table
            if f"2.{n}.1" in flat.metadata}  # fmt: skip


def _tensor_role(
    marked: Marked, key: str, tensor: mx.array, kind: str | None, filled: Mapping[str, str]
) -> str:
    if id(tensor) in marked.tensors:
        return marked.tensors[id(tensor)]
    assert kind is not None
    if kind == "none":
        what = filled[key]
    elif kind == "string":
        what = f"class of child {key.split('.')[-2]}"
    else:
        place = f"child {key.split('.')[1]}: " if key.count(".") > 1 else ""
        what = place + ("rotated" if tensor.dtype == mx.bool_ else _SAID[str(tensor.item())])
    return f"{what} ({kind})"


def _text_role(key: str, text: str) -> str:
    """What a text of the layouts says that have a key for each."""
    section, _, rest = key.partition(".")
    if section == "1":
        return f"the user's {rest}"
    if section == "2":
        return f"class of cache {rest}"
    if not text:
        return NO_METADATA
    if text in CLASSES:
        return f"class of child {rest.rpartition('.')[2]}"
    return _SAID.get(text, text)


def _text_role_of_0_32(key: str) -> str:
    """The same where all numbers are tensors: what is left are names."""
    section, _, rest = key.partition(".")
    if section == "2":
        part = rest.partition(".")[2]
        return {"": "always there", "0": "the tensor of this key", "1": "stands for this"}[part]
    return f"class of cache {rest}" if section == "1" else f"the user's {rest}"


def _compacted(entry: Entry, texts: Sequence[str]) -> Iterator[str]:
    """What the texts of mlx-swift-lm and mlxrs say, one after the other."""
    if isinstance(entry, SlotEntry):
        yield from ("number of slots", "slots that are set", "left padding", "lengths")[
            : len(texts)
        ]
    elif isinstance(entry, ListEntry):
        yield "number of children"
        at = 1
        for c, child in enumerate(entry.children):
            yield f"class of child {c}"
            yield from (f"child {c}: how many {what} it has" for what in ("tensors", "texts"))
            count = int(texts[at + 2])
            for what in _compacted(child, texts[at + 3 : at + 3 + count]):
                yield f"child {c}: {what}"
            at += 3 + count
    else:
        yield from (_SAID.get(text, NO_METADATA) for text in texts)


def _listed(golden: str) -> Iterator[str]:
    return shown(parse((GOLDENS / f"{golden}.safetensors").read_bytes()))


def _quoted(text: str) -> str:
    return f'"{text}"'
