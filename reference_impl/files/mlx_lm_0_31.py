"""Layout of mlx-lm 0.28.1 to 0.31.3 (of CacheList: since 0.31.1).

Tensors: `i.j` is slot j, or keys and values, of cache i; `i.j.k` the part k of quantized ones; a
CacheList puts the child first, `i.c.j`. Metadata: `0.i` is the empty text or `0.i.j` the numbers of
cache i, for a CacheList `0.i.0.c` the child's class and `0.i.1.c` its metadata; `1.key` the user's;
`2.i` the class.

It has no form for unset slots, left padding, lengths, and empty caches of the key/value family.
mlx-lm up to 0.28.0 differs only in the numbers of two classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import mlx.core as mx

from reference_impl.files import building as build
from reference_impl.files.content import (
    BATCH_NUMBERS,
    LIST_CLASS,
    NUMBERS,
    SLOT_CLASSES,
    BatchEntry,
    Content,
    Entry,
    Flat,
    KeyValueEntry,
    ListEntry,
    Loss,
    SlotEntry,
    Written,
    trimmed,
    trimmed_batch,
)
from reference_impl.files.errors import BadCache
from reference_impl.files.keys import Items, by_cache, dense, join, leaf, leaves, sections
from reference_impl.files.limits import check_depth

ID = "mlx-lm-0.31"
UNKNOWN: tuple[str, ...] = ()
# Class -> its metadata, in order. A class that is not here has the empty text.
META = {
    "RotatingKVCache": ("keep", "max_size", "offset", "idx"),
    "QuantizedKVCache": ("offset", "group_size", "bits"),
    "ChunkedKVCache": ("chunk_size", "start_position"),
    "BatchRotatingKVCache": ("max_size", "seen", "idx", "rotated"),
}
Meta = Mapping[str, tuple[str, ...]]
SlotsFrom = Callable[[str, str, Items[mx.array]], SlotEntry]


def read(flat: Flat) -> Content:
    """The content of a file in this layout; BadCache or TooLarge."""
    return read_with(flat)


def slots(label: str, key: str, tensors: Items[mx.array]) -> SlotEntry:
    """A slot cache from its tensors, one a slot."""
    return SlotEntry(label, tuple(leaves(tensors, key)))


def read_with(flat: Flat, slots_from: SlotsFrom = slots, meta_of: Meta = META) -> Content:
    """The same where the tensors of a slot cache are arranged in another way, or where a class has
    other numbers.
    """
    parts = sections(flat.metadata, ("0", "1", "2"))
    labels = leaves(parts["2"], "2")
    tensors = by_cache(flat.tensors, "", len(labels))
    meta = by_cache(parts["0"], "0", len(labels))
    reader = _Reader(slots_from, meta_of)
    entries = tuple(
        reader.entry(label, f"2.{i}", str(i), tensors[i], f"0.{i}", meta[i], 0)
        for i, label in enumerate(labels)
    )
    return Content(entries, parts["1"])


class _Reader:
    def __init__(self, slots_from: SlotsFrom, meta_of: Meta) -> None:
        self._slots_from = slots_from
        self._meta_of = meta_of

    def entry(
        self,
        label: str,
        label_key: str,
        key: str,
        tensors: Items[mx.array],
        meta_key: str,
        meta: Items[str],
        depth: int,
    ) -> Entry:
        """One cache. The keys say where its label, tensors and metadata stand in the file."""
        name = build.class_name(label, label_key)
        check_depth(key, depth)
        if name == LIST_CLASS:
            return self._list(key, tensors, meta_key, meta, depth)
        if name in SLOT_CLASSES:
            _no_meta(meta, meta_key)
            return self._slots_from(name, key, tensors)
        if name == "QuantizedKVCache":
            halves = [leaves(half, join(key, str(i))) for i, half in enumerate(dense(tensors, key))]
            if len(halves) != 2 or len(halves[0]) != len(halves[1]):
                raise BadCache(key, f"{name} has keys and values of equally many parts")
            arrays = [*halves[0], *halves[1]]
        else:
            arrays = leaves(tensors, key)
        texts = self._texts(name, meta, meta_key)
        numbers = {
            what: build.whole(text, where, what)
            for what, (where, text) in texts.items()
            if what in (*NUMBERS.get(name, ()), *BATCH_NUMBERS.get(name, ()))
        }
        if name in BATCH_NUMBERS:
            return build.batch(name, key, arrays, numbers)
        extra = {
            what: build.extra(text, where, what)
            for what, (where, text) in texts.items()
            if what not in numbers
        }
        return build.key_value(name, key, arrays, numbers, extra)

    def _texts(self, name: str, meta: Items[str], key: str) -> dict[str, tuple[str, str]]:
        """What the metadata says -> where it stands, and the text."""
        names = self._meta_of.get(name)
        if names is None:
            _no_meta(meta, key)
            return {}
        texts = leaves(meta, key)
        if len(texts) != len(names):
            raise BadCache(key, f"{name} has {len(names)} numbers, not {len(texts)}")
        return {
            what: (f"{key}.{i}", text)
            for i, (what, text) in enumerate(zip(names, texts, strict=True))
        }

    def _list(
        self, key: str, tensors: Items[mx.array], meta_key: str, meta: Items[str], depth: int
    ) -> ListEntry:
        if not tensors and not meta:
            return ListEntry(())
        if "" in meta:
            raise BadCache(
                meta_key, "a CacheList of mlx-lm before 0.31: the classes of its children are lost"
            )
        halves = dense(meta, meta_key)
        if len(halves) != 2:
            raise BadCache(meta_key, "a CacheList has classes and metadata of its children")
        labels = leaves(halves[0], f"{meta_key}.0")
        states = by_cache(tensors, key, len(labels))
        metas = by_cache(halves[1], f"{meta_key}.1", len(labels))
        children = (
            self.entry(
                label,
                f"{meta_key}.0.{i}",
                f"{key}.{i}",
                states[i],
                f"{meta_key}.1.{i}",
                metas[i],
                depth + 1,
            )
            for i, label in enumerate(labels)
        )
        return ListEntry(tuple(children))


def _no_meta(meta: Items[str], key: str) -> None:
    if leaf(meta, key):
        raise BadCache(key, "must be the empty text")


def write(content: Content) -> Written:
    """The content in this layout, and what it loses."""
    return write_with(content)


def write_with(content: Content, meta_of: Meta = META) -> Written:
    """The same where a class has other numbers."""
    writer = _Writer(meta_of)
    for i, entry in enumerate(content.entries):
        writer.entry(str(i), f"0.{i}", entry)
    writer.metadata.update({f"1.{key}": value for key, value in content.user_metadata.items()})
    for i, entry in enumerate(content.entries):
        writer.metadata[f"2.{i}"] = entry.class_name
    return Written(Flat(writer.tensors, writer.metadata), tuple(writer.losses))


class _Writer:
    def __init__(self, meta_of: Meta) -> None:
        self._meta_of = meta_of
        self.tensors: dict[str, mx.array] = {}
        self.metadata: dict[str, str] = {}
        self.losses: list[Loss] = []

    def entry(self, key: str, meta_key: str, entry: Entry) -> None:
        if isinstance(entry, ListEntry):
            for i, child in enumerate(entry.children):
                self.metadata[f"{meta_key}.0.{i}"] = child.class_name
                self.entry(f"{key}.{i}", f"{meta_key}.1.{i}", child)
        elif isinstance(entry, SlotEntry):
            self._slot_cache(key, meta_key, entry)
        elif isinstance(entry, BatchEntry):
            self._batch(key, meta_key, trimmed_batch(entry))
        else:
            self._key_value(key, meta_key, trimmed(entry))

    def _slot_cache(self, key: str, meta_key: str, entry: SlotEntry) -> None:
        self.metadata[meta_key] = ""
        for i, slot in enumerate(entry.slots):
            if slot is None:
                self.losses.append(Loss(f"{key}.{i}", "an unset slot", final=True))
            else:
                self.tensors[f"{key}.{i}"] = slot
        for what in ("left_padding", "lengths"):
            if getattr(entry, what) is not None:
                self.losses.append(Loss(key, what))

    def _key_value(self, key: str, meta_key: str, entry: KeyValueEntry) -> None:
        name = entry.class_name
        if not entry.keys:
            self.losses.append(Loss(key, f"an empty {name}", final=True))
        for half, tensors in enumerate((entry.keys, entry.values)):
            for part, tensor in enumerate(tensors):
                nested = f".{part}" if name == "QuantizedKVCache" else ""
                self.tensors[f"{key}.{half}{nested}"] = tensor
        kept = self._meta_of.get(name, ())
        self._texts(meta_key, name, build.key_value_texts(entry))
        if entry.numbers.get("chunk_size", 0) is None:
            self.losses.append(Loss(key, "a ChunkedKVCache without chunk size", final=True))
        self.losses += build.offset_loss(key, entry, kept)
        self.losses += build.extra_losses(key, entry, kept)

    def _batch(self, key: str, meta_key: str, entry: BatchEntry) -> None:
        name = entry.class_name
        if entry.keys is None or entry.values is None:
            self.losses.append(Loss(key, f"an empty {name}", final=True))
            return
        tensors = (entry.keys, entry.values, entry.offset, entry.left_padding)
        self.tensors |= {f"{key}.{i}": tensor for i, tensor in enumerate(tensors)}
        self._texts(meta_key, name, {what: str(value) for what, value in entry.numbers.items()})

    def _texts(self, meta_key: str, name: str, values: Mapping[str, str]) -> None:
        names = self._meta_of.get(name)
        if names is None:
            self.metadata[meta_key] = ""
        for i, what in enumerate(names or ()):
            self.metadata[f"{meta_key}.{i}"] = values[what]
