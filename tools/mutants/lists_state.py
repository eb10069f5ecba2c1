"""Wrong lists of caches: serialized form, copies, what a list says of itself."""

from __future__ import annotations

import copy
from typing import Any

from reference_impl.errors import (
    CapExceeded,
    KVCacheError,
    LengthMismatch,
    Trap,
    UnknownEnumValue,
)
from reference_impl.integers import parse_lenient
from reference_impl.lists import rules
from tools.mutants.lists import lists, own
from tools.mutants.plain import LM31, LM32, RS, SWIFT3, SWIFT4
from tools.mutants.shared import copied, reads, restoring, writes

# State and metadata


def _flat_backwards(c: Any) -> list[Any]:
    return [array for child in reversed(c.caches) for array in child.state]


def _first_state(c: Any) -> list[Any]:
    return [child.state for child in c.caches][:1]


def _in_one_list(c: Any) -> list[Any]:
    return [array for child in c.caches for array in child.state]


def _labels_alone(c: Any) -> Any:
    labels, _ = rules.labels_and_metadata(c)
    return labels, ["" for _ in labels]


def _labels_and_texts_paired(c: Any) -> Any:
    return tuple(zip(*rules.labels_and_metadata(c), strict=True))


def _without_count(c: Any) -> Any:
    return rules.framed_texts(c)[1:]


def _texts_before_arrays(c: Any) -> Any:
    found = [str(len(c.caches))]
    for child in c.caches:
        texts = child.meta_state
        found += [type(child).__name__, str(len(texts)), str(len(child.state)), *texts]
    return found


def _all_plain(c: Any) -> Any:
    return ["KVCache" if text == "RotatingKVCache" else text for text in rules.framed_texts(c)]


def _backwards(c: Any, value: Any) -> None:
    for child, state in zip(reversed(c.caches), value, strict=False):
        child.state = state


def _to_the_others_nothing(c: Any, value: Any) -> None:
    rules.take_states(c, value)
    for child in c.caches[len(value) :]:
        child.offset = 0


def _half_done(c: Any, value: Any) -> None:
    arrays = list(value)
    for child in c.caches:
        count = len(child.state)
        if len(arrays) < count:
            raise LengthMismatch("state", count, len(arrays))
        child.state, arrays = arrays[:count], arrays[count:]


def _twos(c: Any, value: Any) -> None:
    arrays = list(value)
    for index, child in enumerate(c.caches):
        child.state = arrays[2 * index : 2 * index + 2] or child.state


def _left_over_refused(c: Any, value: Any) -> None:
    if len(value) != sum(len(child.state) for child in c.caches):
        raise Trap("arrays are left over")
    rules.take_flat(c, value)


def _no_metadata(c: Any, value: Any) -> None:
    return None


def _labels_for_metadata(c: Any, value: Any) -> None:
    for child, metadata in zip(c.caches, value[0], strict=False):
        child.meta_state = metadata


# Restoring


def _one_less(c: Any) -> None:
    c.caches = tuple(c.caches)[:-1]


def _twice_the_first(c: Any) -> None:
    c.caches = [c.caches[0]] * len(c.caches)


def _flattened(c: Any) -> None:
    c.caches = tuple(
        inner for child in c.caches for inner in (getattr(child, "caches", None) or (child,))
    )


def _refuse_unset(c: Any) -> None:
    if any(getattr(child, "cache", [0]) in ([], [None, None]) for child in c.caches):
        raise ValueError("a child without arrays")


def _refuse_empty(c: Any) -> None:
    if any(hasattr(child, "keys") and child.keys is None for child in c.caches):
        raise ValueError("a child without tokens")


def _unknown_is_plain(cls: Any, state: Any, meta_state: Any) -> Any:
    labels, texts = meta_state
    labels = [label if label in cls.classes else "KVCache" for label in labels]
    return own(LM31).from_state.__func__(cls, state, (labels, texts))


def _labels_of_python(cls: Any, label: str, state: Any, meta_state: Any) -> Any:
    if label in rules.RUST_NAMES:
        raise UnknownEnumValue("cache class", label, [*cls.classes])
    return own(RS).restore_child.__func__(cls, label, state, meta_state)


def _plain_without_text(cls: Any, label: str, state: Any, meta_state: Any) -> Any:
    if label == "KVCache" and meta_state:
        raise Trap("texts for a plain cache")
    return own(SWIFT4).restore_child.__func__(cls, label, state, meta_state)


def _leniently(dialect: str) -> Any:
    """What is cut or no number is nothing."""

    def from_state(cls: Any, state: Any, meta_state: Any) -> Any:
        if not meta_state or parse_lenient(meta_state[0]) is None:
            return cls()
        return own(dialect).from_state.__func__(cls, state, meta_state)

    return classmethod(from_state)


