"""What mlx-swift-lm and mlxrs share: `i.j` are the tensors that cache i has, unset slots left out.

Metadata is a list of texts `0.i.j`: for a slot cache the slot count, the set slots, left padding
and lengths, numbers joined by commas; for a CacheList the child count, then for each child its
class, its number of tensors, its number of texts and the texts. `1.key` is the user's, `2.i` the
class. The two differ in the numbers of the key/value family, and in how a cache without metadata
is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import mlx.core as mx

from reference_impl.files import building as build
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
    Loss,
    SlotEntry,
    Written,
    trimmed,
    trimmed_batch,
)
from reference_impl.files.errors import BadCache, UnknownClass, shown
from reference_impl.files.keys import by_cache, count_of, leaf, leaves, number, numbers, sections
from reference_impl.files.limits import Slots, check_depth


@dataclass(frozen=True)
class Form:
    """Where the two differ. `plain` is the metadata of a cache that has none; a class may have
    several forms of `meta`, of which the first is written. `scalar`: no texts are spelled `0.i`.
    `classes` are those that the readers know.
    """

    plain: tuple[str, ...]
    scalar: bool
    lengths: bool
    meta: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    classes: frozenset[str] = frozenset(CLASSES)


def read(flat: Flat, form: Form) -> Content:
    """The content of a file; BadCache or TooLarge."""
    parts = sections(flat.metadata, ("0", "1", "2"))
    labels = leaves(parts["2"], "2")
    tensors = by_cache(flat.tensors, "", len(labels))
    meta = by_cache(parts["0"], "0", len(labels))
    reader = _Reader(form)
    entries = []
    for i, label in enumerate(labels):
        build.class_name(label, f"2.{i}")
        texts = [] if form.scalar and _is_plain(meta[i], f"0.{i}") else leaves(meta[i], f"0.{i}")
        arrays = leaves(tensors[i], str(i))
        entries.append(reader.entry(label, f"2.{i}", str(i), arrays, f"0.{i}", texts, 0))
    return Content(tuple(entries), parts["1"])


def _is_plain(meta: dict[str, str], key: str) -> bool:
    if "" in meta and leaf(meta, key):
        raise BadCache(key, "must be the empty text")
    return "" in meta


class _Reader:
    def __init__(self, form: Form) -> None:
        self._form = form
        self._budget = Slots()

    def entry(
        self,
        label: str,
        label_key: str,
        key: str,
        arrays: Sequence[mx.array],
        meta_key: str,
        texts: Sequence[str],
        depth: int,
    ) -> Entry:
        name = build.class_name(label, label_key)
        if name not in self._form.classes:
            raise UnknownClass(label_key, f"{shown(name)} is not a class of this layout's readers")
        check_depth(key, depth)
        if name == LIST_CLASS:
            return self._list(key, arrays, meta_key, texts, depth)
        if name in SLOT_CLASSES:
            return self._slot_cache(name, key, arrays, meta_key, texts)
        if name in BATCH_NUMBERS:
            return self._batch(name, key, arrays, meta_key, texts)
        return self._key_value(name, key, arrays, meta_key, texts)

    def _slot_cache(
        self, name: str, key: str, arrays: Sequence[mx.array], meta_key: str, texts: Sequence[str]
    ) -> SlotEntry:
        most = 4 if self._form.lengths else 3
        if not 2 <= len(texts) <= most:
            raise BadCache(meta_key, f"{name} has 2 to {most} texts of metadata, not {len(texts)}")
        count = self._budget.take(f"{meta_key}.0", number(texts[0], f"{meta_key}.0"))
        if count_of(texts[1]) != len(arrays):
            raise BadCache(key, f"{len(arrays)} tensors for {count_of(texts[1])} set slots")
        written = numbers(texts[1], f"{meta_key}.1")
        if any(a >= b for a, b in zip(written, [*written[1:], count], strict=False)):
            raise BadCache(f"{meta_key}.1", f"must be ascending slots below {count}")
        slots: list[mx.array | None] = [None] * count
        for position, array in zip(written, arrays, strict=True):
            slots[position] = array
        padding = build.rows_from_text(texts[2], f"{meta_key}.2") if len(texts) > 2 else None
        if len(texts) < 4:
            return SlotEntry(name, tuple(slots), padding)
        # With lengths the third text must be there, so that an empty one says nothing.
        lengths = build.rows_from_text(texts[3], f"{meta_key}.3")
        return SlotEntry(name, tuple(slots), padding if texts[2] else None, lengths)

    def _batch(
        self, name: str, key: str, arrays: Sequence[mx.array], meta_key: str, texts: Sequence[str]
    ) -> BatchEntry:
        rows: list[mx.array | None] = [None, None, mx.zeros([0], mx.int32), mx.zeros([0], mx.int32)]
        names = self._names(name, meta_key, texts)
        numbers = {
            what: build.whole(text, f"{meta_key}.{position}", what)
            for position, (what, text) in enumerate(zip(names, texts, strict=True))
        }
        return build.batch(name, key, arrays or rows, numbers)

    def _names(self, name: str, meta_key: str, texts: Sequence[str]) -> tuple[str, ...]:
        """What the texts say, one name each."""
        forms = self._form.meta.get(name)
        if forms is None and tuple(texts) != self._form.plain:
            raise BadCache(meta_key, f"{name} has no metadata")
        names = next((names for names in forms or ((),) if len(names) == len(texts)), ())
        if forms is not None and not names:
            wanted = " or ".join(str(len(names)) for names in forms)
            raise BadCache(meta_key, f"{name} has {wanted} texts, not {len(texts)}")
        return names

    def _key_value(
        self, name: str, key: str, arrays: Sequence[mx.array], meta_key: str, texts: Sequence[str]
    ) -> KeyValueEntry:
        names = self._names(name, meta_key, texts)
        counts: dict[str, int | None] = {}
        extra: dict[str, str] = {}
        for position, what in enumerate(names):
            place = f"{meta_key}.{position}"
            if what in NUMBERS[name]:
                counts[what] = build.whole(texts[position], place, what)
            else:
                extra[what] = build.extra(texts[position], place, what)
        return build.key_value(name, key, arrays, counts, extra)

    def _list(
        self,
        key: str,
        arrays: Sequence[mx.array],
        meta_key: str,
        texts: Sequence[str],
        depth: int,
    ) -> ListEntry:
        if not texts:
            raise BadCache(meta_key, "a CacheList begins with the number of its children")
        count = number(texts[0], f"{meta_key}.0")
        children: list[Entry] = []
        at, taken = 1, 0
        for c in range(count):
            frame = f"{meta_key}.{at}"
            if at + 3 > len(texts):
                raise BadCache(frame, f"the metadata ends before child {c} of {count}")
            states = number(texts[at + 1], f"{meta_key}.{at + 1}")
            metas = number(texts[at + 2], f"{meta_key}.{at + 2}")
            at += 3
            if taken + states > len(arrays) or at + metas > len(texts):
                raise BadCache(frame, f"child {c} claims more tensors or texts than there are")
            children.append(
                self.entry(
                    texts[at - 3],
                    frame,
                    f"{key}.{taken}",
                    arrays[taken : taken + states],
                    f"{meta_key}.{at}",
                    texts[at : at + metas],
                    depth + 1,
                )
            )
            at, taken = at + metas, taken + states
        if taken != len(arrays) or at != len(texts):
            raise BadCache(key, "has tensors or texts that belong to no child")
        return ListEntry(tuple(children))


def write(content: Content, form: Form) -> Written:
    """The content, and what it loses."""
    tensors: dict[str, mx.array] = {}
    metadata: dict[str, str] = {}
    losses: list[Loss] = []
    for i, entry in enumerate(content.entries):
        arrays, texts = _parts(str(i), entry, form, losses)
        tensors |= {f"{i}.{j}": array for j, array in enumerate(arrays)}
        if form.scalar and not texts:
            metadata[f"0.{i}"] = ""
        metadata |= {f"0.{i}.{j}": text for j, text in enumerate(texts)}
    metadata |= {f"1.{key}": value for key, value in content.user_metadata.items()}
    metadata |= {f"2.{i}": entry.class_name for i, entry in enumerate(content.entries)}
    return Written(Flat(tensors, metadata), tuple(losses))


def _parts(
    key: str, entry: Entry, form: Form, losses: list[Loss]
) -> tuple[list[mx.array], list[str]]:
    if isinstance(entry, SlotEntry):
        arrays = [slot for slot in entry.slots if slot is not None]
        return arrays, _slot_texts(key, entry, form, losses)
    if isinstance(entry, ListEntry):
        arrays, texts = [], [str(len(entry.children))]
        for c, child in enumerate(entry.children):
            inner, more = _parts(f"{key}.{c}", child, form, losses)
            arrays += inner
            texts += [child.class_name, str(len(inner)), str(len(more)), *more]
        return arrays, texts
    if isinstance(entry, BatchEntry):
        if entry.keys is None and entry.left_padding.size:
            losses.append(Loss(key, f"the left padding of an empty {entry.class_name}"))
        return _batch_parts(entry, form)
    entry = trimmed(entry)
    names = form.meta.get(entry.class_name, ((),))
    chosen = next((n for n in names if set(n) >= set(entry.extra)), names[0])
    values = build.key_value_texts(entry)
    losses += build.offset_loss(key, entry, chosen)
    losses += build.extra_losses(key, entry, chosen)
    texts = [values[what] for what in chosen] or list(form.plain)
    return [*entry.keys, *entry.values], texts


def _batch_parts(entry: BatchEntry, form: Form) -> tuple[list[mx.array], list[str]]:
    entry = trimmed_batch(entry)
    (names,) = form.meta.get(entry.class_name, ((),))
    texts = [str(entry.numbers[what]).lower() for what in names] or list(form.plain)
    if entry.keys is None or entry.values is None:
        return [], texts
    return [entry.keys, entry.values, entry.offset, entry.left_padding], texts


def _slot_texts(key: str, entry: SlotEntry, form: Form, losses: list[Loss]) -> list[str]:
    written = ",".join(str(i) for i, slot in enumerate(entry.slots) if slot is not None)
    texts = [str(len(entry.slots)), written]
    padding = build.rows_as_text(entry.left_padding, key, "left_padding", losses)
    lengths = build.rows_as_text(entry.lengths, key, "lengths", losses) if form.lengths else None
    if entry.lengths is not None and not form.lengths:
        losses.append(Loss(key, "lengths"))
    if padding is not None or lengths is not None:
        texts.append(padding or "")
    if lengths is not None:
        if padding == "":
            losses.append(Loss(key, "an empty left_padding beside lengths is read as unset"))
        texts.append(lengths)
    return texts