def _as_far_as_it_goes(dialect: str) -> Any:
    def from_state(cls: Any, state: Any, meta_state: Any) -> Any:
        try:
            return own(dialect).from_state.__func__(cls, state, meta_state)
        except (CapExceeded, LengthMismatch, KVCacheError):
            return cls()

    return classmethod(from_state)


def _negative_is_none(cls: Any, state: Any, meta_state: Any) -> Any:
    if meta_state and meta_state[0].startswith("-"):
        return cls()
    return own(SWIFT4).from_state.__func__(cls, state, meta_state)


def _strict_counts(cls: Any, state: Any, meta_state: Any) -> Any:
    made = own(SWIFT3).from_state.__func__(cls, state, meta_state)
    if any(text.isdecimal() and int(text) > len(state) for text in meta_state[2:3]):
        raise Trap("more arrays than there are")
    return made


# Copies


def _sharing(c: Any) -> Any:
    return c.classes["CacheList"](*c.caches)


def _inner_shared(c: Any) -> Any:
    return c.classes["CacheList"](
        *(child if hasattr(child, "caches") else copy.deepcopy(child) for child in c.caches)
    )


def _first_copied(c: Any) -> Any:
    return type(c)(*(child.copy() for child in c.caches[:1]), *c.caches[1:])


def _resetting(c: Any) -> None:
    for child in c.caches:
        child.offset = 0


def _size_that_trims(c: Any) -> Any:
    found = own(LM32).size(c)
    if found > 1:
        c.caches[0].trim(1)
    return found


MUTANTS = (
    lists("list-state-backwards", RS, ("LIST-011",), "The arrays of the last child stand first.",
          members={"state": reads(own, RS, "state", _flat_backwards)}),
    lists("list-state-of-the-first", LM31, ("LIST-011", "LIST-013"), "The first child is saved.",
          members={"state": reads(own, LM31, "state", _first_state)}),
    lists("list-state-flat", LM31, ("LIST-011",), "All arrays stand in one list.", "mlx-swift-lm",
          members={"state": reads(own, LM31, "state", _in_one_list)}),
    lists("list-state-nested", SWIFT3, ("LIST-011",), "Each child has a list.", "mlx-lm",
          members={"state": reads(own, SWIFT3, "state", rules.states)}),
    lists("list-state-of-the-filled", SWIFT4, ("LIST-011",), "A trimmed child is not saved.",
          members={"state": reads(own, SWIFT4, "state", lambda c: [
              array for child in c.caches for array in child.state
              if getattr(child, "offset", 3) != 2])}),
    lists("list-metadata-of-labels", LM31, ("LIST-012",), "Metadata of the children is not saved.",
          members={"meta_state": reads(own, LM31, "meta_state", _labels_alone)}),
    lists("list-metadata-in-pairs", LM31, ("LIST-012", "LIST-018"),
          "Labels and metadata stand in pairs.",
          members={"meta_state": reads(own, LM31, "meta_state", _labels_and_texts_paired)}),
    lists("list-metadata-without-count", RS, ("LIST-012", "LIST-018"),
          "The number of children is not said.",
          members={"meta_state": reads(own, RS, "meta_state", _without_count)}),
    lists("list-metadata-counts-swapped", SWIFT4, ("LIST-012",),
          "The number of texts stands before that of arrays.",
          members={"meta_state": reads(own, SWIFT4, "meta_state", _texts_before_arrays)}),
    lists("list-metadata-of-plain-caches", SWIFT3, ("LIST-012", "LIST-023"),
          "A window is saved as a plain cache.",
          members={"meta_state": reads(own, SWIFT3, "meta_state", _all_plain)}),
    lists("list-restored-one-fewer", LM31, ("LIST-013",), "The last child is not restored.",
          members={"from_state": restoring(own, LM31, _one_less)}),
    lists("list-restored-the-first", RS, ("LIST-013",), "All children are the first one.",
          members={"from_state": restoring(own, RS, _twice_the_first)}),
    lists("list-restored-flat", LM32, ("LIST-023",), "An inner list is restored as its children.",
          members={"from_state": restoring(own, LM32, _flattened)}),
    lists("list-unset-slots-not-restored", LM31, ("LIST-014",),
          "Slots that were never set are not restored.",
          members={"from_state": restoring(own, LM31, _refuse_unset)}),
    lists("list-empty-child-not-restored", RS, ("LIST-014",),
          "A child without tokens is not restored.", "mlx-lm 0.31",
          members={"from_state": restoring(own, RS, _refuse_empty)}),
    lists("list-empty-child-not-restored-in-python", LM32, ("LIST-014",),
          "A child without tokens is not restored.", "mlx-lm 0.31",
          members={"from_state": restoring(own, LM32, _refuse_empty)}),
    lists("list-unknown-is-plain", LM31, ("LIST-015",), "An unknown label is a plain cache.",
          members={"from_state": classmethod(_unknown_is_plain)}),
    lists("list-labels-of-python", RS, ("LIST-015",), "Only mlx-lm's labels are known.",
          members={"restore_child": classmethod(_labels_of_python)}),
    lists("list-any-label", SWIFT4, ("LIST-016",), "Any label is a cache.",
          members={"restore_child": classmethod(lambda cls, label, state, meta: own(
              SWIFT4).restore_child.__func__(
                  cls, label if label in (*cls.classes, "KVCacheSimple") else "KVCache",
                  state, meta))}),
    lists("list-plain-text-refused", SWIFT4, ("LIST-015",),
          "A plain cache may have no text.", "mlxrs",
          members={"restore_child": classmethod(_plain_without_text)}),
    lists("list-of-no-number", RS, ("LIST-016",), "Metadata that says no number is no child.",
          members={"from_state": _leniently(RS)}),
    lists("list-of-no-number-in-swift", SWIFT3, ("LIST-016",),
          "Metadata that says no number is no child.", members={"from_state": _leniently(SWIFT3)}),
    lists("list-cut-is-none", RS, ("LIST-016",), "A frame that does not fit is no child.",
          members={"from_state": _as_far_as_it_goes(RS)}),
    lists("list-cut-is-none-in-swift", SWIFT4, ("LIST-016",), "A frame that is cut is no child.",
          members={"from_state": _as_far_as_it_goes(SWIFT4)}),
    lists("list-of-fewer-than-none", SWIFT4, ("LIST-016",), "A negative number is no child.",
          members={"from_state": classmethod(_negative_is_none)}),
    lists("list-counts-checked", SWIFT3, ("LIST-016",), "More arrays than there are trap.",
          members={"from_state": classmethod(_strict_counts)}),
    lists("list-state-taken-backwards", LM31, ("LIST-019",), "State goes to the last child first.",
          members={"state": writes(own, LM31, "state", _backwards)}),
    lists("list-state-for-all", LM31, ("LIST-019",), "A child without a state is emptied.",
          members={"state": writes(own, LM31, "state", _to_the_others_nothing)}),
    lists("list-state-half-done", RS, ("LIST-019",), "State is taken before it is counted.",
          "mlx-swift-lm", members={"state": writes(own, RS, "state", _half_done)}),
    lists("list-flat-state-backwards", RS, ("LIST-019",), "The last arrays are the first child's.",
          members={"state": writes(own, RS, "state", lambda c, value: rules.take_all_flat(
              c, [*value[2:], *value[:2]]))}),
    lists("list-state-in-twos", SWIFT3, ("LIST-019",), "A child that gets no arrays stays.",
          members={"state": writes(own, SWIFT3, "state", _twos)}),
    lists("list-state-left-over", SWIFT4, ("LIST-019",), "Arrays that are left over trap.",
          members={"state": writes(own, SWIFT4, "state", _left_over_refused)}),
    lists("list-metadata-ignored", LM31, ("LIST-020",), "Metadata is not looked at.",
          members={"meta_state": writes(own, LM31, "meta_state", _no_metadata)}),
    lists("list-labels-as-metadata", LM31, ("LIST-020",), "Children get labels for metadata.",
          members={"meta_state": writes(own, LM31, "meta_state", _labels_for_metadata)}),
    lists("list-metadata-alone", RS, ("LIST-020",), "Metadata without state is ignored.",
          members={"meta_state": writes(own, RS, "meta_state", _no_metadata)}),
    lists("list-copy-shares", LM31, ("LIST-021",), "A copy has the children of its original.",
          "copy.copy of an mlx-lm cache", members={"__reduce_ex__": copied(_sharing)},
          sequence=True),
    lists("list-copy-shares-inner", LM32, ("LIST-023",), "A copy shares inner lists.",
          members={"__reduce_ex__": copied(_inner_shared)}, sequence=True),
    lists("list-copies-the-first", RS, ("LIST-021",), "A copy shares all children but the first.",
          members={"copy": _first_copied}, sequence=True),
    lists("list-copy-of-the-first", SWIFT3, ("LIST-021",), "A copy has the first child alone.",
          members={"copy": lambda c: type(c)(*(child.copy() for child in c.caches[:1]))}),
    lists("list-copy-is-itself", SWIFT4, ("LIST-021",), "A copy is the original.",
          members={"copy": lambda c: c}, sequence=True),
    lists("list-materialize-resets", RS, ("LIST-022",), "Materializing resets the children.",
          members={"materialize": _resetting}),
    lists("list-size-trims", LM32, ("LIST-022",), "Asking for the size takes a token back.",
          members={"size": _size_that_trims}),
    lists("list-label-of-rust", RS, ("LIST-017",), "The label is KvCacheList.",
          members={"reference_class_name": "KvCacheList"}),
    lists("list-has-a-greatest-size", SWIFT3, ("LIST-017",), "The greatest size is the first's.",
          members={"max_size": property(lambda c: max(
              (getattr(child, "max_size", None) or 0 for child in c.caches), default=None))}),
)  # fmt: skip
